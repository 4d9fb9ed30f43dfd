"""JPEG's marker segments: size, quality, chroma sampling and metadata of a file, and metadata into a new one.

Pixels are OpenCV's. Its own metadata functions know no profile longer than one segment and no XMP that others can read.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from denoise_ae.errors import ImageError
from denoise_ae.imagefiles.metadata import Metadata
from denoise_ae.imagefiles.tiff_directory import read_directory

SAMPLINGS = {
    "4:4:4": [(1, 1), (1, 1), (1, 1)],
    "4:2:2": [(2, 1), (1, 1), (1, 1)],
    "4:2:0": [(2, 2), (1, 1), (1, 1)],
    "4:4:0": [(1, 2), (1, 1), (1, 1)],
    "4:1:1": [(4, 1), (1, 1), (1, 1)],
}
"""Usual name -> sampling factors of the three components, across and down."""

MAX_SEGMENT = 65533
"""What a marker segment can hold."""

_EXIF_PREFIX = b"Exif\0\0"
_XMP_PREFIX = b"http://ns.adobe.com/xap/1.0/\0"
_ICC_PREFIX = b"ICC_PROFILE\0"
_KEPT = {0xFE: b"", 0xED: b"Photoshop 3.0\0", 0xE1: b"http://ns.adobe.com/xmp/extension/\0"}
"""Marker -> how what is kept as it is begins: comments, IPTC, and what of XMP does not fit into one segment."""
_FURTHER_PICTURES = b"MPF\0"
_ENTRIES, _ENTRY_BYTES = 0xB002, 16
_THUMBNAILS = {0x010001, 0x010002}
"""Kinds of further pictures that only repeat the first (CIPA DC-007, 5.2.3.3)."""

_STANDARD_LUMA = (
    *(16, 11, 10, 16, 24, 40, 51, 61),
    *(12, 12, 14, 19, 26, 58, 60, 55),
    *(14, 13, 16, 24, 40, 57, 69, 56),
    *(14, 17, 22, 29, 51, 87, 80, 62),
    *(18, 22, 37, 56, 68, 109, 103, 77),
    *(24, 35, 55, 64, 81, 104, 113, 92),
    *(49, 64, 78, 87, 103, 121, 120, 101),
    *(72, 92, 95, 98, 112, 100, 103, 99),
)
"""The luminance quantisation table of JPEG's annex K, row by row."""

_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_BASELINE, _EXTENDED, _PROGRESSIVE = 0xC0, 0xC1, 0xC2
_ARITHMETIC = {0xC9, 0xCA}
_TABLES, _SCAN = 0xDB, 0xDA
_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})


@dataclass(frozen=True)
class Jpeg:
    """What a JPEG file says before its pixels are decoded.

    Attributes:
        width: in pixels.
        height: in pixels.
        mode: "gray" or "RGB".
        quality: 1 to 100, estimated; None where the luminance table is missing.
        chroma: a key of `SAMPLINGS`; None for gray and for unusual ones.
        metadata: EXIF, ICC, XMP, resolution, comments and IPTC.
        warnings: what of the metadata can't be read, and what else is in the file.
    """

    width: int
    height: int
    mode: str
    quality: int | None
    chroma: str | None
    metadata: Metadata
    warnings: tuple[str, ...]


def read_jpeg(data: bytes, name: str) -> Jpeg:
    """Read the segments before the first scan.

    Raises:
        ImageError: the file is cut short, CMYK, or of a kind that no usual program writes.
        struct.error: a segment is damaged.
    """
    frame: tuple[int, bytes] | None = None
    luma: tuple[int, ...] = ()
    exif = xmp = dpi = None
    profile: dict[int, bytes] = {}
    pieces = 0
    kept: list[tuple[int, bytes]] = []
    warnings: tuple[str, ...] = ()
    for marker, payload in _read_segments(data, name):
        if marker in _FRAMES:
            frame = marker, payload
        elif marker == _TABLES:
            luma = luma or _read_luma(payload)
        elif marker == 0xE0 and payload.startswith(b"JFIF\0"):
            unit, across, down = struct.unpack_from(">BHH", payload, 7)
            dots = {1: 1.0, 2: 2.54}.get(unit)  # an inch, a centimetre; anything else is a mere ratio
            dpi = (across * dots, down * dots) if dots and across and down else None
        elif marker == 0xE1 and payload.startswith(_EXIF_PREFIX):
            exif = exif or payload.removeprefix(_EXIF_PREFIX)
        elif marker == 0xE1 and payload.startswith(_XMP_PREFIX):
            xmp = payload.removeprefix(_XMP_PREFIX)
        elif marker == 0xE2 and payload.startswith(_ICC_PREFIX):
            number, pieces = payload[len(_ICC_PREFIX) :][:2]
            profile[number] = payload[len(_ICC_PREFIX) + 2 :]
        elif marker == 0xE2 and payload.startswith(_FURTHER_PICTURES):
            warnings = _further_pictures(payload)
        elif marker in _KEPT and payload.startswith(_KEPT[marker]):
            kept.append((marker, payload))
    if frame is None:
        raise ImageError(f"{name}: this JPEG has no picture in it", "get the file again from its source")
    whole = list(profile) and sorted(profile) == list(range(1, pieces + 1))
    icc = b"".join(profile[number] for number in sorted(profile)) if whole else None
    if profile and not whole:
        warnings += ("its colour profile is damaged and left out",)
    width, height, factors = _read_frame(*frame, name)
    mode = "gray" if len(factors) == 1 else "RGB"
    metadata = Metadata(exif, icc, xmp, dpi, jpeg_segments=tuple(kept))
    return Jpeg(width, height, mode, estimate_quality(luma), name_sampling(factors), metadata, warnings)


