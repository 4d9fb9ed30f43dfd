"""What OpenCV's JPEG reader and writer leave out: the quality of a file, and metadata of any size."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator, Sequence

from denoise_ae.metadata import Metadata

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


def estimate_quality(luma: Sequence[int]) -> int | None:
    """Find the quality (1 to 100) whose quantisation table, as libjpeg would scale it, is nearest to a file's.

    Args:
        luma: the 64 steps, row by row; None is returned for any other number.
    """
    if len(luma) != len(_STANDARD_LUMA):
        return None

    def distance(quality: int) -> int:
        scale = 5000 // quality if quality < 50 else 200 - 2 * quality
        scaled = (min(255, max(1, (step * scale + 50) // 100)) for step in _STANDARD_LUMA)
        return sum(abs(own - other) for own, other in zip(luma, scaled, strict=True))

    return min(range(100, 0, -1), key=distance)


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
    if metadata.dpi:
        out.seek(13)
        out.write(struct.pack(">BHH", 1, *(min(round(dpi), 65535) for dpi in metadata.dpi)))
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


def can_hold(metadata: Metadata) -> bool:
    """Tell whether a JPEG can hold the EXIF, without which the picture's orientation would be lost."""
    return len(metadata.exif or b"") + len(_EXIF_PREFIX) <= MAX_SEGMENT
