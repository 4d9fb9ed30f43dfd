"""GIF, still and animated: checked to its end, read and written with Pillow, which knows its compression.

OpenCV dithers what it writes, which is noise again; Pillow as a whole joins frames that are equal.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from denoise_ae.errors import ImageError
from denoise_ae.imagefiles.animation import changed, simplify
from denoise_ae.imagefiles.picture import Frame
from denoise_ae.pixels.convert import as_rgb, split_alpha

_AGAIN = "get the file again from its source"
_EXTENSION, _IMAGE, _END = 0x21, 0x2C, 0x3B
_KEEP, _CLEAR = 1, 2
"""What becomes of a frame when its time is over."""
_LONGEST = 65535
"""Hundredths of a second that a frame can be shown."""


def count_frames(data: bytes, name: str) -> tuple[int, int, int]:
    """Walk through a GIF's blocks to its end; return its width, its height and how many frames it has.

    Raises:
        ImageError: the file is cut short, or has no picture.
    """
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    place = 13 + _table_length(flags)
    frames = 0
    try:
        while data[place] != _END:
            if data[place] == _EXTENSION:
                place = _behind_blocks(data, place + 2)
                continue
            left, top, across, down, flags = struct.unpack_from("<4HB", data, place + 1)
            if data[place] != _IMAGE or left + across > width or top + down > height:
                raise ImageError(f"{name}: this GIF is damaged", _AGAIN)
            frames += 1
            place = _behind_blocks(data, place + 11 + _table_length(flags))
    except (IndexError, struct.error) as error:
        raise ImageError(f"{name}: this GIF is cut short", _AGAIN) from error
    if not frames:
        raise ImageError(f"{name}: this GIF has no picture in it", _AGAIN)
    return width, height, frames


def _table_length(flags: int) -> int:
    return 3 << (flags % 8 + 1) if flags & 0x80 else 0


def _behind_blocks(data: bytes, place: int) -> int:
    while data[place]:
        place += 1 + data[place]
    return place + 1


def read_plays(data: bytes) -> int:
    """Say how often an animation is shown; 0: without end."""
    at = data.find(b"\x21\xff\x0bNETSCAPE2.0\x03\x01")
    if at < 0 or at + 18 > len(data):
        return 1
    (again,) = struct.unpack_from("<H", data, at + 16)
    return again + 1 if again else 0


def read_gif(data: bytes, name: str) -> list[Frame]:
    """Read all frames as they are seen: gray or RGB, with alpha where anything is transparent.

    Raises:
        ImageError: the file is damaged.
    """
    from PIL.GifImagePlugin import GifImageFile

    width, height, count = count_frames(data, name)
    shown: list[NDArray[Any]] = []
    durations: list[Fraction | None] = []
    try:
        with GifImageFile(io.BytesIO(data)) as image:
            for number in range(count):
                image.seek(number)
                shown.append(np.array(image.convert("RGBA")))
                durations.append(Fraction(int(image.info.get("duration", 0)), 1000) if count > 1 else None)
    except (EOFError, IndexError, OSError, SyntaxError, ValueError, struct.error) as error:
        raise ImageError(f"{name}: this GIF is cut short or damaged", _AGAIN) from error
    if any(frame.shape[:2] != (height, width) for frame in shown):
        raise ImageError(f"{name}: this GIF is damaged", _AGAIN)
    gray = all((frame[..., :1] == frame[..., 1:3]).all() for frame in shown)
    frames = simplify(shown, has_alpha=False, gray=gray)
    return [Frame(pixels, duration=duration) for pixels, duration in zip(frames, durations, strict=True)]


def encode_gif(frames: Sequence[Frame], plays: int, name: str) -> bytes:
    """Write a picture or an animation. Each frame gets up to 256 colours of its own; nothing is dithered.

    Args:
        frames: uint8, all of one size.
        plays: how often an animation is shown; 0: without end.
        name: the picture in messages.

    Raises:
        ImageError: a pixel is neither opaque nor transparent.
    """
    from PIL.GifImagePlugin import getdata

    height, width = frames[0].pixels.shape[:2]
    out = io.BytesIO()
    out.write(struct.pack("<6sHHBBB", b"GIF89a", width, height, 0x70, 0, 0))
    if len(frames) > 1 and plays != 1:
        out.write(struct.pack("<3s11sBBHB", b"\x21\xff\x0b", b"NETSCAPE2.0", 3, 1, min(max(plays - 1, 0), 65535), 0))
    # What was transparent can't become so again but by clearing all that was there.
    clears = any(_is_transparent(frame.pixels, name) for frame in frames)
    before = None
    for frame in frames:
        rows, columns = changed(None if clears else before, frame.pixels)
        before = frame.pixels
        image, transparent = _quantize(frame.pixels[rows, columns])
        settings: dict[str, Any] = {"include_color_table": True}
        if frame.duration is not None:
            settings["duration"] = min(round(frame.duration * 100), _LONGEST) * 10
            settings["disposal"] = _CLEAR if clears else _KEEP
        if transparent is not None:
            settings["transparency"] = transparent
        for block in getdata(image, (columns.start, rows.start), **settings):
            out.write(block)
    out.write(bytes([_END]))
    return out.getvalue()


def _is_transparent(pixels: NDArray[Any], name: str) -> bool:
    _, alpha = split_alpha(pixels)
    if alpha is not None and ((alpha > 0) & (alpha < 255)).any():
        raise ImageError(f"{name}: GIF can't hold what is half transparent", "write it as PNG or WebP")
    return alpha is not None and not alpha.all()


def _quantize(pixels: NDArray[Any]) -> tuple[Any, int | None]:
    """Make a picture with a palette; return it with the number of the transparent colour, if it needs one.

    Up to 256 colours, or 255 beside the transparent one, stay exactly as they are.
    """
    from PIL import Image

    colour, alpha = split_alpha(pixels)
    hidden = None if alpha is None or alpha.all() else alpha == 0
    rgb = np.array(as_rgb(colour))
    if hidden is not None:
        rgb[hidden] = rgb[~hidden][:1] if not hidden.all() else 0  # no colour of their own for what is not seen
    image = Image.fromarray(rgb).quantize(256 if hidden is None else 255, Image.Quantize.MEDIANCUT)
    if hidden is None:
        return image, None
    palette = image.getpalette() or []
    number = len(palette) // 3
    indices = np.array(image)
    indices[hidden] = number
    with_hidden = Image.fromarray(indices, "P")
    with_hidden.putpalette([*palette, 0, 0, 0])
    return with_hidden, number
