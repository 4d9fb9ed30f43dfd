"""A picture cleaned in parts, as a window shows it, is the picture cleaned whole."""

import numpy as np
import pytest
from tiny import pattern

from denoise_ae.errors import Interrupted, UsageError
from denoise_ae.modelfiles.runtime import Interrupt
from denoise_ae.pixels.convert import from_unit, join_alpha, split_alpha, to_unit
from denoise_ae.pixels.masked import MaskedImage
from denoise_ae.restoration.cleaning import mean_level
from denoise_ae.restoration.denoiser import Denoiser


def assemble(denoiser, image, sigma, strength, side):
    """A picture made of parts, each cleaned alone."""
    masked = MaskedImage(image)
    colour, alpha = split_alpha(to_unit(image))
    clean = np.atleast_3d(colour).copy()
    height, width = image.shape[:2]
    base, mix = max(1.0, strength), min(1.0, strength)
    for top in range(0, height, side):
        for left in range(0, width, side):
            window = slice(top, min(top + side, height)), slice(left, min(left + side, width))
            clean[window] += mix * denoiser.residual(masked, window, sigma, base).pixels
    return from_unit(join_alpha(clean.reshape(colour.shape), alpha), image.dtype)


@pytest.mark.parametrize("strength", [0.5, 1.0, 1.5])
@pytest.mark.parametrize(
    ("name", "sigma", "image"),
    [
        ("rgb", None, pattern(70, 90)),
        ("told", 20.0, pattern(61, 77)),
        ("told", None, pattern(70, 90)),
        ("pooling", None, pattern(75, 93)),
        ("pooling", None, pattern(3, 200)),
        ("gray", None, pattern(70, 90)),
        ("rgb", None, pattern(70, 90)[..., 0]),
        ("cell", None, pattern(84, 56)[..., 0]),
    ],
)
def test_parts_equal_the_whole(network, name, sigma, image, strength):
    denoiser = Denoiser(network(name), threads=1)
    whole = denoiser.clean(image, sigma, strength)
    parts = assemble(denoiser, image, sigma, strength, side=32)
    assert np.abs(parts.astype(int) - whole).max() <= 1
    assert np.abs(whole.astype(int) - image).max() > 1


@pytest.mark.parametrize("model", ["photo", "photo-gaussian"])
def test_parts_equal_the_whole_with_the_real_models(model):
    image = np.clip(pattern(300, 330) + np.random.default_rng(3).normal(0, 20, (300, 330, 3)), 0, 255).astype(np.uint8)
    denoiser = Denoiser(model, threads=1)
    whole = denoiser.clean(image)
    parts = assemble(denoiser, image, None, 1.0, side=170)
    assert np.abs(parts.astype(int) - whole).max() <= 1


def test_parts_equal_the_whole_beside_pixels_that_do_not_count(network):
    image = np.dstack([pattern(120, 150), np.full((120, 150), 255, np.uint8)])
    image[20:100, 30:110] = (255, 0, 255, 0)
    denoiser = Denoiser(network("rgb"), threads=1)
    parts = assemble(denoiser, image, None, 1.0, side=40)
    assert np.abs(parts.astype(int) - denoiser.clean(image)).max() <= 1
    assert (parts[20:100, 30:110] == image[20:100, 30:110]).all()


def test_the_levels_of_parts_make_the_level_of_the_whole():
    image = np.clip(128 + np.random.default_rng(5).normal(0, 20, (320, 320, 3)), 0, 255).astype(np.uint8)
    denoiser = Denoiser(threads=1)
    masked = MaskedImage(image)
    levels = [denoiser.residual(masked, (slice(top, top + 160), slice(0, 320))).levels for top in (0, 160)]
    whole = denoiser.restore(image).sigma
    assert mean_level(np.concatenate(levels)) == pytest.approx(whole, rel=0.05)


def test_a_residual_can_be_interrupted():
    denoiser = Denoiser(threads=1)
    interrupt = Interrupt()
    interrupt.set()
    with pytest.raises(Interrupted):
        denoiser.residual(MaskedImage(pattern(64, 64)), (slice(0, 64), slice(0, 64)), interrupt=interrupt)
    assert denoiser.clean(pattern(16, 16)).shape == (16, 16, 3)


def test_a_residual_of_nothing_is_refused(network):
    denoiser = Denoiser(network("rgb"), threads=1)
    with pytest.raises(UsageError, match="has no residual"):
        denoiser.residual(MaskedImage(pattern(9, 9)), (slice(0, 9), slice(0, 9)), strength=0)
