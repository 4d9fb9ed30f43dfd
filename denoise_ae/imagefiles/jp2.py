"""JPEG 2000's boxes: size, colours and metadata of a file, and metadata into a new one. Pixels are OpenCV's.

It gives each file six resolutions, for which small pictures are too small; those are written with Pillow.
Programs turn no JPEG 2000 as EXIF says, so that what is read here counts as upright, and so must be what is written.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator, Sequence
from contextlib import suppress

import cv2
import numpy as np
from PIL import Image

from denoise_ae.errors import ImageError
from denoise_ae.imagefiles import opencv
from denoise_ae.imagefiles.metadata import METRE, Metadata, bare_exif, check_exif, upright_metadata
from denoise_ae.imagefiles.picture import Encoding, Frame, Header, LazyImage, Picture, damaged, unsupported

_SMALLEST = 32
"""Pixels on a side that OpenCV needs to write a picture."""

_SIGNATURE = b"\0\0\0\x0cjP  "
_HEADER, _COLOURS, _UUID, _CODESTREAM, _PALETTE = b"jp2h", b"colr", b"uuid", b"jp2c", b"pclr"
_RESOLUTION, _CAPTURED = b"res ", b"resc"
_TILE_PART, _END = b"\xff\x90", b"\xff\xd9"
_ENUMERATED, _PROFILE = 1, 2
_CMYK = 12
_EXIF_UUID = b"JpgTiffExif->JP2"
_XMP_UUID = bytes.fromhex("BE7ACFCB97A942E89C71999491E3AFAC")
_SPACES = {1: b"GRAY", 3: b"RGB ", 4: b"RGB "}
"""Samples a pixel -> what an ICC profile must be for."""


def read(data: bytes, name: str) -> LazyImage:
    """Read the boxes and the head of the codestream, which may also come without any boxes.

    Raises:
        ImageError: it is of a kind that is not supported.
        ValueError: there is no codestream.
        struct.error: it is damaged.
    """
    boxes: dict[bytes, bytes] = {}
    start = 0
    if data.startswith(_SIGNATURE):
        for kind, begin, end in _all_boxes(data):
            if kind == _CODESTREAM:
                start = begin
                boxes |= dict(_behind(data, end)) | boxes
                break
            boxes.setdefault(_key(data, kind, begin), data[begin:end])
    # The SIZ marker segment follows the start of the codestream at once (ISO/IEC 15444-1, A.5.1).
    if not data.startswith(b"\xff\x4f\xff\x51", start):
        raise ValueError("no codestream")
    start += 8
    right, bottom, left, top = struct.unpack_from(">4I", data, start)
    (components,) = struct.unpack_from(">H", data, start + 32)
    depths = {data[start + 34 + 3 * index] + 1 for index in range(components)}
    coarse = any(data[start + 35 + 3 * index : start + 37 + 3 * index] != b"\1\1" for index in range(components))
    bits = depths.pop()
    colours = boxes.get(_COLOURS, b"")
    icc = colours[3:] if colours[:1] == bytes([_PROFILE]) else None
    refused = ""
    if colours[:1] + colours[3:] == struct.pack(">BI", _ENUMERATED, _CMYK) or (icc and icc[16:20] == b"CMYK"):
        refused = "CMYK"
    elif depths or not 8 <= bits <= 16:
        refused = "samples of other than 8 to 16 bits"
    elif components not in _SPACES or _PALETTE in boxes:
        refused = "a palette" if _PALETTE in boxes else f"{components} samples a pixel"
    elif icc and icc[16:20] != _SPACES[components]:
        refused = f"{icc[16:20].decode('latin-1').strip()} colours"
    elif coarse:
        refused = "colours at less than full size"
    elif left or top:
        refused = "a picture that starts inside its grid"
    if refused:
        raise unsupported(name, f"JPEG 2000 with {refused}")
    exif = bare_exif(boxes.get(_EXIF_UUID, b"")[16:])
    xmp = boxes.get(_XMP_UUID, b"")[16:] or None
    said, warnings = check_exif(Metadata(exif, icc, xmp, _read_resolution(boxes.get(_RESOLUTION, b""))))
    width, height = right - left, bottom - top

    missing = _missing_tiles(data, start - 8)

    def load() -> Picture:
        if missing:
            raise damaged(name, f"this JPEG 2000 is damaged: {missing}")
        return salvage()

    def salvage() -> Picture:
        pixels = opencv.check_decoded(opencv.decode(data), (height, width), name, "JPEG 2000")
        return Picture([Frame(opencv.spread(pixels, bits), kept)], header, warnings)

    kept = upright_metadata(said)
    header = Header("jpeg2000", width, height, {1: "gray", 3: "RGB", 4: "RGBA"}[components], bits)
    return LazyImage(header, load, kept, warnings, salvage)


def _missing_tiles(data: bytes, start: int) -> str:
    """Say which tiles of a codestream are missing or cut short, if any; OpenJPEG fills them up (A.4.2, B.3).

    Args:
        data: the whole file.
        start: of the codestream.

    Raises:
        struct.error: it is damaged.
    """
    right, bottom, _, _, width, height, left, top = struct.unpack_from(">8I", data, start + 8)
    count = -(-(right - left) // width) * -(-(bottom - top) // height)
    place = start + 2
    while (marker := data[place : place + 2]) != _TILE_PART:
        if marker[:1] != b"\xff":
            raise struct.error("no tile")
        place += 2 + int.from_bytes(data[place + 2 : place + 4])
    found: set[int] = set()
    while data[place : place + 2] == _TILE_PART:
        number, length = struct.unpack_from(">HI", data, place + 4)
        if place + length > len(data):
            return f"tile {number + 1} is cut short"
        found.add(number)
        if not length:  # up to the end
            break
        place += max(length, 12)
        if data[place : place + 2] not in {_TILE_PART, _END, b""}:
            return f"nothing follows tile {number + 1}"
    return f"{count - len(found)} of its {count} tiles are missing" if len(found) < count else ""


def _key(data: bytes, kind: bytes, begin: int) -> bytes:
    """Return what a box is looked up by: its kind, or what a box of somebody's own says that it is."""
    return data[begin : begin + 16] if kind == _UUID else kind


