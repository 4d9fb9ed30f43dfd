"""Noise from a simulated camera has what real camera noise has: it follows the light, has grain and colour, no bias."""

from dataclasses import replace

import numpy as np
import pytest

from denoise_ae.noise.camera import draw_camera, is_gray, shoot
from denoise_ae.noise.corruptions import NumpySource, corrupt
from denoise_ae.pixels.filters import BAYER_PATTERNS, demosaic


def plain(electrons=500.0, **changes):
    """A camera that does no more than it must: no scaling, no smoothing, no JPEG."""
    usual = {
        "tone_curve": False,
        "scale": 1.0,
        "cleaning": (1.0, 0.0),
        "chroma_blur": 0.0,
        "luma_blur": (1.0, 0.0),
        "softening": 0.0,
        "sharpening": (1.0, 0.0),
        "quality": None,
    }
    return replace(draw_camera(electrons, np.random.default_rng(3)), **{**usual, **changes})


def flat(value, side=128):
    """One colour, which is not quite gray: gray pictures get gray noise."""
    return np.full((side, side, 3), [value, 0.97 * value, 1.02 * value], np.float32)


def noise_of(image, camera, seed=0):
    return shoot(image, camera, np.random.default_rng(seed)).astype(np.float64) - image


def neighbours(noise):
    """Correlation of green between pixels side by side."""
    return np.corrcoef(noise[:, 1:, 1].ravel(), noise[:, :-1, 1].ravel())[0, 1]


@pytest.mark.parametrize("pattern", BAYER_PATTERNS)
def test_a_mosaic_of_one_colour_comes_back_as_that_colour(pattern):
    """So that colours are not swapped between mosaic and picture."""
    colour = np.array([900, 5000, 60000], np.uint16)
    mosaic = np.zeros((16, 16), np.uint16)
    for place, name in enumerate(pattern):
        mosaic[place // 2 :: 2, place % 2 :: 2] = colour["RGB".index(name)]
    for edge_aware in (False, True):
        assert (demosaic(mosaic, pattern, edge_aware=edge_aware)[4:-4, 4:-4] == colour).all()


def test_fewer_electrons_make_more_noise():
    levels = [noise_of(flat(0.5), plain(electrons)).std() for electrons in (5000, 500, 50)]
    assert levels[0] > 0.5 / 255
    # Shot noise goes with the square root of the electrons, and read noise comes on top.
    assert levels[1] / levels[0] == pytest.approx(np.sqrt(10), rel=0.15)
    assert levels[2] > 2.5 * levels[1]


def test_it_follows_the_light():
    """In linear light brighter is noisier; gamma, which lifts the shadows, turns that round."""
    camera = plain(2000)
    assert noise_of(flat(0.15), camera).std() > 1.3 * noise_of(flat(0.8), camera).std()


def test_demosaicing_correlates_neighbours_and_the_matrix_correlates_colours():
    noise = noise_of(flat(0.5), plain())
    assert neighbours(noise) > 0.2
    assert abs(np.corrcoef(noise[..., 0].ravel(), noise[..., 1].ravel())[0, 1]) > 0.05


@pytest.mark.parametrize("value", [0.15, 0.5, 0.85])
def test_it_has_no_bias(value):
    noise = noise_of(flat(value), plain(500, tone_curve=True))
    assert noise.std() > 3 / 255
    assert abs(noise.mean()) < 0.5 / 255


def test_smoothing_scaling_and_sharpening_show():
    usual = noise_of(flat(0.5), plain())
    assert neighbours(noise_of(flat(0.5), plain(scale=0.6))) > neighbours(usual) + 0.1
    assert noise_of(flat(0.5), plain(scale=2.0)).std() < 0.8 * usual.std()
    assert neighbours(noise_of(flat(0.5), plain(softening=0.8))) > neighbours(usual) + 0.1
    assert noise_of(flat(0.5), plain(sharpening=(1.0, 1.0))).std() > 1.2 * usual.std()
    smooth = noise_of(flat(0.5), plain(luma_blur=(1.0, 0.8)))
    luma = np.array([0.299, 0.587, 0.114])
    assert (smooth @ luma).std() < 0.8 * (usual @ luma).std()
    colour = usual - usual.mean(axis=2, keepdims=True)
    smooth = noise_of(flat(0.5), plain(chroma_blur=2.0))
    assert (smooth - smooth.mean(axis=2, keepdims=True)).std() < 0.6 * colour.std()


def test_the_cameras_own_cleaning_spares_edges():
    """It leaves less noise where the picture is flat, and more of it beside an edge than away from it."""
    usual = noise_of(flat(0.5), plain())
    assert noise_of(flat(0.5), plain(cleaning=(1.5, 0.15))).std() < 0.7 * usual.std()
    stripes = flat(0.3)
    stripes[:, np.arange(128) % 4 < 2] += 0.4
    assert noise_of(stripes, plain(cleaning=(1.5, 0.15))).std() > 0.8 * noise_of(stripes, plain()).std()


def test_the_picture_stays_as_sharp_as_it_was():
    image = flat(0.3)
    image[:, 64:] += 0.4
    shots = np.mean([shoot(image, plain(2000), np.random.default_rng(seed)) for seed in range(64)], axis=0)
    assert np.abs(shots - image).max() < 4 / 255


def test_a_gray_picture_gets_gray_noise():
    for quality in (None, 80):
        noisy = shoot(np.full((64, 64, 3), 0.5, np.float32), plain(quality=quality), np.random.default_rng(0))
        assert is_gray(noisy)
        assert noisy.std() > 1 / 255


def test_any_camera_takes_any_picture():
    for seed in range(40):
        random = np.random.default_rng(seed)
        image = random.random((17, 31, 3), dtype=np.float32)
        noisy = shoot(image, draw_camera(float(random.uniform(20, 5000)), random), random)
        assert noisy.shape == image.shape
        assert noisy.min() >= 0 and noisy.max() <= 1
        assert np.allclose(noisy * 255, np.rint(noisy * 255), atol=1e-3)


@pytest.mark.parametrize("shape", [(40, 50), (40, 50, 1), (40, 50, 3)])
def test_as_a_type_of_noise_it_takes_gray_and_colour(shape):
    clean = np.full(shape, 0.5, np.float32)
    noisy = corrupt(clean, "camera", 200, NumpySource(0))
    assert noisy.shape == shape
    assert 1 / 255 < (noisy - clean).std() < 60 / 255
