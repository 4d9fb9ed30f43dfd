"""Corruptions do what their units say, and would be caught doing nothing."""

import numpy as np
import pytest

from denoise_ae.errors import UsageError
from denoise_ae.noise.corruptions import NOISE_TYPES, NumpySource, check_level, corrupt
from denoise_ae.noise.estimate import estimate_sigma

LEVELS = {
    "gaussian": 25,
    "uniform": 40,
    "poisson": 30,
    "speckle": 0.2,
    "salt-pepper": 0.1,
    "mask": 0.3,
    "jpeg": 10,
    "camera": 100,
    "strokes": 0.1,
    "spots": 0.1,
    "text": 0.1,
}
SIDE = 256


def flat(value, channels=None):
    return np.full((SIDE, SIDE) if channels is None else (SIDE, SIDE, channels), value, np.float32)


def noise_of(noise_type, level, value=0.5, seed=0, channels=3):
    clean = flat(value, channels)
    return corrupt(clean, noise_type, level, NumpySource(seed)).astype(np.float64) - clean


def test_every_type_is_tested():
    assert set(LEVELS) == set(NOISE_TYPES)


# Standard deviations within 2 %: with some 200,000 samples chance alone moves them by 0.3 %, so that noise of the
# wrong strength, variance for deviation, or none at all fails.
@pytest.mark.parametrize(
    ("noise_type", "level", "value", "deviation"),
    [
        ("gaussian", 25, 0.5, 25 / 255),
        ("gaussian", 5, 0.0, 5 / 255),
        ("uniform", 40, 0.5, 40 / 255 / np.sqrt(3)),
        ("poisson", 30, 0.5, np.sqrt(0.5 / 30)),
        ("poisson", 30, 0.125, np.sqrt(0.125 / 30)),
        ("speckle", 0.2, 0.5, 0.1),
        ("speckle", 0.2, 0.25, 0.05),
    ],
)
def test_moments(noise_type, level, value, deviation):
    noise = noise_of(noise_type, level, value)
    assert noise.std() == pytest.approx(deviation, rel=0.02)
    assert abs(noise.mean()) < 0.02 * deviation
    neighbours = np.corrcoef(noise[:, 1:, 0].ravel(), noise[:, :-1, 0].ravel())[0, 1]
    channels = np.corrcoef(noise[..., 0].ravel(), noise[..., 1].ravel())[0, 1]
    assert abs(neighbours) < 0.02
    assert abs(channels) < 0.02


def test_shapes_of_the_distributions():
    assert np.abs(noise_of("uniform", 40)).max() == pytest.approx(40 / 255, rel=1e-3)
    gaussian = noise_of("gaussian", 40)
    assert (gaussian**4).mean() / (gaussian**2).mean() ** 2 == pytest.approx(3, abs=0.05)
    counts = (noise_of("poisson", 30) + 0.5) * 30
    assert np.abs(counts - np.rint(counts)).max() < 1e-4


@pytest.mark.parametrize("fraction", [0.1, 0.5, 1.0])
def test_salt_and_pepper_hit_whole_pixels_half_and_half(fraction):
    noisy = corrupt(flat(0.5, 3), "salt-pepper", fraction, NumpySource(3))
    assert (noisy == noisy[..., :1]).all()
    assert (noisy == 1).mean() == pytest.approx(fraction / 2, abs=0.01)
    assert (noisy == 0).mean() == pytest.approx(fraction / 2, abs=0.01)
    assert (noisy == 0.5).mean() == pytest.approx(1 - fraction, abs=0.01)


@pytest.mark.parametrize("fraction", [0.3, 1.0])
def test_mask_blacks_out_whole_pixels(fraction):
    noisy = corrupt(flat(0.7, 3), "mask", fraction, NumpySource(3))
    assert (noisy == noisy[..., :1]).all()
    assert (noisy == 0).mean() == pytest.approx(fraction, abs=0.01)
    assert set(np.unique(noisy)) <= {0, np.float32(0.7)}


@pytest.mark.parametrize("shape", [(40, 56), (40, 56, 3)])
def test_jpeg_gets_worse_with_lower_quality(shape):
    ramp = np.random.default_rng(0).random(shape, dtype=np.float32) * 0.2 + np.linspace(0.2, 0.6, 56).reshape(
        (1, 56, 1)[: len(shape)]
    ).astype(np.float32)
    errors = [np.abs(corrupt(ramp, "jpeg", quality, NumpySource(0)) - ramp).mean() for quality in (95, 50, 5)]
    assert 0 < errors[0] < errors[1] < errors[2] < 0.2


