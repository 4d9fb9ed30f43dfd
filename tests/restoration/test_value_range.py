"""Pictures that use a part of their scale, or leave it: cleaned as well as those that use all of it, by every model."""

import numpy as np
import pytest
from scenes import noise, scene

from denoise_ae import Denoiser
from denoise_ae.measure.metrics import psnr
from denoise_ae.pixels.masked import MaskedImage
from denoise_ae.restoration.value_range import ValueRange, measure_range

MODELS = ("photo", "photo-int8", "photo-fast")


@pytest.fixture(scope="module", params=MODELS)
def denoiser(request):
    return Denoiser(request.param, threads=2)


@pytest.fixture(scope="module")
def clean():
    return scene(192)


@pytest.fixture(scope="module")
def noisy(clean):
    return (clean + noise(3, 13, side=192)).clip(0, 1).astype(np.float32)


def test_twelve_bits_in_sixteen_are_cleaned_as_sixteen_are(denoiser, clean, noisy):
    wide = denoiser.clean(np.rint(noisy * 65535).astype(np.uint16)) / np.float32(65535)
    narrow = denoiser.clean(np.rint(noisy * 4095).astype(np.uint16)) / np.float32(4095)
    assert psnr(narrow, clean) >= psnr(wide, clean) - 0.3


@pytest.mark.parametrize("scale", [0.03, 8.0, 1000.0])
def test_floating_point_of_any_scale(denoiser, clean, noisy, scale):
    usual = denoiser.clean(noisy)
    scaled = denoiser.clean(noisy * np.float32(scale)) / np.float32(scale)
    assert psnr(scaled, clean) >= psnr(usual, clean) - 0.3


def test_a_glaring_spot_spoils_nothing_around_it(denoiser, clean, noisy):
    dim, truth = noisy * np.float32(0.05), clean * np.float32(0.05)
    spot = dim.copy()
    spot[90:92, 90:92] = 1000  # a single one would be a hot pixel
    result = denoiser.clean(spot)
    rows, columns = np.mgrid[:192, :192]
    far = np.hypot(rows - 90.5, columns - 90.5) > 4.5

    def error(picture):
        return float(np.sqrt(np.square((picture - truth)[far]).mean()))

    assert error(result) <= 1.1 * error(denoiser.clean(dim))
    assert result[far].min() >= 0
    assert result[90:92, 90:92].min() > 500


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
def test_pictures_that_use_their_scale_are_left_as_they_are(kind, noisy):
    peak = 1 if kind is np.float32 else np.iinfo(kind).max
    assert measure_range(MaskedImage((noisy * peak).astype(kind))).gain == 1


def test_black_has_no_range():
    assert measure_range(MaskedImage(np.zeros((40, 40, 3), np.uint8))) == ValueRange()


def test_the_level_that_is_told_is_on_the_pictures_scale(denoiser, noisy):
    usual, dim = denoiser.restore(noisy), denoiser.restore(noisy * np.float32(0.1))
    assert dim.sigma == pytest.approx(0.1 * usual.sigma, rel=0.05)


def test_a_given_level_is_on_the_pictures_scale(denoiser, clean, noisy):
    usual = denoiser.clean(noisy, sigma=13)
    dim = denoiser.clean(noisy * np.float32(0.1), sigma=1.3) * np.float32(10)
    assert psnr(dim, clean) >= psnr(usual, clean) - 0.3
