"""Hot and dead pixels: found in noise, told from stars and from what is drawn, filled from their neighbours."""

import math

import numpy as np
import pytest
from PIL import Image, ImageDraw

from denoise_ae import Denoiser
from denoise_ae.pixels.masked import MaskedImage
from denoise_ae.restoration.hot_pixels import find_hot_pixels


def shot(channels=3, seed=0, noise=6.0, side=240):
    """A dim, soft scene with noise, uint8."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side] / side
    scene = np.stack([30 + 60 * x + 20 * np.sin(9 * y + c) for c in range(channels)], axis=-1)
    return np.rint(scene + rng.normal(0, noise, scene.shape)).clip(0, 255).astype(np.uint8)


def spoilt(picture, count=60, seed=1, pairs=False, level=220):
    """Hot pixels in one colour each, none beside another but for pairs; the picture, rows, columns and channels."""
    rng = np.random.default_rng(seed)
    cells = rng.choice((picture.shape[0] // 8) * (picture.shape[1] // 8), count, replace=False)
    rows, columns = (8 * part + 4 for part in np.divmod(cells, picture.shape[1] // 8))
    channels = rng.integers(0, picture.shape[2], count)
    if pairs:
        rows, columns, channels = np.tile(rows, 2), np.concatenate([columns, columns + 1]), np.tile(channels, 2)
    bad = picture.copy()
    bad[rows, columns, channels] = level
    return bad, set(zip(rows.tolist(), columns.tolist(), channels.tolist(), strict=True))


def found_in(picture):
    found = find_hot_pixels(MaskedImage(picture))
    return found, set(zip(found.rows.tolist(), found.columns.tolist(), found.channels.tolist(), strict=True))


@pytest.mark.parametrize("pairs", [False, True], ids=["single", "pairs"])
def test_hot_pixels_are_found_and_nothing_else(pairs):
    bad, places = spoilt(shot(), pairs=pairs)
    assert found_in(bad)[1] == places


def test_dead_pixels_are_found():
    bright = shot() + np.uint8(100)
    bad, places = spoilt(bright, level=0)
    assert found_in(bad)[1] == places


def test_what_is_filled_fits_its_surroundings():
    clean = shot(noise=2.0)
    bad, places = spoilt(clean)
    found_in(bad)[0].fill(bad)
    rows, columns, channels = map(list, zip(*places, strict=True))
    assert np.abs(bad[rows, columns, channels].astype(int) - clean[rows, columns, channels]).max() <= 10


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
def test_every_depth_and_gray_pictures(kind):
    bad, places = spoilt(shot(1, noise=2.0))
    scaled = {np.uint8: bad, np.uint16: bad.astype(np.uint16) * 257, np.float32: (bad / 255).astype(np.float32)}[kind]
    gray = np.ascontiguousarray(scaled[..., 0])
    found, where = found_in(gray)
    assert where == places
    found.fill(gray)
    assert found_in(gray)[1] == set()


def stars(width, noise, seed=0, side=320, count=150):
    """A field of stars of this width at half their height, whole pixels integrated, uint8."""
    rng = np.random.default_rng(seed)
    sigma = width / 2.355
    field = np.full((side, side), 8.0)
    edges = np.arange(side + 1) - 0.5
    for y, x, peak in zip(*rng.uniform(5, side - 5, (2, count)), rng.uniform(25, 250, count), strict=True):
        rows, columns = (
            np.diff([math.erf((edge - middle) / sigma / math.sqrt(2)) for edge in edges]) for middle in (y, x)
        )
        spot = np.outer(rows, columns)
        field += peak * spot / spot.max()
    colours = field[..., None] * np.array([1, 0.95, 0.9])
    return np.rint(colours + rng.normal(0, noise, colours.shape)).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("width", [1, 2, 3])
@pytest.mark.parametrize("noise", [1, 4])
def test_no_star_is_taken_for_a_hot_pixel(width, noise):
    field = stars(width, noise)
    assert found_in(field)[1] == set()
    assert found_in(np.ascontiguousarray(field[..., 1]))[1] == set()


def test_single_pixels_of_drawings_are_meant():
    page = Image.new("RGB", (200, 200), "white")
    draw = ImageDraw.Draw(page)
    for place in range(10, 190, 9):
        draw.point((place, place // 2), "black")
    assert found_in(np.array(page))[1] == set()


def test_salt_and_pepper_is_left_to_other_means():
    rng = np.random.default_rng(3)
    picture = shot()
    picture[rng.random(picture.shape) < 0.05] = 255
    assert found_in(picture)[1] == set()


@pytest.mark.parametrize("shape", [(1, 1, 3), (6, 200, 3), (7, 7, 3), (240, 3), (5, 5)])
def test_small_pictures_have_none(shape):
    assert len(find_hot_pixels(MaskedImage(np.random.default_rng(0).integers(0, 9, shape).astype(np.uint8)))) == 0


def test_transparent_pixels_are_left_alone():
    bad, places = spoilt(shot())
    alpha = np.full(bad.shape[:2], 255, np.uint8)
    hidden = sorted(places)[:20]
    for row, column, _ in hidden:
        alpha[row, column] = 0
    assert found_in(np.dstack([bad, alpha]))[1] == places - set(hidden)


class TestCleaning:
    def test_they_are_gone_and_counted(self):
        bad, places = spoilt(shot())
        denoiser = Denoiser("photo", threads=2)
        done, kept = denoiser.restore(bad), denoiser.restore(bad, defects=False)
        rows, columns, channels = map(list, zip(*places, strict=True))
        assert done.hot_pixels == len(places)
        assert kept.hot_pixels == 0
        assert done.pixels[rows, columns, channels].max() < 140
        assert np.median(kept.pixels[rows, columns, channels]) > 150

    def test_strength_0_fills_nothing(self):
        bad, _ = spoilt(shot())
        np.testing.assert_array_equal(Denoiser("photo", threads=2).clean(bad, strength=0), bad)
