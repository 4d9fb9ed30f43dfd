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


def scale_opponents(change: Floats, luma: float, chroma: float) -> None:
    """Scale the luma and the chroma of changes, each by its own factor, in place.

    Args:
        change: Nx3xHxW or Nx1xHxW, which has no chroma; what is added to a picture.
        luma: factor of the luma; with 0 the picture's luma stays as it is.
        chroma: factor of the chroma; with 0 the picture's colour differences stay as they are.
    """
    if luma == chroma or change.shape[1] == 1:
        change *= np.float32(luma)
        return
    brightness = luma_of(change)
    brightness *= np.float32(luma - chroma)
    change *= np.float32(chroma)
    change += brightness
