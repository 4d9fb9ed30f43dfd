"""The detector finds dust and scratches on smooth pictures, and leaves what is wide, gray or everywhere alone."""

import numpy as np
import pytest

from denoise_ae.restoration.defects import find_defects


def smooth(value=0.5, channels=3):
    """A slope with an edge, as uint8."""
    x = np.linspace(-0.05, 0.05, 200)
    gray = value + x[None, :] + np.where(np.arange(160) > 90, 0.05, 0)[:, None]
    pixels = np.rint(255 * np.repeat(gray[..., None], channels, axis=2)).astype(np.uint8)
    return pixels[..., 0] if channels == 1 else pixels


def damaged(gray, channels=3):
    """Three spots and a scratch; returns the picture and where they are."""
    pixels = smooth(channels=channels)
    there = np.zeros(pixels.shape[:2], bool)
    there[20:24, 30:34] = there[60:63, 120:126] = there[130:137, 80:86] = True
    there[100:103, 20:180] = True
    pixels[there] = gray
    return pixels, there


@pytest.mark.parametrize("gray", [255, 235, 20, 0])
@pytest.mark.parametrize("channels", [1, 3])
def test_what_is_nearly_white_or_black_is_found_with_a_margin(gray, channels):
    pixels, there = damaged(gray, channels)
    found = find_defects(pixels)
    assert found.count == 4
    assert found.mask[there].all()
    assert found.mask.sum() < 3 * there.sum()


def test_a_clean_picture_has_none():
    found = find_defects(smooth())
    assert found.count == 0 and not found.mask.any()


def test_gray_spots_are_left_alone_and_sensitivity_finds_them():
    pixels, there = damaged(190)
    assert not find_defects(pixels).mask[there].any()
    assert find_defects(pixels, sensitivity=2).mask[there].mean() > 0.5


def test_wide_things_and_texture_are_none():
    pixels = smooth()
    y, x = np.mgrid[:160, :200]
    pixels[(y - 60) ** 2 + (x - 60) ** 2 < 20**2] = 255
    assert find_defects(pixels).count == 0
    pixels = smooth()
    pixels[::4, ::4] = 255
    assert find_defects(pixels).mask.mean() < 0.02


def test_depth_alpha_and_nan_make_no_difference():
    pixels, _ = damaged(255)
    expected = find_defects(pixels).mask
    assert (find_defects(pixels.astype(np.uint16) * 257).mask == expected).all()
    real = pixels.astype(np.float32) / 255
    real[5, 5] = np.nan
    assert (find_defects(real).mask == expected).all()
    with_alpha = np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)])
    assert (find_defects(with_alpha).mask == expected).all()
