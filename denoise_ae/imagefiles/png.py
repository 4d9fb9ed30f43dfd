"""PNG's chunks: check and read them, and write pictures of every depth with what they say about themselves.

Pixels are decoded by OpenCV, which gets only the chunks that it needs for them, because libpng prints what it thinks of
the others. They are written here: OpenCV knows no gray with alpha, refuses profiles that libpng doesn't like, and needs
two copies of the picture. Size and speed are the same.
"""

from __future__ import annotations

import io
import itertools
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from denoise_ae.errors import ImageError
from denoise_ae.imagefiles.animation import NOTHING, TO_BACKGROUND, TO_PREVIOUS, Piece, changed
from denoise_ae.imagefiles.metadata import METRE, Metadata
from denoise_ae.imagefiles.picture import Frame

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_FOR_PIXELS = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}
_TEXT = {b"tEXt", b"zTXt", b"iTXt"}
_COLOUR = {b"gAMA", b"cHRM", b"sRGB", b"cICP", b"mDCV", b"cLLI"}
"""What the samples mean as colours, which cleaning does not change."""
_MODES = {0: "gray", 2: "RGB", 3: "palette", 4: "gray+alpha", 6: "RGBA"}
_COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}
"""Samples a pixel -> PNG colour type."""
_XMP_KEYWORD = b"XML:com.adobe.xmp"
_STEP_BYTES = 1 << 18
"""Rows are filtered and compressed this much at a time."""
_SLACK = 1 << 16
"""Bytes that the compressed pixels may take beside 9 a pixel, the most that a pixel can be. What is more would still be
expanded, a thousandfold and to no end."""
_MAX_METADATA = 1 << 26
"""What a compressed profile or XMP packet may grow to: 64 MB."""


@dataclass(frozen=True)
class Png:
    """What a PNG file says before its pixels are decoded.

    Attributes:
        width: in pixels.
        height: in pixels.
        bits: bits a sample, 1 to 16.
        mode: "gray", "gray+alpha", "RGB", "RGBA" or "palette".
        transparent: the raw tRNS chunk: the transparent colour, or alpha for palette entries.
        pieces: of an animation, before them the still picture if it is no part of it; empty in a still picture.
        plays: how often an animation is shown; 0: without end.
        metadata: EXIF, ICC, XMP and resolution.
        warnings: what of the metadata can't be read.
        pixel_chunks: where the chunks lie that the pixels need: (start, end).
    """

    width: int
    height: int
    bits: int
    mode: str
    transparent: bytes | None
    pieces: tuple[Piece, ...]
    plays: int
    metadata: Metadata
    warnings: tuple[str, ...]
    pixel_chunks: tuple[tuple[int, int], ...]

    def pixel_data(self, data: bytes) -> bytes:
        """Return the file without the chunks that its pixels don't need; the same object where there are none."""
        if sum(end - start for start, end in self.pixel_chunks) + len(SIGNATURE) == len(data):
            return data
        view = memoryview(data)
        return b"".join([SIGNATURE, *(view[start:end] for start, end in self.pixel_chunks)])

    def still(self, data: bytes, piece: Piece) -> bytes:
        """Make a file of a piece of this file's data."""
        out = io.BytesIO()
        out.write(SIGNATURE)
        for start, end in self.pixel_chunks:
            kind, payload = data[start + 4 : start + 8], data[start + 8 : end - 4]
            if kind == b"IHDR":
                _write(out, kind, struct.pack(">II", piece.width, piece.height) + payload[8:])
            elif kind not in {b"IDAT", b"IEND"}:
                _write(out, kind, payload)
        for start, end in piece.data:
            _write(out, b"IDAT", data[start:end])
        _write(out, b"IEND", b"")
        return out.getvalue()