@pytest.mark.parametrize("noise_type", NOISE_TYPES)
@pytest.mark.parametrize("shape", [(24, 31), (24, 31, 3), (1, 1)])
def test_shape_and_type_stay_and_the_input_is_untouched(noise_type, shape):
    clean = np.random.default_rng(0).random(shape, dtype=np.float32)
    before = clean.copy()
    noisy = corrupt(clean, noise_type, LEVELS[noise_type], NumpySource(0))
    assert noisy.shape == shape
    assert noisy.dtype == np.float32
    assert np.array_equal(clean, before)


@pytest.mark.parametrize("noise_type", [name for name in NOISE_TYPES if name != "jpeg"])
def test_the_seed_decides(noise_type):
    first, again, other = (noise_of(noise_type, LEVELS[noise_type], seed=seed) for seed in (7, 7, 8))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_generator_goes_on():
    generator = np.random.default_rng(7)
    first = noise_of("gaussian", 25, seed=generator)
    assert np.array_equal(first, noise_of("gaussian", 25, seed=7))
    assert not np.array_equal(first, noise_of("gaussian", 25, seed=generator))


@pytest.mark.parametrize("noise_type", ["gaussian", "uniform", "speckle", "salt-pepper", "mask"])
def test_level_zero_changes_nothing(noise_type):
    assert not noise_of(noise_type, 0).any()


@pytest.mark.parametrize("noise_type", ["gaussian", "uniform", "poisson", "speckle"])
def test_clip_is_asked_for(noise_type):
    bright = flat(0.95, 3)
    level = LEVELS[noise_type]
    free = corrupt(bright, noise_type, level, NumpySource(0))
    clipped = corrupt(bright, noise_type, level, NumpySource(0), clip=True)
    assert free.max() > 1
    assert np.array_equal(clipped, free.clip(0, 1))


@pytest.mark.parametrize(
    ("noise_type", "level"),
    [
        ("gaussian", float("nan")),
        ("gaussian", -1),
        ("gaussian", 256),
        ("uniform", float("inf")),
        ("poisson", 0),
        ("salt-pepper", 1.01),
        ("mask", -0.01),
        ("jpeg", 0),
        ("jpeg", 101),
        ("speckle", -0.1),
    ],
)
def test_levels_out_of_range_are_refused(noise_type, level):
    with pytest.raises(UsageError, match=f"{noise_type} level") as error:
        check_level(noise_type, level)
    assert " to " in error.value.hint


@pytest.mark.parametrize("noise_type", NOISE_TYPES)
def test_levels_in_range_are_taken(noise_type):
    check_level(noise_type, LEVELS[noise_type])


def test_an_unknown_type_names_the_known_ones():
    with pytest.raises(UsageError, match="pepper-salt") as error:
        check_level("pepper-salt", 0.1)
    assert "salt-pepper" in error.value.hint


def textured(side=160):
    """Return a picture with smooth shading, edges and some texture, 0.15 to 0.85."""
    y, x = np.mgrid[:side, :side] / side
    bars = (0.2 * (np.sin(20 * x * y) > 0) + 0.1 * np.sin(60 * x) * (y > 0.5)) * (x > 0.5)
    return np.stack([0.3 + 0.3 * x + bars, 0.5 - 0.2 * y + bars, 0.4 + 0.1 * x * y + bars], -1).astype(np.float32)


@pytest.mark.parametrize("sigma", [2, 5, 10, 25, 50])
@pytest.mark.parametrize("gray", [False, True])
def test_estimate_finds_the_level_of_white_noise(sigma, gray):
    image = textured().mean(2) if gray else textured()
    noisy = corrupt(image, "gaussian", sigma, NumpySource(0))
    assert estimate_sigma(noisy) * 255 == pytest.approx(sigma, rel=0.05)


def test_estimate_finds_little_in_a_clean_picture():
    assert estimate_sigma(np.round(textured() * 255) / 255) * 255 < 0.6
    assert estimate_sigma(np.full((50, 60, 3), 0.4, np.float32)) == pytest.approx(0, abs=1e-6)


def test_estimate_looks_past_clipped_areas():
    """A page: most of it is white, where clipping has cut the noise to half; the rest says how strong it is."""
    page = textured(200)
    page[:120] = 1.0
    noisy = corrupt(page, "gaussian", 20, NumpySource(0), clip=True)
    assert estimate_sigma(noisy) * 255 == pytest.approx(20, rel=0.1)


def test_estimate_scales_with_the_picture():
    noisy = corrupt(textured(), "gaussian", 10, NumpySource(0))
    assert estimate_sigma(7 * noisy) == pytest.approx(7 * estimate_sigma(noisy), rel=1e-3)


@pytest.mark.parametrize("shape", [(1, 1), (1, 500, 3), (2, 2, 3), (7, 9), (12, 12, 3)])
def test_estimate_of_few_pixels_is_a_finite_number(shape):
    noisy = np.random.default_rng(0).random(shape, dtype=np.float32)
    assert 0 <= estimate_sigma(noisy) < 1
