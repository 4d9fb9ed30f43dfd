"""Luminance and colour cleaned apart, and gray stored as RGB."""

import numpy as np
import pytest
from scenes import noise, scene

from denoise_ae import Denoiser, UsageError
from denoise_ae.pixels.opponent import LUMA_WEIGHTS


@pytest.fixture(scope="module")
def denoiser():
    return Denoiser("photo", threads=2)


@pytest.fixture(scope="module")
def picture():
    """Noise in colours that reach black and white, uint8."""
    contrasty = (scene(160) - 0.5) * 1.5 + 0.5
    return np.rint((contrasty + noise(5, 20, side=160)).clip(0, 1) * 255).astype(np.uint8)


def luma(pixels):
    return pixels.astype(np.float64) @ LUMA_WEIGHTS


def colour(pixels):
    return pixels - luma(pixels)[..., None]


def roughness(plane):
    return float(np.diff(plane.astype(np.float64), axis=1).std())


def test_luma_0_leaves_luma_and_cleans_colour(denoiser, picture):
    clean = denoiser.clean(picture, luma=0)
    assert np.abs(luma(clean) - luma(picture)).max() < 1
    assert roughness(colour(clean)[..., 0]) < 0.5 * roughness(colour(picture)[..., 0])


def test_chroma_0_cleans_luma(denoiser, picture):
    clean = denoiser.clean(picture, chroma=0)
    assert roughness(luma(clean)) < 0.5 * roughness(luma(picture))
    inside = ((picture > 60) & (picture < 195)).all(axis=2)
    assert np.abs(colour(clean) - colour(picture))[inside].max() < 1.5


def test_grain_stays_while_colour_goes(denoiser, picture):
    gentle = denoiser.clean(picture, luma=0.3, chroma=1)
    full = denoiser.clean(picture)
    assert roughness(luma(full)) < roughness(luma(gentle)) < roughness(luma(picture))
    assert roughness(colour(gentle)[..., 0]) < 0.5 * roughness(colour(picture)[..., 0])


def test_both_default_to_the_strength(denoiser, picture):
    np.testing.assert_array_equal(
        denoiser.clean(picture, strength=0.6), denoiser.clean(picture, strength=0, luma=0.6, chroma=0.6)
    )
    np.testing.assert_array_equal(denoiser.clean(picture, luma=0, chroma=0), picture)


@pytest.mark.parametrize(("luma_strength", "chroma_strength"), [(1.4, 1.0), (1.0, 1.4)])
def test_beyond_1_each_is_as_the_strength_alone(denoiser, picture, luma_strength, chroma_strength):
    both = denoiser.clean(picture, luma=luma_strength, chroma=chroma_strength).astype(int)
    inside = ((picture > 60) & (picture < 195)).all(axis=2)
    expected = luma(denoiser.clean(picture, strength=luma_strength))
    assert np.abs(luma(both) - expected)[inside].max() < 1.5
    expected = colour(denoiser.clean(picture, strength=chroma_strength))
    assert np.abs(colour(both) - expected)[inside].max() < 2


@pytest.mark.parametrize("strengths", [{"luma": -0.1}, {"chroma": 1.6}, {"luma": float("nan")}])
def test_a_strength_out_of_range(denoiser, picture, strengths):
    with pytest.raises(UsageError, match="out of range"):
        denoiser.clean(picture, **strengths)


@pytest.mark.parametrize("model", ["photo", "photo-int8", "photo-fast", "photo-gaussian"])
def test_gray_stored_as_rgb_stays_gray(model, picture):
    gray = np.ascontiguousarray(picture[..., 1])
    clean = Denoiser(model, threads=2).clean(np.dstack([gray] * 3))
    np.testing.assert_array_equal(clean[..., 0], clean[..., 1])
    np.testing.assert_array_equal(clean[..., 0], clean[..., 2])
    np.testing.assert_array_equal(clean[..., 0], Denoiser(model, threads=2).clean(gray))
