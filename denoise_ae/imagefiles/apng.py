"""Animated PNG: pieces that are laid over what is shown already, and whole frames.

Pillow and OpenCV cut those of 16 bits to 8, and Pillow takes what was there before "previous" for what was shown.
"""

from __future__ import annotations

import io
import itertools
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from denoise_ae.imagefiles.animation import changed, simplify
from denoise_ae.imagefiles.picture import Frame, damaged
from denoise_ae.imagefiles.png_chunks import SIGNATURE, compress, is_bomb, write_chunk
from denoise_ae.pixels.convert import as_rgb, join_alpha, peak_of, split_alpha

_KEEP, _CLEAR, _PREVIOUS = 0, 1, 2
"""What becomes of a piece when its time is over."""


@dataclass
class _Piece:
    """Where and how a piece is shown; its duration is None where it is the still picture beside an animation."""

    width: int
    height: int
    x: int
    y: int
    duration: Fraction | None
    disposal: int
    blended: bool
    data: list[memoryview] = field(default_factory=list)

    @property
    def window(self) -> tuple[slice, slice]:
        """Its rows and columns."""
        return slice(self.y, self.y + self.height), slice(self.x, self.x + self.width)


class Pieces:
    """Collects the pieces of an animation from the chunks that describe and hold them."""

    def __init__(self) -> None:
        self._chunks: list[tuple[bytes, memoryview]] = []

    def add(self, kind: bytes, payload: memoryview) -> None:
        """Take a chunk, if it is one of these."""
        if kind in {b"fcTL", b"IDAT", b"fdAT"}:
            self._chunks.append((kind, payload))

    def join(self, control: memoryview | None, size: tuple[int, int], name: str) -> tuple[list[_Piece], int]:
        """Return the pieces and how often they are shown (0: without end); of a still picture none and once.

        Args:
            control: the acTL chunk of animations.
            size: width and height of the whole.
            name: the file in messages.

        Raises:
            ImageError: this makes no sense.
        """
        count, plays = struct.unpack(">II", control) if control is not None and len(control) == 8 else (0, 1)
        if not count:
            return [], 1
        try:
            pieces = self._join(size)
        except struct.error as error:
            raise damaged(name, "this animated PNG is damaged") from error
        whole = all(piece.data and _lies_in(piece, size) for piece in pieces)
        if not whole or count != sum(piece.duration is not None for piece in pieces):
            raise damaged(name, "this animated PNG is damaged")
        return (pieces, plays) if len(pieces) > 1 else ([], 1)

    def _join(self, size: tuple[int, int]) -> list[_Piece]:
        pieces: list[_Piece] = []
        for kind, payload in self._chunks:
            if kind == b"fcTL":
                _, width, height, x, y, parts, of, disposal, blended = struct.unpack(">5I2H2B", payload)
                pieces.append(_Piece(width, height, x, y, Fraction(parts, of or 100), disposal, bool(blended)))
                continue
            if not pieces:  # the still picture is none of the animation's, and leaves nothing behind
                pieces.append(_Piece(*size, 0, 0, None, _CLEAR, blended=False))
            pieces[-1].data.append(payload if kind == b"IDAT" else payload[4:])
        return pieces


def _lies_in(piece: _Piece, size: tuple[int, int]) -> bool:
    inside = 0 < piece.width <= size[0] - piece.x and 0 < piece.height <= size[1] - piece.y
    packed = sum(map(len, piece.data))
    return inside and piece.disposal <= _PREVIOUS and not is_bomb(packed, piece.width, piece.height)


