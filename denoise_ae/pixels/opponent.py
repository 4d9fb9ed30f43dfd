"""Opponent colour axes: luminance apart from colour, so that the noise of each can be removed by its own measure.

The axes are those of JPEG's YCbCr (ITU-R BT.601): luma is 0.299 R + 0.587 G + 0.114 B of the values as stored, and what
is left of a colour after its luma is taken away, R - Y, G - Y and B - Y, is its chroma, which has no luma itself.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

LUMA_WEIGHTS = np.array([0.299, 0.587, 0.114], np.float32)
"""Weights of red, green and blue in luma (ITU-R BT.601, as in JPEG's YCbCr)."""


def luma_of(planes: Floats) -> Floats:
    """Return the luma of pictures Nx3xHxW: Nx1xHxW on the same scale."""
    luma: Floats = np.tensordot(planes, LUMA_WEIGHTS, axes=(1, 0))[:, None]
    return luma


def apply_change(pictures: Floats, change: Floats, luma: float, chroma: float, *, floating: bool) -> None:
    """Add a change to pictures, its luma and its chroma each scaled by its own factor; in place.

    Args:
        pictures: Nx3xHxW, or Nx1xHxW, which have no chroma.
        change: of the same shape; overwritten.
        luma: factor of the luma; with 0 the pictures' luma stays as it is.
        chroma: factor of the chroma; with 0 the pictures' colour differences stay as they are.
        floating: whether values may lie outside 0 to 1. If not, and the factors differ, so much of the change of chroma
            is left out that nothing has to be clipped, which would change the luma.
    """
    if luma == chroma or change.shape[1] == 1:
        change *= np.float32(luma)
        pictures += change
        return
    brightness = luma_of(change)
    change -= brightness
    change *= np.float32(chroma)
    brightness *= np.float32(luma)
    pictures += brightness
    if not floating:
        room = np.where(change > 0, 1 - pictures, pictures)
        with np.errstate(divide="ignore", invalid="ignore"):
            share = np.where(change == 0, np.float32(1), room / np.abs(change)).min(axis=1, keepdims=True)
        change *= share.clip(0, 1)
    pictures += change