def read_png(data: bytes, name: str) -> Png:
    """Check every chunk's checksum (about a gigabyte a second) and read what comes with the pixels.

    Raises:
        ImageError: the file is cut short, or a checksum is wrong.
    """
    width, height, bits, colour_type = 0, 0, 0, -1
    spans = []
    found: dict[bytes, memoryview] = {}
    kept: list[tuple[bytes, bytes]] = []
    xmp = None
    animated = []
    for kind, start, payload in _chunks(data, name):
        if kind in {b"fcTL", b"IDAT", b"fdAT"}:
            animated.append((kind, start + 8, payload))
        if kind == b"IHDR" and len(payload) == 13:
            width, height, bits, colour_type = struct.unpack(">IIBB", payload[:10])
        elif kind == b"iTXt" and bytes(payload[: len(_XMP_KEYWORD) + 1]) == _XMP_KEYWORD + b"\0":
            xmp = payload
        elif kind in _TEXT:
            kept.append((kind, bytes(payload)))
        elif kind not in _FOR_PIXELS or kind == b"tRNS":
            found.setdefault(kind, payload)
        if kind in _FOR_PIXELS:
            spans.append((start, start + 12 + len(payload)))
    if colour_type not in _MODES or not any(data[start + 4 : start + 8] == b"IDAT" for start, _ in spans):
        raise ImageError(f"{name}: this PNG has no picture in it", "get the file again from its source")
    if _is_bomb(spans, width, height):
        raise ImageError(f"{name}: this PNG holds far more than its picture", "get the file again from its source")
    warnings = []

    def read(what: str, payload: memoryview | None, parse: Callable[[bytes], bytes]) -> bytes | None:
        try:
            return parse(bytes(payload)) if payload else None
        except (ValueError, IndexError, zlib.error):
            warnings.append(f"its {what} is damaged and left out")
            return None

    metadata = Metadata(
        exif=bytes(found[b"eXIf"]).removeprefix(b"Exif\0\0") if b"eXIf" in found else None,
        icc=read("colour profile", found.get(b"iCCP"), _parse_icc),
        xmp=read("XMP", xmp, _parse_xmp),
        dpi=_parse_resolution(found.get(b"pHYs")),
        png_chunks=tuple((kind, bytes(payload)) for kind, payload in found.items() if kind in _COLOUR) + tuple(kept),
    )
    count, plays = struct.unpack(">II", found[b"acTL"]) if len(found.get(b"acTL", b"")) == 8 else (0, 1)
    try:
        pieces = _read_pieces(animated, (width, height), count) if count else []
    except (ValueError, struct.error) as error:
        raise ImageError(f"{name}: this animated PNG is damaged", "get the file again from its source") from error
    transparent = bytes(found[b"tRNS"]) if b"tRNS" in found else None
    mode = _MODES[colour_type]
    return Png(*(width, height, bits, mode, transparent, tuple(pieces), plays, metadata, tuple(warnings), tuple(spans)))


def _read_pieces(chunks: list[tuple[bytes, int, memoryview]], size: tuple[int, int], count: int) -> list[Piece]:
    """Put an animation's pieces together from the chunks that control and hold them.

    Args:
        chunks: fcTL, IDAT and fdAT: kinds, places of the payloads and payloads.
        size: width and height of the whole.
        count: how many frames the file claims.

    Raises:
        ValueError: this makes no sense.
        struct.error: an fcTL chunk is too long or too short.
    """
    pieces: list[Piece] = []
    for kind, start, payload in chunks:
        if kind == b"fcTL":
            _, width, height, x, y, *delay, disposal, blended = struct.unpack(">5I2H2B", payload)
            seconds = Fraction(delay[0], delay[1] or 100)
            pieces.append(Piece(x, y, width, height, seconds, disposal, bool(blended), []))
            if not (width and height and x + width <= size[0] and y + height <= size[1] and disposal <= TO_PREVIOUS):
                raise ValueError("a piece does not lie in the picture")
            continue
        if not pieces:  # the still picture is none of the animation's, and leaves nothing behind
            pieces.append(Piece(0, 0, *size, None, TO_BACKGROUND, blended=False, data=[]))
        place = start if kind == b"IDAT" else start + 4, start + len(payload)
        pieces[-1].data.append(place)
    if count != sum(piece.duration is not None for piece in pieces) or not all(piece.data for piece in pieces):
        raise ValueError("frames are missing")
    if any(_is_bomb(piece.data, piece.width, piece.height) for piece in pieces):
        raise ValueError("a piece holds far more than its pixels")
    return pieces if len(pieces) > 1 else []


