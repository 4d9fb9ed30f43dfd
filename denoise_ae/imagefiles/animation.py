"""What a file holds one or many of: a picture, what it says of itself, and how long an animation shows it.

Animated PNG and WebP store pieces that are laid over what is shown already; here they become whole pictures.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from denoise_ae.pixels.convert import as_rgb, join_alpha, peak_of, split_alpha

NOTHING, TO_BACKGROUND, TO_PREVIOUS = 0, 1, 2
"""What becomes of a piece when its time is over, as PNG and WebP number it."""


@dataclass(frozen=True)
class Piece:
    """Where and how a stored piece of an animation is shown.

    Attributes:
        x: column of its left edge.
        y: row of its upper edge.
        width: in pixels.
        height: in pixels.
        duration: seconds; None where it is the still picture beside an animation.
        disposal: NOTHING, TO_BACKGROUND or TO_PREVIOUS.
        blended: laid over what is there by its alpha; else it replaces that.
        data: where the compressed pixels lie in the file: (start, end).
    """

    x: int
    y: int
    width: int
    height: int
    duration: Fraction | None
    disposal: int
    blended: bool
    data: list[tuple[int, int]]


def compose(
    size: tuple[int, int], pieces: Iterable[tuple[Piece, NDArray[Any]]], *, has_alpha: bool
) -> list[NDArray[Any]]:
    """Show an animation frame by frame.

    Args:
        size: height and width of the whole.
        pieces: with their pixels, of one depth and of any number of channels.
        has_alpha: whether to return alpha even if all is opaque.

    Returns:
        What is to be seen at each piece's time, all gray or all RGB, with alpha where any of it is not opaque.
    """
    shown: list[NDArray[Any]] = []
    canvas: NDArray[Any] | None = None
    gray = True
    for piece, pixels in pieces:
        colour, alpha = split_alpha(pixels)
        gray &= colour.ndim == 2
        peak = pixels.dtype.type(peak_of(pixels.dtype))
        new = join_alpha(as_rgb(colour), np.full(colour.shape[:2], peak) if alpha is None else alpha)
        if canvas is None:
            canvas = np.zeros((*size, 4), pixels.dtype)
        before = canvas.copy() if piece.disposal == TO_PREVIOUS else canvas
        window = canvas[piece.y : piece.y + piece.height, piece.x : piece.x + piece.width]
        window[:] = _over(new, window) if piece.blended else new
        shown.append(canvas.copy())
        if piece.disposal == TO_BACKGROUND:
            window[:] = 0
        canvas = before
    return simplify(shown, has_alpha=has_alpha, gray=gray)


def _over(new: NDArray[Any], old: NDArray[Any]) -> NDArray[Any]:
    """Lay RGBA over RGBA; exact where the new is opaque or transparent (PNG 1.2, section 10.8)."""
    peak = peak_of(new.dtype)
    mixed = np.where(new[..., 3:] == 0, old, new)
    rows, columns = np.nonzero((new[..., 3] > 0) & (new[..., 3] < peak) & (old[..., 3] > 0))
    above, below = new[rows, columns].astype(np.float64), old[rows, columns].astype(np.float64)
    share = below[:, 3:] * (1 - above[:, 3:] / peak)
    alpha = above[:, 3:] + share
    colour = (above[:, :3] * above[:, 3:] + below[:, :3] * share) / alpha
    mixed[rows, columns] = np.rint(np.hstack([colour, alpha])).astype(new.dtype)
    return mixed


def simplify(frames: list[NDArray[Any]], *, has_alpha: bool, gray: bool) -> list[NDArray[Any]]:
    """Take from RGBA frames what none of them needs.

    Args:
        frames: HxWx4; emptied, so that they need not be in memory twice.
        has_alpha: whether to keep alpha even if all is opaque.
        gray: whether red, green and blue are equal everywhere.
    """
    peak = peak_of(frames[0].dtype)
    keep_alpha = has_alpha or any((frame[..., 3] != peak).any() for frame in frames)
    channels = [0, 3] if gray else [0, 1, 2, 3]
    if not keep_alpha:
        channels.pop()
    simple = []
    for frame in _taken(frames):
        kept = frame if len(channels) == 4 else frame[..., channels]
        simple.append(np.ascontiguousarray(kept[..., 0] if len(channels) == 1 else kept))
    return simple


def _taken(frames: list[NDArray[Any]]) -> Iterator[NDArray[Any]]:
    frames.reverse()
    while frames:
        yield frames.pop()


def changed(before: NDArray[Any] | None, after: NDArray[Any]) -> tuple[slice, slice]:
    """Find the rows and columns in which a frame differs from the one before; at least one pixel, from even edges on.

    Args:
        before: None where there is none: all is new.
        after: of the same kind and size.
    """
    height, width = after.shape[:2]
    if before is None:
        return slice(0, height), slice(0, width)
    differs = before != after
    if differs.ndim == 3:
        differs = differs.any(axis=2)
    rows, columns = np.flatnonzero(differs.any(axis=1)), np.flatnonzero(differs.any(axis=0))
    if not len(rows):
        return slice(0, 1), slice(0, 1)
    return slice(int(rows[0]) & ~1, int(rows[-1]) + 1), slice(int(columns[0]) & ~1, int(columns[-1]) + 1)
