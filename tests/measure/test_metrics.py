"""PSNR and SSIM against the definition and against scikit-image."""

import math

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from denoise_ae.errors import ImageError
from denoise_ae.measure.metrics import psnr, ssim


def noisy_pair(shape, dtype, seed=0):
    """A smooth picture and the same with noise of a tenth of white."""
    rng = np.random.default_rng(seed)
    ramp = np.linspace(0.2, 0.8, math.prod(shape)).reshape(shape)
    noisy = np.clip(ramp + rng.normal(0, 0.1, shape), 0, 1)
    scale = 1.0 if np.dtype(dtype).kind == "f" else np.iinfo(dtype).max
    return (ramp * scale).astype(dtype), (noisy * scale).astype(dtype), scale


SHAPES = [(64, 48), (65, 31, 3), (200, 11), (11, 11, 3), (139, 64, 4)]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
@pytest.mark.parametrize("shape", SHAPES)
def test_psnr_is_scikit_images(shape, dtype):
    a, b, scale = noisy_pair(shape, dtype)
    assert psnr(a, b) == pytest.approx(peak_signal_noise_ratio(a, b, data_range=scale), abs=1e-5)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
@pytest.mark.parametrize("shape", SHAPES)
def test_ssim_is_scikit_images(shape, dtype):
    a, b, scale = noisy_pair(shape, dtype)
    expected = structural_similarity(
        a.astype(np.float64),
        b.astype(np.float64),
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=scale,
        channel_axis=2 if len(shape) == 3 else None,
    )
    assert 0.05 < expected < 0.95  # far enough from the ends that agreeing means something
    assert ssim(a, b) == pytest.approx(expected, abs=1e-6)


def test_psnr_of_a_known_error():
    a = np.full((5, 7), 100, np.uint8)
    assert psnr(a, a + np.uint8(10)) == pytest.approx(20 * math.log10(255 / 10))
    # uint8 must not wrap around: 5 - 250 is -245, not 11.
    assert psnr(np.full((4, 4), 5, np.uint8), np.full((4, 4), 250, np.uint8)) < 1


def test_one_wrong_channel_is_a_third_of_the_error():
    a = np.zeros((8, 8, 3), np.float32)
    b = a.copy()
    b[..., 1] = 0.3
    assert psnr(a, b) == pytest.approx(10 * math.log10(3 / 0.09), abs=1e-5)


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (2, 3), (10, 10), (4, 30, 3), (28, 28)])
def test_equal_pictures_of_any_size(shape):
    a = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
    assert psnr(a, a) == math.inf
    assert ssim(a, a) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (2, 3), (10, 10)])
def test_ssim_of_small_pictures_sees_a_difference(shape):
    a, b, _ = noisy_pair(shape, np.float32)
    assert -1 <= ssim(a, b + 0.2) < 0.99


def test_ssim_of_a_flat_pixel_is_its_luminance_term():
    a, b = np.full((1, 1), 0.5), np.full((1, 1), 0.25)
    assert ssim(a, b) == pytest.approx((2 * 0.5 * 0.25 + 1e-4) / (0.25 + 0.0625 + 1e-4))


def test_peak_says_what_white_is():
    a, b, _ = noisy_pair((32, 32), np.float64)
    assert psnr(a * 255, b * 255, peak=255) == pytest.approx(psnr(a, b))
    assert ssim(a * 255, b * 255, peak=255) == pytest.approx(ssim(a, b))


@pytest.mark.parametrize("measure", [psnr, ssim])
def test_pictures_that_can_not_be_compared(measure):
    with pytest.raises(ImageError, match="4 x 4 and 4 x 5"):
        measure(np.zeros((4, 4)), np.zeros((4, 5)))
    with pytest.raises(ImageError, match="uint8 and uint16"):
        measure(np.zeros((4, 4), np.uint8), np.zeros((4, 4), np.uint16))
    with pytest.raises(ImageError, match="without pixels"):
        measure(np.zeros((0, 4)), np.zeros((0, 4)))
    with pytest.raises(TypeError, match="int64"):
        measure(np.zeros((4, 4), np.int64), np.zeros((4, 4), np.int64))


@pytest.mark.parametrize("measure", [psnr, ssim])
def test_nan_is_not_hidden(measure):
    a, b, _ = noisy_pair((32, 32), np.float32)
    b[20, 20] = np.nan
    assert math.isnan(measure(a, b))