def _is_bomb(spans: Sequence[tuple[int, int]], width: int, height: int) -> bool:
    """Tell whether (start, end) of compressed pixels are more than pixels can need."""
    return sum(end - start for start, end in spans) > 9 * (width + 8) * (height + 8) + _SLACK


def _chunks(data: bytes, name: str) -> Iterator[tuple[bytes, int, memoryview]]:
    """Yield each chunk's kind, start and payload, up to and with IEND."""
    view = memoryview(data)
    start, kind = len(SIGNATURE), b""
    while kind != b"IEND":
        end = start + 12 + int.from_bytes(view[start : start + 4])
        if start + 12 > len(view) or end > len(view):
            raise ImageError(f"{name}: this PNG is cut short", "get the file again from its source")
        if zlib.crc32(view[start + 4 : end - 4]) != int.from_bytes(view[end - 4 : end]):
            raise ImageError(f"{name}: this PNG is damaged (a checksum is wrong)", "get the file again from its source")
        kind = bytes(view[start + 4 : start + 8])
        yield kind, start, view[start + 8 : end - 4]
        start = end


def _inflate(packed: bytes) -> bytes:
    press = zlib.decompressobj()
    plain = press.decompress(packed, _MAX_METADATA)
    if not press.eof:
        raise ValueError("cut short, or too long")
    return plain


def _parse_icc(payload: bytes) -> bytes:
    _name, _, packed = payload.partition(b"\0")
    return _inflate(packed[1:])


def _parse_xmp(payload: bytes) -> bytes:
    rest = payload[len(_XMP_KEYWORD) + 1 :]
    _language, _translation, text = rest[2:].split(b"\0", 2)
    return _inflate(text) if rest[0] else text


def _parse_resolution(payload: memoryview | None) -> tuple[float, float] | None:
    if payload is None or len(payload) != 9 or payload[8] != 1:
        return None
    across, down = struct.unpack(">II", payload[:8])
    return across * METRE, down * METRE


def encode_png(pixels: NDArray[Any], metadata: Metadata) -> bytes:
    """Write one picture.

    Args:
        pixels: HxW, HxWx2, HxWx3 or HxWx4; uint8 or uint16.
        metadata: what to write with it.
    """
    out = io.BytesIO()
    _write_head(out, pixels, metadata)
    for packed in _compress(pixels):
        _write(out, b"IDAT", packed)
    _write(out, b"IEND", b"")
    return out.getvalue()


def encode_animated_png(frames: Sequence[Frame], plays: int) -> bytes:
    """Write an animation.

    Args:
        frames: uint8 or uint16, all of one kind and size. A first one without a duration is no part of the animation.
        plays: how often it is shown; 0: without end.
    """
    out = io.BytesIO()
    _write_head(out, frames[0].pixels, frames[0].metadata)
    shown = sum(frame.duration is not None for frame in frames)
    _write(out, b"acTL", struct.pack(">II", shown, plays))
    order = itertools.count()
    before = None
    for number, frame in enumerate(frames):
        rows, columns = changed(before, frame.pixels)
        part = frame.pixels[rows, columns]
        if frame.duration is not None:
            before = frame.pixels
            place = (part.shape[1], part.shape[0], columns.start, rows.start)
            head = struct.pack(">5I2H2B", next(order), *place, *_delay(frame.duration), NOTHING, 0)
            _write(out, b"fcTL", head)
        for packed in _compress(part):
            if packed and number:
                _write(out, b"fdAT", struct.pack(">I", next(order)) + packed)
            else:
                _write(out, b"IDAT", packed)
    _write(out, b"IEND", b"")
    return out.getvalue()


def _delay(seconds: Fraction) -> tuple[int, int]:
    """Give a duration as two 16-bit numbers, as near as they can."""
    for largest in (65535, 1000, 100, 1):
        near = seconds.limit_denominator(largest)
        if near.numerator <= 65535:
            return near.numerator, near.denominator
    return 65535, 1


