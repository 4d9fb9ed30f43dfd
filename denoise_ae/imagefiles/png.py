"""PNG: check and read its chunks, and write pictures of every depth with what they say about themselves.

Pixels are decoded by OpenCV, which gets only the chunks that it needs for them, because libpng prints what it thinks of
the others. They are written here: OpenCV knows no gray with alpha, refuses profiles that libpng doesn't like, and needs
two copies of the picture. Size and speed are the same.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from denoise_ae.imagefiles import apng, opencv
from denoise_ae.imagefiles.metadata import METRE, Metadata, bare_exif, check_exif
from denoise_ae.imagefiles.picture import Encoding, Frame, Header, LazyImage, Picture, check_frames, damaged
from denoise_ae.imagefiles.png_chunks import SIGNATURE, compress, is_bomb, read_chunks, write_chunk
from denoise_ae.pixels.convert import is_gray

_FOR_PIXELS = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}
_FOR_ANIMATION = {b"acTL", b"fcTL", b"fdAT"}
_TEXT = {b"tEXt", b"zTXt", b"iTXt"}
_COLOUR = {b"gAMA", b"cHRM", b"sRGB", b"cICP", b"mDCV", b"cLLI"}
"""What the samples mean as colours, which cleaning does not change."""
_MODES = {0: "gray", 2: "RGB", 3: "palette", 4: "gray+alpha", 6: "RGBA"}
_COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}
"""Samples a pixel -> PNG colour type."""
_XMP_KEYWORD = b"XML:com.adobe.xmp"
_MAX_METADATA = 1 << 26
"""What a compressed profile or XMP packet may grow to: 64 MB."""


def read(data: bytes, name: str) -> LazyImage:
    """Check every chunk's checksum (about a gigabyte a second) and read what comes with the pixels.

    Raises:
        ImageError: the file is cut short, a checksum is wrong, or the frames of an animation make no sense.
        struct.error: its header is damaged.
    """
    needed: list[memoryview] = []
    found: dict[bytes, memoryview] = {}
    texts: list[tuple[bytes, bytes]] = []
    pieces: list[tuple[bytes, memoryview]] = []
    xmp = None
    controls = 0
    for kind, whole in read_chunks(data, name):
        payload = whole[8:-4]
        if kind in {b"IDAT", b"fcTL", b"fdAT"}:
            pieces.append((kind, payload))
            controls += kind == b"fcTL"
            check_frames(controls, name)
        if kind == b"iTXt" and bytes(payload[: len(_XMP_KEYWORD) + 1]) == _XMP_KEYWORD + b"\0":
            xmp = payload
        elif kind in _TEXT:
            texts.append((kind, bytes(payload)))
        else:
            found.setdefault(kind, payload)
        if kind in _FOR_PIXELS | _FOR_ANIMATION:
            needed.append(whole)
    width, height, bits, colour_type = struct.unpack(">IIBB", found.get(b"IHDR", b"")[:10])
    if colour_type not in _MODES or b"IDAT" not in found:
        raise damaged(name, "this PNG has no picture in it")
    if is_bomb(sum(len(payload) for kind, payload in pieces if kind == b"IDAT"), width, height):
        raise damaged(name, "this PNG holds far more than its picture")
    warnings: list[str] = []

    def parse(what: str, payload: memoryview | None, parser: Callable[[bytes], bytes]) -> bytes | None:
        try:
            return parser(bytes(payload)) if payload else None
        except (ValueError, IndexError, zlib.error):
            warnings.append(f"its {what} is damaged and left out")
            return None

    said = Metadata(
        exif=bare_exif(bytes(found.get(b"eXIf", b""))),
        icc=parse("colour profile", found.get(b"iCCP"), _parse_icc),
        xmp=parse("XMP", xmp, _parse_xmp),
        dpi=_parse_resolution(found.get(b"pHYs")),
        png_chunks=(*((kind, bytes(payload)) for kind, payload in found.items() if kind in _COLOUR), *texts),
    )
    metadata, doubts = check_exif(said)
    count, plays = struct.unpack(">II", found[b"acTL"]) if len(found.get(b"acTL", b"")) == 8 else (0, 1)
    times = apng.read_times(pieces, (width, height), name) if count else []
    if count != len(times) - times.count(None):
        raise damaged(name, "this animated PNG is damaged")
    header = Header("png", width, height, _MODES[colour_type], bits).animated(len(times), plays)

    def load() -> Picture:
        kept = _FOR_PIXELS | _FOR_ANIMATION if header.frames > 1 else _FOR_PIXELS
        parts = [whole for whole in needed if bytes(whole[4:8]) in kept]
        file = data if len(SIGNATURE) + sum(map(len, parts)) == len(data) else b"".join([SIGNATURE, *parts])
        if header.frames > 1:
            shown = zip(apng.show(file, header, name), times, strict=True)
            frames = [Frame(pixels, metadata, time) for pixels, time in shown]
        else:
            pixels = opencv.check_decoded(opencv.decode(file), (height, width), name, "PNG")
            transparent = bytes(found[b"tRNS"]) if b"tRNS" in found else None
            frames = [Frame(_as_stored(pixels, header, transparent), metadata)]
        return Picture(frames, header, (*warnings, *doubts))

    return LazyImage(header, load, metadata, (*warnings, *doubts))


def _as_stored(pixels: NDArray[Any], header: Header, transparent: bytes | None) -> NDArray[Any]:
    """Undo what OpenCV makes of the channels."""
    if header.mode == "gray+alpha" and pixels.ndim == 3:
        return np.ascontiguousarray(pixels[..., ::3])
    if header.mode == "gray" and transparent is not None:
        peak = np.iinfo(pixels.dtype).max
        key = int.from_bytes(transparent) * (peak // (2**header.bits - 1))
        return np.dstack([pixels, np.where(pixels == key, 0, peak).astype(pixels.dtype)])
    if header.mode == "palette" and pixels.ndim == 3 and is_gray(pixels):
        return np.ascontiguousarray(pixels[..., 0] if pixels.shape[2] == 3 else pixels[..., ::3])
    return pixels


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


def write(frames: Sequence[Frame], encoding: Encoding) -> bytes:
    """Write a picture or an animation of 8 or 16 bits."""
    pixels, metadata = frames[0].pixels, frames[0].metadata
    height, width = pixels.shape[:2]
    colour_type = _COLOUR_TYPES[1 if pixels.ndim == 2 else pixels.shape[2]]
    out = io.BytesIO()
    out.write(SIGNATURE)
    write_chunk(out, b"IHDR", struct.pack(">IIBBBBB", width, height, pixels.itemsize * 8, colour_type, 0, 0, 0))
    if metadata.icc:
        write_chunk(out, b"iCCP", b"ICC profile\0\0" + zlib.compress(metadata.icc))
    if dpi := metadata.resolution:
        write_chunk(out, b"pHYs", struct.pack(">IIB", *(min(round(dots / METRE), 2**31 - 1) for dots in dpi), 1))
    for kind, payload in metadata.png_chunks:
        write_chunk(out, kind, payload)
    if metadata.exif:
        write_chunk(out, b"eXIf", metadata.exif)
    if metadata.xmp:
        write_chunk(out, b"iTXt", _XMP_KEYWORD + b"\0\0\0\0\0" + metadata.xmp)
    if frames[-1].duration is not None:
        apng.write(out, frames, encoding.like.plays if encoding.like else 1)
    else:
        for packed in compress(pixels):
            write_chunk(out, b"IDAT", packed)
    write_chunk(out, b"IEND", b"")
    return out.getvalue()