def _further_pictures(payload: bytes) -> tuple[str, ...]:
    """Warn of pictures behind the first that are more than thumbnails of it, by the index of a multi-picture file."""
    try:
        directory = read_directory(payload[len(_FURTHER_PICTURES) :])
    except ValueError:
        return ()
    entries = bytes(directory.fields[_ENTRIES].raw) if _ENTRIES in directory.fields else b""
    attributes = struct.Struct(directory.order + "I")
    kinds = [attributes.unpack_from(entries, at)[0] & 0xFFFFFF for at in range(0, len(entries) - 15, _ENTRY_BYTES)]
    if all(kind in _THUMBNAILS for kind in kinds[1:]):
        return ()
    return ("further pictures in it, as of a second lens or for HDR, are left out",)


def _read_segments(data: bytes, name: str) -> Iterator[tuple[int, bytes]]:
    """Yield markers and payloads up to the first scan."""
    place = 2
    while True:
        place = data.find(b"\xff", place)
        while 0 <= place < len(data) - 1 and data[place + 1] == 0xFF:  # fill bytes
            place += 1
        length = int.from_bytes(data[place + 2 : place + 4])
        if place < 0 or place + 2 + length > len(data) or length < 2:
            raise ImageError(f"{name}: this JPEG is cut short or damaged", "get the file again from its source")
        marker = data[place + 1]
        if marker == _SCAN:
            return
        if marker in _WITHOUT_LENGTH:
            place += 2
        else:
            yield marker, data[place + 4 : place + 2 + length]
            place += 2 + length


def _read_frame(marker: int, payload: bytes, name: str) -> tuple[int, int, list[tuple[int, int]]]:
    """Read width, height and sampling factors, refusing what can't be decoded or would be shown wrongly."""
    bits, height, width, components = struct.unpack_from(">BHHB", payload)
    kind = ""
    if marker not in {_BASELINE, _EXTENDED, _PROGRESSIVE, *_ARITHMETIC}:
        kind = "lossless or hierarchical"
    elif bits != 8:
        kind = f"{bits}-bit"
    elif components not in {1, 3}:
        kind = "CMYK" if components == 4 else f"{components}-component"
    if kind:
        raise ImageError(f"{name}: {kind} JPEG is not supported", "convert it to 8-bit gray or RGB first")
    return width, height, [divmod(payload[7 + 3 * index], 16) for index in range(components)]


def _read_luma(payload: bytes) -> tuple[int, ...]:
    """Find the table of luminance, number 0, among those of a segment; () where it isn't there."""
    place = 0
    while place < len(payload):
        wide, number = divmod(payload[place], 16)
        steps: tuple[int, ...] = struct.unpack_from(">64H" if wide else ">64B", payload, place + 1)
        if number == 0:
            return steps
        place += 129 if wide else 65
    return ()


def _total_steps(quality: int, largest: int) -> int:
    """Add up the luminance table as libjpeg scales it for a quality of 1 to 100."""
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    return sum(min(largest, max(1, (step * scale + 50) // 100)) for step in _STANDARD_LUMA)


def estimate_quality(luma: Sequence[int]) -> int | None:
    """Find the quality (1 to 100) at which libjpeg's luminance table is as coarse as a file's.

    Args:
        luma: the 64 steps in any order; None is returned where there are none.
    """
    if not luma:
        return None
    total = sum(luma)
    # Some encoders keep to the 8 bits of a baseline table, others write the larger steps of the lowest qualities.
    largest = 255 if max(luma) <= 255 else 32767
    return min(range(1, 101), key=lambda quality: abs(_total_steps(quality, largest) - total))


def name_sampling(factors: Sequence[tuple[int, int]]) -> str | None:
    """Name the way that a colour JPEG samples colour, None where it has no usual name."""
    return next((name for name, known in SAMPLINGS.items() if known == list(factors)), None)


def add_metadata(encoded: memoryview, metadata: Metadata) -> bytes:
    """Put metadata behind the JFIF header of a JPEG as OpenCV writes it. What no segment can hold is left out.

    Args:
        encoded: the JPEG; its first segment is JFIF's, 18 bytes long.
        metadata: an ICC profile is cut into as many segments as it needs.
    """
    out = io.BytesIO()
    out.write(encoded[:20])
    if dpi := metadata.resolution:
        out.seek(13)
        out.write(struct.pack(">BHH", 1, *(min(max(round(dots), 1), 65535) for dots in dpi)))
        out.seek(20)
    for marker, payload in _segments(metadata):
        if len(payload) <= MAX_SEGMENT:
            out.write(struct.pack(">BBH", 0xFF, marker, len(payload) + 2))
            out.write(payload)
    out.write(encoded[20:])
    return out.getvalue()


def _segments(metadata: Metadata) -> Iterator[tuple[int, bytes]]:
    """Yield markers and payloads (EXIF 2.3 section 4.7.2, XMP part 3 section 1.1.3, ICC.1 annex B.4)."""
    if metadata.exif:
        yield 0xE1, _EXIF_PREFIX + metadata.exif
    if metadata.xmp:
        yield 0xE1, _XMP_PREFIX + metadata.xmp
    if metadata.icc:
        room = MAX_SEGMENT - len(_ICC_PREFIX) - 2
        pieces = [metadata.icc[start : start + room] for start in range(0, len(metadata.icc), room)]
        for number, piece in enumerate(pieces, 1):
            yield 0xE2, _ICC_PREFIX + bytes([number, len(pieces)]) + piece
    yield from metadata.jpeg_segments


def can_hold(metadata: Metadata) -> bool:
    """Tell whether a JPEG can hold the EXIF, without which the picture's orientation would be lost."""
    return len(metadata.exif or b"") + len(_EXIF_PREFIX) <= MAX_SEGMENT