def _write_head(out: io.BytesIO, pixels: NDArray[Any], metadata: Metadata) -> None:
    """Write what comes before the pixels."""
    height, width = pixels.shape[:2]
    colour_type = _COLOUR_TYPES[1 if pixels.ndim == 2 else pixels.shape[2]]
    out.write(SIGNATURE)
    _write(out, b"IHDR", struct.pack(">IIBBBBB", width, height, pixels.itemsize * 8, colour_type, 0, 0, 0))
    if metadata.icc:
        _write(out, b"iCCP", b"ICC profile\0\0" + zlib.compress(metadata.icc))
    if dpi := metadata.resolution:
        _write(out, b"pHYs", struct.pack(">IIB", *(min(round(dots / METRE), 2**31 - 1) for dots in dpi), 1))
    for kind, payload in metadata.png_chunks:
        _write(out, kind, payload)
    if metadata.exif:
        _write(out, b"eXIf", metadata.exif)
    if metadata.xmp:
        _write(out, b"iTXt", _XMP_KEYWORD + b"\0\0\0\0\0" + metadata.xmp)


def _compress(pixels: NDArray[Any]) -> Iterator[bytes]:
    """Filter and deflate pixels, a piece at a time."""
    height, width = pixels.shape[:2]
    samples = 1 if pixels.ndim == 2 else pixels.shape[2]
    # After filtering, runs are all that noise leaves to find: looking for more takes several times as long and gains
    # next to nothing, on photographs it even loses.
    press = zlib.compressobj(1, zlib.DEFLATED, zlib.MAX_WBITS, 8, zlib.Z_RLE)
    stride = width * samples * pixels.itemsize
    above = np.zeros((1, stride), np.uint8)
    step = max(1, _STEP_BYTES // stride)
    for top in range(0, height, step):
        rows = np.ascontiguousarray(pixels[top : top + step], pixels.dtype.newbyteorder(">"))
        raw = rows.view(np.uint8).reshape(-1, stride)
        yield press.compress(_filter(raw, above, samples * pixels.itemsize).data)
        above = raw[-1:]
    yield press.flush()


def _write(out: io.BytesIO, kind: bytes, payload: bytes) -> None:
    if payload or kind == b"IEND":
        out.write(struct.pack(">I", len(payload)) + kind)
        out.write(payload)
        out.write(struct.pack(">I", zlib.crc32(payload, zlib.crc32(kind))))


def _filter(raw: NDArray[np.uint8], above: NDArray[np.uint8], pixel: int) -> NDArray[np.uint8]:
    """Predict each row by its neighbours in the way that leaves the smallest differences (PNG 1.2, chapters 6 and 9.6).

    Args:
        raw: rows x bytes.
        above: the row before the first, 1 x bytes.
        pixel: bytes of a pixel.

    Returns:
        rows x (1 + bytes): the filter's number, then the differences.
    """
    up = np.concatenate([above, raw[:-1]])
    left, corner = np.zeros_like(raw), np.zeros_like(raw)
    left[:, pixel:] = raw[:, :-pixel]
    corner[:, pixel:] = up[:, :-pixel]
    average = (left & up) + ((left ^ up) >> 1)  # without the ninth bit
    candidates = [raw, raw - left, raw - up, raw - average, raw - _paeth(left, up, corner)]
    # Differences are signed bytes: 255 is as small as 1.
    costs = [np.minimum(differences, 0 - differences).sum(axis=1, dtype=np.uint32) for differences in candidates]
    best = np.argmin(costs, axis=0)
    filtered = np.empty((len(raw), raw.shape[1] + 1), np.uint8)
    filtered[:, 0] = best
    for number, differences in enumerate(candidates):
        filtered[best == number, 1:] = differences[best == number]
    return filtered


def _paeth(left: NDArray[np.uint8], up: NDArray[np.uint8], corner: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Take the neighbour that is nearest to left + up - corner."""
    to_left = up.astype(np.int16) - corner
    to_up = left.astype(np.int16) - corner
    to_corner = np.abs(to_left + to_up)
    to_left, to_up = np.abs(to_left), np.abs(to_up)
    use_left = (to_left <= to_up) & (to_left <= to_corner)
    return np.where(use_left, left, np.where(to_up <= to_corner, up, corner))
