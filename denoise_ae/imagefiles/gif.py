"""GIF, still and animated, read and written with Pillow; OpenCV dithers what it writes, which is noise again."""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.GifImagePlugin import GifImageFile, getdata

from denoise_ae.errors import ImageError
from denoise_ae.imagefiles.animation import changed, show
from denoise_ae.imagefiles.metadata import Metadata
from denoise_ae.imagefiles.picture import Encoding, Frame, Header, LazyImage, Picture, damaged
from denoise_ae.pixels.convert import as_rgb, split_alpha

_KEEP, _CLEAR = 1, 2
"""What becomes of a frame when its time is over."""
_LONGEST = 65535
"""Hundredths of a second that a frame can be shown."""


def read(data: bytes, name: str) -> LazyImage:
    """Walk through a GIF to its end.

    Raises:
        ImageError: the file is cut short.
        Exception: it is damaged.
    """
    with GifImageFile(io.BytesIO(data)) as image:
        again = image.info.get("loop")
        plays = 1 if again is None else again + 1 if again else 0
        count = image.n_frames
        header = Header("gif", *image.size, "palette").animated(count, plays)

    def load() -> Picture:
        try:
            with GifImageFile(io.BytesIO(data)) as image:
                frames = show(image, count, Metadata(), may_be_gray=True)
                with suppress(EOFError):
                    image.seek(count)
                # Pillow takes the end of the file for the end of the animation.
                whole = image.fp is not None and data[image.fp.tell() - 1 :].startswith(b";")
        except (EOFError, IndexError, OSError, SyntaxError, ValueError, struct.error) as error:
            raise damaged(name, "this GIF is cut short or damaged") from error
        if not whole:
            raise damaged(name, "this GIF is cut short")
        return Picture(frames, header)

    return LazyImage(header, load)


def write(frames: Sequence[Frame], encoding: Encoding) -> bytes:
    """Write a picture or an animation. Each frame gets up to 256 colours of its own; nothing is dithered.

    Pillow writes the frames but does not join them: it would make one of those that are equal.

    Raises:
        ImageError: a pixel is neither opaque nor transparent.
    """
    frames = [frame for frame in frames if frame.duration is not None] or frames
    plays = encoding.like.plays if encoding.like else 1
    height, width = frames[0].pixels.shape[:2]
    out = io.BytesIO()
    out.write(struct.pack("<6sHHBBB", b"GIF89a", width, height, 0x70, 0, 0))
    if len(frames) > 1 and plays != 1:
        out.write(struct.pack("<3s11sBBHB", b"\x21\xff\x0b", b"NETSCAPE2.0", 3, 1, min(max(plays - 1, 0), 65535), 0))
    # What was transparent can't become so again but by clearing all that was there.
    clears = True in [_is_transparent(frame.pixels, encoding.name) for frame in frames]
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
    out.write(b";")
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
