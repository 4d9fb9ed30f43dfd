"""JPEG XL, by pillow-jxl-plugin, which turns pictures upright."""

from __future__ import annotations

import struct

import numpy as np
from pillow_jxl import Decoder

from denoise_ae.imagefiles.metadata import Metadata, bare_exif, check_exif, upright_metadata
from denoise_ae.imagefiles.picture import Frame, Header, LazyImage, Picture, damaged, unsupported

_CHANNELS = {"L": 1, "I": 1, "LA": 2, "RGB": 3, "RGBA": 4}
"""The package's names of kinds of pixels, with ";16" behind those of 16 bits -> channels."""


def read(data: bytes, name: str) -> LazyImage:
    """Read the size; what pixels there are is known once they are decoded.

    Raises:
        ImageError: the file is damaged, or it is an animation.
    """
    try:
        width, height, animated = _read_jxl_header(data)
    except (ValueError, struct.error) as error:
        raise damaged(name, "this JPEG XL is cut short or damaged") from error
    if animated:
        raise unsupported(name, "animated JPEG XL")
    header = Header("jxl", width, height, "RGB", lossless=False)

    def load() -> Picture:
        try:
            _, info, raw, icc, boxes = Decoder(num_threads=1)(data)
        except (RuntimeError, ValueError, OSError) as error:
            raise damaged(name, "this JPEG XL is cut short or damaged") from error
        channels = _CHANNELS.get(info.mode.split(";")[0])
        size = info.width * info.height * (channels or 0)
        if channels is None or len(raw) not in {size, 2 * size}:
            raise unsupported(name, f"JPEG XL with {info.mode} pixels")
        pixels = np.frombuffer(raw, np.uint8 if len(raw) == size else np.uint16).copy()
        shape = (info.height, info.width) if channels == 1 else (info.height, info.width, channels)
        exif = next((bytes(box.data) for box in boxes if box.box_type == b"Exif"), b"")
        xmp = next((bytes(box.data) for box in boxes if box.box_type == b"xml "), None)
        if not exif.startswith((b"II", b"MM")):  # the first four bytes say where EXIF starts, but some leave them out
            exif = exif[4:]
        said, warnings = check_exif(Metadata(bare_exif(exif), icc or None, xmp))
        return Picture([Frame(pixels.reshape(shape), upright_metadata(said))], header, warnings)

    return LazyImage(header, load)


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
