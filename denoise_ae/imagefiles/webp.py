"""WebP's container: size, metadata and the pieces of an animation. Pixels are OpenCV's, which gets one at a time.

Libraries' own writers of animations join equal frames and forget colours under transparency.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from denoise_ae.errors import ImageError
from denoise_ae.imagefiles.animation import NOTHING, TO_BACKGROUND, Piece
from denoise_ae.imagefiles.metadata import Metadata
from denoise_ae.imagefiles.picture import Frame

_HAS_ANIMATION, _HAS_XMP, _HAS_EXIF, _HAS_ALPHA, _HAS_ICC = 2, 4, 8, 16, 32
_REPLACES = 2
_MILLISECOND = Fraction(1, 1000)
_PIXELS = {b"VP8 ", b"VP8L", b"ALPH"}


@dataclass(frozen=True)
class Webp:
    """What a WebP file says before its pixels are decoded.

    Attributes:
        width: in pixels.
        height: in pixels.
        mode: "RGB" or "RGBA".
        lossless: whether all of its pixels were stored without loss.
        metadata: EXIF, ICC and XMP.
        pieces: of an animation; empty in a still picture.
        plays: how often an animation is shown; 0: without end.
    """

    width: int
    height: int
    mode: str
    lossless: bool
    metadata: Metadata
    pieces: tuple[Piece, ...]
    plays: int

    def still(self, data: bytes, piece: Piece) -> bytes:
        """Make a file of a piece of this file's data."""
        ((start, end),) = piece.data
        chunks = dict(_chunks(data, start, end))
        bodies = [(kind, data[slice(*chunks[kind])]) for kind in (b"ALPH", b"VP8 ", b"VP8L") if kind in chunks]
        extended = struct.pack("<B3x", _HAS_ALPHA) + _triple(piece.width - 1) + _triple(piece.height - 1)
        return _file([(b"VP8X", extended), *bodies] if b"ALPH" in chunks else bodies)


def read_webp(data: bytes, name: str) -> Webp:
    """Read what is said around the pixels.

    Raises:
        ImageError: the file is cut short, or a piece lies outside of the picture.
        KeyError: there are no pixels.
        struct.error: a chunk is damaged.
    """
    if len(data) < 8 + int.from_bytes(data[4:8], "little"):
        raise ImageError(f"{name}: this WebP is cut short", "get the file again from its source")
    chunks: dict[bytes, bytes] = {}
    pieces: list[Piece] = []
    kinds: set[bytes] = set()
    for kind, (start, end) in _chunks(data, 12, len(data)):
        if kind == b"ANMF":
            pieces.append(_read_piece(data, start, end))
            kinds |= dict(_chunks(data, start + 16, end)).keys()
        else:
            kinds.add(kind)
            # Pixels can be long; their first bytes are enough.
            chunks.setdefault(kind, data[start : start + 10] if kind in _PIXELS else data[start:end])
    if extended := chunks.get(b"VP8X"):
        width, height = (int.from_bytes(extended[place : place + 3], "little") + 1 for place in (4, 7))
        alpha = bool(extended[0] & _HAS_ALPHA)
    elif lossless := chunks.get(b"VP8L"):
        numbers = int.from_bytes(lossless[1:5], "little")
        width, height, alpha = (numbers & 0x3FFF) + 1, (numbers >> 14 & 0x3FFF) + 1, bool(numbers >> 28 & 1)
    else:
        width, height = (number & 0x3FFF for number in struct.unpack("<HH", chunks[b"VP8 "][6:10]))
        alpha = False
    if any(piece.x + piece.width > width or piece.y + piece.height > height for piece in pieces):
        raise ImageError(f"{name}: this WebP is damaged", "get the file again from its source")
    exif = chunks.get(b"EXIF", b"").removeprefix(b"Exif\0\0")
    return Webp(
        *(width, height, "RGBA" if alpha else "RGB", b"VP8 " not in kinds),
        metadata=Metadata(exif or None, chunks.get(b"ICCP"), chunks.get(b"XMP ")),
        pieces=tuple(pieces),
        plays=int.from_bytes(chunks.get(b"ANIM", b"")[4:6], "little"),
    )


def _chunks(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, tuple[int, int]]]:
    """Yield kinds of chunks and where their payloads lie."""
    while start + 8 <= end:
        length = int.from_bytes(data[start + 4 : start + 8], "little")
        yield data[start : start + 4], (start + 8, min(start + 8 + length, end))
        start += 8 + length + length % 2


def _read_piece(data: bytes, start: int, end: int) -> Piece:
    numbers = [int.from_bytes(data[place : place + 3], "little") for place in range(start, start + 15, 3)]
    flags = data[start + 15]
    return Piece(
        *(2 * numbers[0], 2 * numbers[1], numbers[2] + 1, numbers[3] + 1, numbers[4] * _MILLISECOND),
        disposal=TO_BACKGROUND if flags & 1 else NOTHING,
        blended=not flags & _REPLACES,
        data=[(start + 16, end)],
    )


def join_animation(
    size: tuple[int, int], stills: Sequence[tuple[Frame, bytes, int, int, int, int]], plays: int, *, alpha: bool
) -> bytes:
    """Join still pictures into an animation.

    Args:
        size: height and width of the whole.
        stills: for each its frame, the file of the part of it that changes, and that part's column, row, width and
            height; columns and rows are even.
        plays: how often it is shown; 0: without end.
        alpha: whether there is any.
    """
    metadata = stills[0][0].metadata
    body: list[tuple[bytes, bytes]] = []
    for frame, still, x, y, width, height in stills:
        milliseconds = min(round((frame.duration or 0) / _MILLISECOND), 2**24 - 1)
        head = b"".join(map(_triple, (x // 2, y // 2, width - 1, height - 1, milliseconds))) + bytes([_REPLACES])
        pixels = [(kind, still[slice(*place)]) for kind, place in _chunks(still, 12, len(still)) if kind in _PIXELS]
        body.append((b"ANMF", head + _join(pixels)))
    held = ((b"ICCP", metadata.icc, _HAS_ICC), (b"EXIF", metadata.exif, _HAS_EXIF), (b"XMP ", metadata.xmp, _HAS_XMP))
    flags = _HAS_ANIMATION | (_HAS_ALPHA if alpha else 0) | sum(flag for _, payload, flag in held if payload)
    first = [
        (b"VP8X", struct.pack("<B3x", flags) + _triple(size[1] - 1) + _triple(size[0] - 1)),
        *([(b"ICCP", metadata.icc)] if metadata.icc else []),
        (b"ANIM", struct.pack("<IH", 0, min(plays, 65535))),
    ]
    return _file([*first, *body, *((kind, payload) for kind, payload, _ in held[1:] if payload)])


def _triple(number: int) -> bytes:
    return number.to_bytes(3, "little")


def _join(chunks: Sequence[tuple[bytes, bytes]]) -> bytes:
    out = io.BytesIO()
    for kind, payload in chunks:
        out.write(kind + len(payload).to_bytes(4, "little"))
        out.write(payload)
        out.write(b"\0" * (len(payload) % 2))
    return out.getvalue()


def _file(chunks: Sequence[tuple[bytes, bytes]]) -> bytes:
    body = _join(chunks)
    return b"RIFF" + (len(body) + 4).to_bytes(4, "little") + b"WEBP" + body
