"""Bit depths, alpha and orientation."""

import io

import numpy as np
import pytest
from PIL import Image, ImageOps

from denoise_ae.pixels.convert import as_rgb, from_unit, join_alpha, peak_of, split_alpha, to_unit, upright


@pytest.mark.parametrize(("dtype", "count"), [(np.uint8, 256), (np.uint16, 65536)])
def test_every_level_survives_the_way_to_floats_and_back(dtype, count):
    levels = np.arange(count).astype(dtype)
    unit = to_unit(levels)
    assert unit.dtype == np.float32
    assert (unit[0], unit[-1]) == (0, 1)
    assert np.array_equal(from_unit(unit, dtype), levels)


def test_integers_are_rounded_and_clipped_and_floats_are_not():
    unit = np.array([-0.2, 0.4 / 255, 0.6 / 255, 1.7], np.float32)
    assert from_unit(unit, np.uint8).tolist() == [0, 0, 1, 255]
    assert np.array_equal(from_unit(unit, np.float32), unit)
    assert np.array_equal(to_unit(unit), unit)


def test_other_types_have_no_white():
    with pytest.raises(TypeError, match="int32"):
        peak_of(np.int32)


@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 2), (4, 5, 3), (4, 5, 4)])
def test_alpha_comes_off_and_on(shape):
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    colour, alpha = split_alpha(pixels)
    assert colour.shape in ((4, 5), (4, 5, 3))
    assert (alpha is None) == (shape[2:] in ((), (3,)))
    assert np.array_equal(join_alpha(colour, alpha), pixels)


def test_gray_becomes_three_equal_channels():
    gray = np.arange(6, dtype=np.uint16).reshape(2, 3)
    assert np.array_equal(as_rgb(gray)[..., 1], gray)
    assert as_rgb(as_rgb(gray)).shape == (2, 3, 3)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_upright_is_what_viewers_show(orientation):
    pixels = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "png", exif=exif)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(file)))
    turned = upright(pixels, orientation)
    assert np.array_equal(turned, expected)
    assert turned.flags.c_contiguous
