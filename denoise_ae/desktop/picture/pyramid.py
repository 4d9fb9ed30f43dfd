"""A picture and its reductions by 2, 4, 8 ..., so that only the visible part must be scaled. Pure numpy."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

SMALLEST = 256
"""The last reduction has at most so many pixels on either side."""

_STRIP = 512
"""Rows reduced at a time, so that temporary copies stay small."""


def level_count(height: int, width: int) -> int:
    """Return the number of levels of a pyramid, the picture itself being level 0."""
    levels = 1
    while max(height, width) > SMALLEST:
        height, width = -(-height // 2), -(-width // 2)
        levels += 1
    return levels


def level_shape(height: int, width: int, level: int) -> tuple[int, int]:
    """Return height and width of a level."""
    for _ in range(level):
        height, width = -(-height // 2), -(-width // 2)
    return height, width


def halve(pixels: NDArray[Any]) -> NDArray[Any]:
    """Average 2x2 pixels of HxWxC; an odd border counts twice. Integers are rounded."""
    height, width = pixels.shape[:2]
    if height % 2 or width % 2:
        pixels = np.pad(pixels, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    out = np.empty((pixels.shape[0] // 2, pixels.shape[1] // 2, pixels.shape[2]), pixels.dtype)
    whole = pixels.dtype.kind == "u"
    for top in range(0, len(out), _STRIP):
        rows = pixels[2 * top : 2 * (top + _STRIP)]
        above, below = rows[::2], rows[1::2]
        total: NDArray[Any] = above[:, ::2].astype(np.uint16 if whole else np.float32)
        for part in (above[:, 1::2], below[:, ::2], below[:, 1::2]):
            total += part
        out[top : top + _STRIP] = (total + 2) // 4 if whole else total / 4
    return out


def double(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Enlarge HxWxC to twice its size by linear interpolation, the approximate inverse of `halve`."""
    for axis in (0, 1):
        border = [(1, 1) if axis == each else (0, 0) for each in range(3)]
        near = np.moveaxis(np.pad(pixels, border, mode="edge"), axis, 0)
        doubled = np.empty((2 * pixels.shape[axis], *near.shape[1:]), np.float32)
        doubled[::2] = 0.75 * near[1:-1] + 0.25 * near[:-2]
        doubled[1::2] = 0.75 * near[1:-1] + 0.25 * near[2:]
        pixels = np.moveaxis(doubled, 0, axis)
    return pixels


def reductions(pixels: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """Return a picture of HxWxC and its reductions."""
    levels = [pixels]
    for _ in range(level_count(*pixels.shape[:2]) - 1):
        levels.append(halve(levels[-1]))
    return levels


def refresh(levels: list[NDArray[Any]], window: tuple[slice, slice]) -> None:
    """Update the reductions in place after a window of level 0 has changed."""
    for finer, coarser in pairwise(levels):
        rows, columns = (
            slice(part.start // 2, min(-(-part.stop // 2), length))
            for part, length in zip(window, coarser.shape[:2], strict=True)
        )
        window = rows, columns
        coarser[window] = halve(finer[2 * rows.start : 2 * rows.stop, 2 * columns.start : 2 * columns.stop])
