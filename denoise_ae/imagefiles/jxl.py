"""JPEG XL, by pillow-jxl-plugin."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from denoise_ae.errors import ImageError
from denoise_ae.imagefiles.metadata import Metadata
from denoise_ae.imagefiles.optional import _CHANNELS, _CONVERT, Opened, _damaged, _load, _upright_metadata


def open_jxl(data: bytes, name: str) -> Opened:
    """Open JPEG XL with pillow-jxl-plugin.

    Raises:
        ImageError: it isn't installed, the file is damaged, or it is an animation.
    """
    try:
        width, height, animated = _read_jxl_header(data)
    except (ValueError, struct.error) as error:
        raise _damaged(name, "JPEG XL") from error
    if animated:
        raise ImageError(f"{name}: animated JPEG XL is not supported", _CONVERT)
    jxl = _load("pillow_jxl", "jxl", "JPEG XL", name)

    def read() -> tuple[NDArray[Any], Metadata]:
        try:
            _, info, raw, icc, boxes = jxl.Decoder(num_threads=1)(data)
        except (RuntimeError, ValueError, OSError) as error:
            raise _damaged(name, "JPEG XL") from error
        channels = _CHANNELS.get(info.mode.split(";")[0])
        size = info.width * info.height * (channels or 0)
        if channels is None or len(raw) not in {size, 2 * size}:
            raise ImageError(f"{name}: JPEG XL with {info.mode} pixels is not supported", _CONVERT)
        pixels = np.frombuffer(raw, np.uint8 if len(raw) == size else np.uint16).copy()
        shape = (info.height, info.width) if channels == 1 else (info.height, info.width, channels)
        exif = next((bytes(box.data) for box in boxes if box.box_type == b"Exif"), b"")
        xmp = next((bytes(box.data) for box in boxes if box.box_type == b"xml "), None)
        return pixels.reshape(shape), _upright_metadata(exif[4:], icc, xmp)  # the first four say where EXIF starts

    return Opened(width, height, "RGB", 8, read)


def _read_jxl_header(data: bytes) -> tuple[int, int, bool]:
    """Read width, height and whether it is an animation (ISO/IEC 18181-1, D.2 and D.3.1).

    Raises:
        ValueError: this is no header.
        struct.error: the file is too short.
    """
    number = int.from_bytes(_codestream(data)[2:66], "little")

    def take(count: int) -> int:
        nonlocal number
        value, number = number & ((1 << count) - 1), number >> count
        return value

    def size() -> tuple[int, int]:
        def side() -> int:
            return 8 * (take(5) + 1) if eighths else take((9, 13, 18, 30)[take(2)]) + 1

        eighths = take(1)
        height = side()
        across, down = ((0, 0), (1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))[take(3)]
        return height * across // down if down else side(), height

    width, height = size()
    animated = False
    if not take(1) and take(1):  # not all is as usual, and there is more
        take(3)
        if take(1):
            size()
        if take(1):
            raise ValueError("a preview, which no program is known to write")
        animated = bool(take(1))
    return width, height, animated


def _codestream(data: bytes) -> bytes:
    if data.startswith(b"\xff\x0a"):
        return data[:80]
    place = 0
    while True:
        length, kind = struct.unpack_from(">I4s", data, place)
        start = place + 8
        if length == 1:
            (length,) = struct.unpack_from(">Q", data, start)
            start += 8
        if kind in {b"jxlc", b"jxlp"}:
            start += 4 * (kind == b"jxlp")
            return data[start : start + 80]
        if length < 8:
            raise ValueError("no picture in it")
        place += length
