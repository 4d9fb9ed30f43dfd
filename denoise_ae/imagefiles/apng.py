"""Animated PNG: read with OpenCV, its times and limits here; written here, which keeps 16 bits and all times.

Pillow cuts those of 16 bits to 8, and takes what was there before "previous" for what was shown.
"""

from __future__ import annotations

import io
import itertools
import struct
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from denoise_ae.imagefiles.animation import changed, simplify
from denoise_ae.imagefiles.picture import Frame, Header, damaged
from denoise_ae.imagefiles.png_chunks import compress, is_bomb, write_chunk
from denoise_ae.pixels.convert import as_rgb, is_gray, join_alpha, peak_of, split_alpha

_KEEP, _REPLACES = 0, 0
"""A frame stays when its time is over, and replaces what was there."""


def read_times(chunks: Sequence[tuple[bytes, memoryview]], size: tuple[int, int], name: str) -> list[Fraction | None]:
    """Read how long the frames of an animation are shown; that of a still picture beside it is None.

    Args:
        chunks: IDAT, fcTL and fdAT: kinds and payloads.
        size: width and height of the whole.
        name: the file in messages.

    Raises:
        ImageError: this makes no sense.
        struct.error: an fcTL chunk is too long or too short.
    """
    times: list[Fraction | None] = []
    packed, place = 0, (*size, 0, 0)
    for kind, payload in [*chunks, (b"fcTL", None)]:
        if kind != b"fcTL":
            times = times or [None]  # the still picture is none of the animation's
            packed += len(payload or b"")
            continue
        width, height, x, y = place
        inside = 0 < width <= size[0] - x and 0 < height <= size[1] - y
        if not inside or is_bomb(packed, width, height) or (times and not packed):
            raise damaged(name, "this animated PNG is damaged")
        if payload is not None:
            _, *numbers, parts, of, _, _ = struct.unpack(">5I2H2B", payload)
            packed, place = 0, (numbers[0], numbers[1], numbers[2], numbers[3])
            times.append(Fraction(parts, of or 100))
    return times


def show(data: bytes, header: Header, name: str) -> list[NDArray[Any]]:
    """Decode all frames as they are seen, and before them the still picture that is beside an animation.

    Args:
        data: the file, without what the pixels don't need.
        header: what it says of itself.
        name: the file in messages.

    Returns:
        HxW, HxWx2, HxWx3 or HxWx4; uint8 or uint16; all of one kind, with alpha where any of it is not opaque.

    Raises:
        ImageError: it is damaged.
    """
    try:
        _, animation = cv2.imdecodeanimation(np.frombuffer(data, np.uint8))
        shown = list(animation.frames)
    except cv2.error:
        shown = []
    if len(shown) == header.frames - 1 and animation.still_image is not None:
        shown.insert(0, animation.still_image)
    if len(shown) != header.frames or any(frame.shape[:2] != (header.height, header.width) for frame in shown):
        raise damaged(name, "this animated PNG is damaged")
    whole = [_as_rgba(frame) for frame in shown]
    return simplify(whole, has_alpha=header.mode in {"gray+alpha", "RGBA"}, gray=all(map(is_gray, whole)))


def _as_rgba(frame: NDArray[Any]) -> NDArray[Any]:
    """Turn gray, BGR or BGRA into RGBA."""
    colour, alpha = split_alpha(frame)
    opaque = np.full(frame.shape[:2], peak_of(frame.dtype), frame.dtype)
    return join_alpha(as_rgb(colour)[..., ::-1], opaque if alpha is None else alpha)


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
            head = struct.pack(">5I2H2B", next(order), *place, *_delay(frame.duration), _KEEP, _REPLACES)
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
