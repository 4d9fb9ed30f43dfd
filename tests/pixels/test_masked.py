"""Ignored pixels are filled from the others alone, and alike in all windows."""

import numpy as np
import pytest
from tiny import pattern

from denoise_ae.pixels.convert import to_unit
from denoise_ae.pixels.masked import MaskedImage

WHOLE = slice(0, 90), slice(0, 131)


def with_alpha(colour: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    alpha = np.where(hidden, 0, np.iinfo(colour.dtype).max).astype(colour.dtype)
    return np.dstack([colour, alpha])


@pytest.fixture
def hidden() -> np.ndarray:
    """A large hole, a small one, single pixels and a border."""
    mask = np.zeros((90, 131), np.bool_)
    mask[20:75, 30:110] = True
    mask[3:6, 5:9] = True
    mask[80::3, ::4] = True
    mask[:, 125:] = True
    return mask


def test_a_picture_without_ignored_pixels_is_taken_as_it_is():
    image = pattern(90, 131)
    masked = MaskedImage(image)
    assert not masked.has_ignored
    assert (masked.window(*WHOLE) == to_unit(image)).all()


def test_pixels_that_count_stay_and_ignored_ones_get_colours_that_are_there(hidden):
    image = pattern(90, 131)
    image[~hidden] = np.clip(image[~hidden], 100, 150)
    filled = MaskedImage(with_alpha(image, hidden)).window(*WHOLE)
    assert np.allclose(filled[~hidden], to_unit(image)[~hidden])
    assert filled.min() >= 100 / 255 - 1e-6
    assert filled.max() <= 150 / 255 + 1e-6


def test_what_is_hidden_changes_nothing(hidden):
    image, other = pattern(90, 131), pattern(90, 131)
    other[hidden] = 255 - other[hidden]
    first, second = (MaskedImage(with_alpha(colour, hidden)).window(*WHOLE) for colour in (image, other))
    assert (first == second).all()


def test_a_hole_takes_the_colour_next_to_it(hidden):
    image = np.zeros((90, 131, 3), np.uint8)
    image[:, 66:] = 200
    image[hidden] = 77
    filled = MaskedImage(with_alpha(image, hidden)).window(*WHOLE) * 255
    assert np.abs(filled[20:75, 30:34] - 0).max() < 1
    assert np.abs(filled[20:75, 107:110] - 200).max() < 1


@pytest.mark.parametrize(
    "window", [(0, 90, 0, 131), (0, 40, 0, 40), (13, 14, 77, 78), (40, 90, 64, 131), (31, 65, 1, 99)]
)
def test_a_window_has_the_same_fill_as_the_whole(hidden, window):
    masked = MaskedImage(with_alpha(pattern(90, 131), hidden))
    top, bottom, left, right = window
    part = masked.window(slice(top, bottom), slice(left, right))
    assert np.abs(part - masked.window(*WHOLE)[top:bottom, left:right]).max() < 1e-6


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_non_finite_pixels_are_ignored(bad):
    image = pattern(40, 50, dtype=np.float32)
    image[10, 20, 1] = bad
    image[30:, :9] = bad
    masked = MaskedImage(image)
    ignored = masked.ignored(slice(0, 40), slice(0, 50))
    assert ignored.sum() == 1 + 10 * 9
    filled = masked.window(slice(0, 40), slice(0, 50))
    assert np.isfinite(filled).all()
    assert filled.min() >= 0
    assert filled.max() <= 1


def test_a_picture_of_ignored_pixels_only_says_so():
    assert MaskedImage(np.full((5, 7, 3), np.nan, np.float32)).all_ignored
    assert MaskedImage(np.zeros((5, 7, 4), np.uint8)).all_ignored
    assert not MaskedImage(np.ones((5, 7, 4), np.uint8)).all_ignored


def test_a_sample_is_bounded_and_from_the_whole_picture():
    image = np.zeros((2000, 1500), np.uint8)
    image[1000:] = 255
    sample = MaskedImage(image).sample(100_000)
    assert 50_000 < sample.size <= 100_000
    assert 0.4 < sample.mean() < 0.6


def test_a_sample_is_the_picture_where_that_is_small():
    image = pattern(50, 60)
    assert (MaskedImage(image).sample(3000) == to_unit(image)).all()


def test_a_sample_leaves_ignored_pixels_out():
    image = np.full((300, 300, 2), 255, np.uint8)
    image[:200, :, 1] = 0
    image[200:, :, 0] = np.arange(300) % 2 * 255
    sample = MaskedImage(image).sample(1_000_000)
    assert set(np.unique(sample)) == {0, 1}


@pytest.mark.parametrize("shape", [(1, 5_000_000), (5_000_000, 1), (20, 200_000)])
def test_a_sample_of_a_thin_picture_is_bounded_too(shape):
    sample = MaskedImage(np.zeros(shape, np.uint8)).sample(1_000_000)
    assert 900_000 < sample.size <= 1_000_000
