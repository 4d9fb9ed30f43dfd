"""PBM, PGM and PPM: decoded with OpenCV; written here, which takes two lines and no copy."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from denoise_ae.errors import ImageError
from denoise_ae.imagefiles import opencv
from denoise_ae.imagefiles.picture import Encoding, Frame, Header, LazyImage, damaged


def read(data: bytes, name: str) -> LazyImage:
    """Read the header.

    Raises:
        ImageError: it is damaged, its white is neither 255 nor 65535, or there are several pictures.
    """
    kind = data[1:2]
    space = rb"(?:\s|#[^\n]*\n)+"
    numbers = re.match(rb"P\d" + (space + rb"(\d+)") * (2 if kind in b"14" else 3), data)
    if numbers is None:
        raise damaged(name, "the header of this PNM is damaged")
    width, height, *white = map(int, numbers.groups())
    if white not in ([], [255], [65535]):
        raise ImageError(
            f"{name}: PNM with {white[0]} as white is not supported", "save it with 255 or 65535, or as PNG"
        )
    colour, deep = kind in b"36", white == [65535]
    row = (width + 7) // 8 if kind == b"4" else width * (3 if colour else 1) * (2 if deep else 1)
    if kind in b"456" and data[numbers.end() + 1 + row * height :].lstrip()[:1] == b"P":
        raise ImageError(f"{name}: PNM with several pictures is not supported", "split it into files of their own")
    header = Header("pnm", width, height, "RGB" if colour else "gray", 16 if deep else 8)
    return LazyImage.still(header, lambda: opencv.check_decoded(opencv.decode(data), (height, width), name, "PNM"))


def write(frames: Sequence[Frame], _: Encoding) -> bytes:
    """Write gray or RGB of 8 or 16 bits."""
    (frame,) = frames
    height, width = frame.pixels.shape[:2]
    kind, white = 5 if frame.pixels.ndim == 2 else 6, np.iinfo(frame.pixels.dtype).max
    big_endian = np.ascontiguousarray(frame.pixels, frame.pixels.dtype.newbyteorder(">"))
    return b"".join([f"P{kind}\n{width} {height}\n{white}\n".encode(), big_endian.data])
