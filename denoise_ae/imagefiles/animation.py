"""Frames of animations: shown with Pillow, freed of channels that none needs, compared with the frame before."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image

from denoise_ae.imagefiles.metadata import Metadata
from denoise_ae.imagefiles.picture import Frame
from denoise_ae.pixels.convert import is_gray, peak_of


def show(image: Image, frames: int, metadata: Metadata, *, may_be_gray: bool) -> list[Frame]:
    """Decode all frames as they are seen, with alpha where anything is transparent.

    Args:
        image: open at its first frame.
        frames: how many it has.
        metadata: what they share.
        may_be_gray: whether to return gray where all is; else RGB.

    Raises:
        EOFError, IndexError, OSError, SyntaxError, ValueError: it is damaged.
    """
    shown: list[NDArray[Any]] = []
    durations: list[Fraction | None] = []
    for number in range(frames):
        image.seek(number)
        shown.append(np.array(image.convert("RGBA")))
        durations.append(Fraction(int(image.info.get("duration", 0)), 1000) if frames > 1 else None)
    gray = may_be_gray and all(map(is_gray, shown))
    pixels = simplify(shown, has_alpha=False, gray=gray)
    return [Frame(*each) for each in zip(pixels, [metadata] * frames, durations, strict=True)]


def simplify(frames: list[NDArray[Any]], *, has_alpha: bool, gray: bool) -> list[NDArray[Any]]:
    """Take from RGBA frames what none of them needs.

    Args:
        frames: HxWx4; emptied, so that they need not be in memory twice.
        has_alpha: whether to keep alpha even if all is opaque.
        gray: whether red, green and blue are equal everywhere.
    """
    peak = peak_of(frames[0].dtype)
    keep_alpha = has_alpha or any((frame[..., 3] != peak).any() for frame in frames)
    channels: Any = {(0, 0): slice(3), (0, 1): slice(4), (1, 0): 0, (1, 1): slice(0, 4, 3)}[gray, keep_alpha]
    return [np.ascontiguousarray(frame[..., channels]) for frame in _taken(frames)]


def _taken(frames: list[NDArray[Any]]) -> Iterator[NDArray[Any]]:
    frames.reverse()
    while frames:
        yield frames.pop()


def changed(before: NDArray[Any] | None, after: NDArray[Any]) -> tuple[slice, slice]:
    """Find the rows and columns in which a frame differs from the one before; at least one pixel.

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
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
