"""WebP: stills by OpenCV, animations by Pillow; what lies in the container around the pixels is read here.

Pillow doesn't tell whether pixels were stored without loss, and refuses pictures of more than 179 megapixels.
"""

from __future__ import annotations

import io
import itertools
import struct
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from PIL import Image
from PIL.WebPImagePlugin import WebPImageFile

from denoise_ae.imagefiles import opencv
from denoise_ae.imagefiles.animation import show
from denoise_ae.imagefiles.metadata import Metadata, bare_exif, check_exif
from denoise_ae.imagefiles.picture import (
    DEFAULT_QUALITY,
    Encoding,
    Frame,
    Header,
    LazyImage,
    Picture,
    check_frames,
    damaged,
)

_HAS_ALPHA = 16
_SHORTEST = 32
"""Bytes that OpenCV wants of a file; a picture of one colour takes less."""
_LONGEST = 2**24 - 1
"""Milliseconds that a frame can be shown."""
_PIXELS = {b"VP8 ", b"VP8L", b"ALPH", b"ANMF"}


def read(data: bytes, name: str) -> LazyImage:
    """Read what is said around the pixels.

    Raises:
        ImageError: the file is cut short.
        KeyError: there are no pixels.
        struct.error: a chunk is damaged.
    """
    if len(data) < 8 + int.from_bytes(data[4:8], "little"):
        raise damaged(name, "this WebP is cut short")
    chunks: dict[bytes, bytes] = {}
    kinds: set[bytes] = set()
    frames = 0
    for kind, start, end in _chunks(data, 12, len(data)):
        # Pixels can be long; their first bytes are enough.
        chunks.setdefault(kind, data[start : start + 10] if kind in _PIXELS else data[start:end])
        kinds.add(kind)
        if kind == b"ANMF":
            frames += 1
            check_frames(frames, name)
            kinds |= {inner for inner, _, _ in _chunks(data, start + 16, end)}
    if extended := chunks.get(b"VP8X"):
        width, height = (int.from_bytes(extended[place : place + 3], "little") + 1 for place in (4, 7))
        alpha = bool(extended[0] & _HAS_ALPHA)
    elif lossless := chunks.get(b"VP8L"):
        numbers = int.from_bytes(lossless[1:5], "little")
        width, height, alpha = (numbers & 0x3FFF) + 1, (numbers >> 14 & 0x3FFF) + 1, bool(numbers >> 28 & 1)
    else:
        width, height = (number & 0x3FFF for number in struct.unpack("<HH", chunks[b"VP8 "][6:10]))
        alpha = False
    said = Metadata(bare_exif(chunks.get(b"EXIF")), chunks.get(b"ICCP"), chunks.get(b"XMP "))
    metadata, warnings = check_exif(said)
    plays = int.from_bytes(chunks.get(b"ANIM", b"")[4:6], "little")
    still = Header("webp", width, height, "RGBA" if alpha else "RGB", lossless=b"VP8 " not in kinds)
    header = still.animated(frames, plays)

    def load() -> Picture:
        if not frames:
            pixels = opencv.check_decoded(opencv.decode(data.ljust(_SHORTEST, b"\0")), (height, width), name, "WebP")
            return Picture([Frame(pixels, metadata)], header, warnings)
        try:
            with WebPImageFile(io.BytesIO(data)) as image:
                shown = show(image, frames, metadata, may_be_gray=False)
        except (EOFError, OSError, SyntaxError, ValueError) as error:
            raise damaged(name, "this WebP is cut short or damaged") from error
        return Picture(shown, header, warnings)

    return LazyImage(header, load, metadata, warnings)


def _chunks(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield kinds of chunks and where their payloads lie."""
    while start + 8 <= end:
        length = int.from_bytes(data[start + 4 : start + 8], "little")
        yield data[start : start + 4], start + 8, min(start + 8 + length, end)
        start += 8 + length + length % 2


def write(frames: Sequence[Frame], encoding: Encoding) -> bytes:
    """Write a picture or an animation: without loss where the source had none and no quality is asked for."""
    metadata = frames[0].metadata
    # WebP has no gray: a gray profile would be wrong there.
    if metadata.icc and metadata.icc[16:20] == b"GRAY":
        metadata = replace(metadata, icc=None)
    lossless = encoding.quality is None and encoding.like is not None and encoding.like.lossless
    quality = encoding.quality or DEFAULT_QUALITY
    if frames[-1].duration is not None:
        shown = [frame for frame in frames if frame.duration is not None]
        return _write_animation(shown, metadata, encoding, lossless=lossless, quality=quality)
    options = [cv2.IMWRITE_WEBP_QUALITY, quality]
    if lossless:
        options = [cv2.IMWRITE_WEBP_LOSSLESS_MODE, cv2.IMWRITE_WEBP_LOSSLESS_PRESERVE_COLOR]
    return opencv.encode(frames[0].pixels, ".webp", encoding.name, options, metadata).tobytes()


def _write_animation(
    frames: Sequence[Frame], metadata: Metadata, encoding: Encoding, *, lossless: bool, quality: int
) -> bytes:
    first, *others = (Image.fromarray(frame.pixels) for frame in frames)
    # Of frames that are equal the library makes one, unless each stands alone.
    equal = any(np.array_equal(one.pixels, other.pixels) for one, other in itertools.pairwise(frames))
    options: dict[str, Any] = {"kmin": 0, "kmax": 1} if equal else {}
    out = io.BytesIO()
    first.save(
        out,
        "WEBP",
        save_all=True,
        append_images=others,
        duration=[min(round((frame.duration or 0) * 1000), _LONGEST) for frame in frames],
        loop=min(encoding.like.plays if encoding.like else 1, 65535),
        lossless=lossless,
        quality=quality,
        exif=metadata.exif or b"",
        icc_profile=metadata.icc or b"",
        xmp=metadata.xmp or b"",
        **options,
    )
    return out.getvalue()