def show(
    pieces: Sequence[_Piece],
    shared: Sequence[memoryview],
    decode: Callable[[bytes, tuple[int, int]], NDArray[Any]],
    size: tuple[int, int],
    *,
    has_alpha: bool,
) -> list[tuple[NDArray[Any], Fraction | None]]:
    """Show an animation frame by frame.

    Args:
        pieces: of it.
        shared: chunks that the pixels of each need, the header first.
        decode: decodes a PNG of a height and width.
        size: height and width of the whole.
        has_alpha: whether to return alpha even if all is opaque.

    Returns:
        What is to be seen at each piece's time, all gray or all RGB, with alpha where any of it is not opaque, and
        how long.
    """
    shown: list[NDArray[Any]] = []
    canvas: NDArray[Any] | None = None
    gray = True
    for piece in pieces:
        pixels = decode(_as_file(piece, shared), (piece.height, piece.width))
        colour, alpha = split_alpha(pixels)
        gray &= colour.ndim == 2
        peak = pixels.dtype.type(peak_of(pixels.dtype))
        new = join_alpha(as_rgb(colour), np.full(colour.shape[:2], peak) if alpha is None else alpha)
        if canvas is None:
            canvas = np.zeros((*size, 4), pixels.dtype)
        before = canvas.copy() if piece.disposal == _PREVIOUS else canvas
        canvas[piece.window] = _over(new, canvas[piece.window]) if piece.blended else new
        shown.append(canvas.copy())
        if piece.disposal == _CLEAR:
            canvas[piece.window] = 0
        canvas = before
    frames = simplify(shown, has_alpha=has_alpha, gray=gray)
    return list(zip(frames, [piece.duration for piece in pieces], strict=True))


def _as_file(piece: _Piece, shared: Sequence[memoryview]) -> bytes:
    """Make a PNG of a piece."""
    out = io.BytesIO()
    out.write(SIGNATURE)
    head, *others = shared
    write_chunk(out, b"IHDR", struct.pack(">II", piece.width, piece.height) + head[16:-4])
    out.write(b"".join(others))
    for part in piece.data:
        write_chunk(out, b"IDAT", part)
    write_chunk(out, b"IEND", b"")
    return out.getvalue()


def _over(new: NDArray[Any], old: NDArray[Any]) -> NDArray[Any]:
    """Lay RGBA over RGBA; exact where the new is opaque or transparent (PNG 1.2, section 10.8)."""
    above, below = new.astype(np.float64), old.astype(np.float64)
    share = below[..., 3:] * (1 - above[..., 3:] / peak_of(new.dtype))
    alpha = above[..., 3:] + share
    colour = (above[..., :3] * above[..., 3:] + below[..., :3] * share) / np.maximum(alpha, 1e-9)
    mixed: NDArray[Any] = np.rint(np.concatenate([colour, alpha], axis=2)).astype(new.dtype)
    return mixed


def write(out: io.BytesIO, frames: Sequence[Frame], plays: int) -> None:
    """Write what comes between the head and the end of a PNG.

    Args:
        out: where to.
        frames: uint8 or uint16, all of one kind and size. A first one without a duration is no part of the animation.
        plays: how often it is shown; 0: without end.
    """
    shown = sum(frame.duration is not None for frame in frames)
    write_chunk(out, b"acTL", struct.pack(">II", shown, plays))
    order = itertools.count()
    before = None
    for number, frame in enumerate(frames):
        rows, columns = changed(before, frame.pixels)
        part = frame.pixels[rows, columns]
        if frame.duration is not None:
            before = frame.pixels
            place = (part.shape[1], part.shape[0], columns.start, rows.start)
            head = struct.pack(">5I2H2B", next(order), *place, *_delay(frame.duration), _KEEP, 0)
            write_chunk(out, b"fcTL", head)
        for packed in compress(part):
            if packed and number:
                write_chunk(out, b"fdAT", struct.pack(">I", next(order)) + packed)
            else:
                write_chunk(out, b"IDAT", packed)


def _delay(seconds: Fraction) -> tuple[int, int]:
    """Give a duration as two 16-bit numbers, as near as they can."""
    for largest in (65535, 1000, 100, 1):
        near = seconds.limit_denominator(largest)
        if near.numerator <= 65535:
            return near.numerator, near.denominator
    return 65535, 1