def _behind(data: bytes, start: int) -> Iterator[tuple[bytes, bytes]]:
    """Yield what some programs append behind the codestream: EXIF and XMP. What is no box ends it."""
    with suppress(struct.error):
        for kind, begin, end in _boxes(data, start, len(data)):
            if kind == _UUID:
                yield _key(data, kind, begin), data[begin:end]


def _boxes(data: bytes | memoryview, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield kinds of boxes and where their contents lie."""
    while start + 8 <= end:
        length, kind = struct.unpack_from(">I4s", data, start)
        begin = start + 8
        if length == 1:
            (length,) = struct.unpack_from(">Q", data, begin)
            begin += 8
        stop = min(start + length, end) if length else end  # 0: up to the end
        if stop < begin:
            raise struct.error("a box is shorter than its head")
        yield kind, begin, stop
        start = stop


def _all_boxes(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield the file's boxes, and those in its header box."""
    for kind, begin, end in _boxes(data, 0, len(data)):
        yield kind, begin, end
        if kind == _HEADER:
            # A codestream in there is none for any decoder.
            yield from (box for box in _boxes(data, begin, end) if box[0] != _CODESTREAM)


def _read_resolution(content: bytes) -> tuple[float, float] | None:
    for kind, begin, end in _boxes(content, 0, len(content)):
        if kind == _CAPTURED and end - begin == 10:
            down, down_by, across, across_by, down_power, across_power = struct.unpack_from(">4H2b", content, begin)
            if down and down_by and across and across_by:
                return across / across_by * 10.0**across_power * METRE, down / down_by * 10.0**down_power * METRE
    return None


def write(frames: Sequence[Frame], encoding: Encoding) -> bytes:
    """Write a picture without loss, and put its metadata in; a profile that is not for these pixels is left out.

    Raises:
        ImageError: colour or alpha of 16 bits in a picture that is too small for OpenCV.
    """
    (frame,) = frames
    pixels, metadata = frame.pixels, frame.metadata
    if min(pixels.shape[:2]) >= _SMALLEST:
        options = [cv2.IMWRITE_JPEG2000_COMPRESSION_X1000, 1000]
        encoded = opencv.encode(pixels, ".jp2", encoding.name, options).data
    elif pixels.dtype == np.uint16 and pixels.ndim == 3:
        message = f"{encoding.name}: as JPEG 2000, 16-bit colour must have {_SMALLEST} pixels on a side"
        raise ImageError(message, "write it as PNG or TIFF")
    else:
        out = io.BytesIO()
        Image.fromarray(pixels).save(out, "JPEG2000", num_resolutions=1)
        encoded = out.getbuffer()
    parts: list[bytes | memoryview] = []
    for kind, begin, end in _boxes(encoded, 0, len(encoded)):
        if kind == _HEADER:
            parts.append(_box(_HEADER, _describe_colours(encoded[begin:end], metadata)))
            continue
        if kind == _CODESTREAM:
            parts += [_box(_UUID, _EXIF_UUID + metadata.exif)] if metadata.exif else []
            parts += [_box(_UUID, _XMP_UUID + metadata.xmp)] if metadata.xmp else []
            parts.append(struct.pack(">I4s", 0, _CODESTREAM))  # which goes up to the end, however long it is
        else:
            parts.append(struct.pack(">I4s", end - begin + 8, kind))
        parts.append(encoded[begin:end])
    return b"".join(parts)


def _describe_colours(header: memoryview, metadata: Metadata) -> bytes:
    """Rewrite what is in the header box: its own head, the colours, the resolution."""
    out, components = b"", 0
    for kind, begin, end in _boxes(header, 0, len(header)):
        content = bytes(header[begin:end])
        if kind == b"ihdr":
            components = int.from_bytes(content[8:10])
        if kind == _COLOURS and metadata.icc and metadata.icc[16:20] == _SPACES.get(components):
            content = bytes([_PROFILE, 0, 0]) + metadata.icc
        out += _box(kind, content)
    if dpi := metadata.resolution:
        (across, across_by, across_power), (down, down_by, down_power) = map(_as_fraction, dpi)
        numbers = struct.pack(">4H2b", down, down_by, across, across_by, down_power, across_power)
        out += _box(_RESOLUTION, _box(_CAPTURED, numbers))
    return out


def _as_fraction(dpi: float) -> tuple[int, int, int]:
    """Give dots per inch as a fraction of 16-bit numbers and a power of ten, of dots per metre."""
    dots, power = max(dpi, 1e-3) / METRE, 0
    while dots >= 65535:
        dots, power = dots / 10, power + 1
    by = min(65535, int(65535 / dots))
    return round(dots * by), by, power


def _box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", len(content) + 8, kind) + content
