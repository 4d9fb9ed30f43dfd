"""HEIC and AVIF's sibling HEIF, by pillow-heif, which turns pictures upright."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import pillow_heif
from numpy.typing import NDArray

from denoise_ae.errors import ImageError
from denoise_ae.imagefiles.metadata import EXIF_PREFIX, Metadata, bare_exif, check_exif, upright_metadata
from denoise_ae.imagefiles.opencv import spread
from denoise_ae.imagefiles.picture import (
    DEFAULT_QUALITY,
    Encoding,
    Frame,
    Header,
    LazyImage,
    damaged,
    unsupported,
)

_MODES = {"L": "gray", "I": "gray", "LA": "gray+alpha", "RGB": "RGB", "RGBA": "RGBA"}
"""pillow-heif's names of kinds of pixels, which has ";16" behind those of 16 bits -> ours."""
_ERRORS = (ValueError, RuntimeError, OSError, SyntaxError, EOFError)
_BITS = 12
"""How 16 bits are stored, unless the source has 10."""
_THIN = 64
"""Pixels on a side under which the encoder of HEIC refuses long pictures that it may lose something of."""


def read(data: bytes, name: str) -> LazyImage:
    """Read the header.

    Raises:
        ImageError: the file is damaged, or it holds several pictures.
    """
    try:
        file = pillow_heif.open_heif(io.BytesIO(data), convert_hdr_to_8bit=False)
        mode = _MODES.get(file.mode.split(";")[0])
    except _ERRORS as error:
        raise damaged(name, "this HEIC is cut short or damaged") from error
    if len(file) > 1 or mode is None:
        raise unsupported(name, f"HEIC with {'several pictures' if len(file) > 1 else f'{file.mode} pixels'}")
    (width, height), info = file.size, file.info
    bits = int(info["bit_depth"])

    def decode() -> NDArray[Any]:
        try:
            pixels = np.asarray(file)
        except _ERRORS as error:
            raise damaged(name, "this HEIC is cut short or damaged") from error
        if pixels.dtype == np.uint16:  # in the upper bits
            return spread(pixels >> (16 - bits), bits)
        return pixels.copy()

    said, warnings = check_exif(Metadata(bare_exif(info.get("exif")), info.get("icc_profile"), info.get("xmp")))
    header = Header("heic", width, height, mode, bits, lossless=False)
    return LazyImage.still(header, decode, upright_metadata(said), warnings)


def write(frames: Sequence[Frame], encoding: Encoding) -> bytes:
    """Write HEIC, colour at half the resolution as phones do: little else is decoded everywhere.

    Pictures with alpha, whose quality can't be told apart, and thin ones are written without loss.

    Raises:
        ImageError: pillow-heif can't write this picture.
    """
    (frame,) = frames
    pixels, metadata = frame.pixels, frame.metadata
    if pixels.ndim == 3 and pixels.shape[2] == 2:
        pixels = pixels[..., [0, 0, 0, 1]]
    size = pixels.shape[1], pixels.shape[0]
    mode = {1: "L", 3: "RGB", 4: "RGBA"}[1 if pixels.ndim == 2 else pixels.shape[2]]
    exact = mode == "RGBA" or min(size) < _THIN
    lossless = {"quality": -1, "chroma": 444, "matrix_coefficients": 0}
    coding = lossless if exact else {"quality": encoding.quality or DEFAULT_QUALITY}
    bits = 10 if encoding.like and encoding.like.bits == 10 else _BITS
    depth = {"bit_depth": bits} if pixels.dtype == np.uint16 else {}
    held = {"exif": metadata.exif and EXIF_PREFIX + metadata.exif, "icc_profile": metadata.icc, "xmp": metadata.xmp}
    options = coding | depth | {key: part for key, part in held.items() if part}
    out = io.BytesIO()
    try:
        data = np.ascontiguousarray(pixels).tobytes()
        pillow_heif.encode(mode + (";16" if depth else ""), size, data, out, **options)
    except (ValueError, RuntimeError, OSError) as error:
        raise ImageError(f"{encoding.name}: pillow-heif can't write it as HEIC", "write it as PNG or TIFF") from error
    return out.getvalue()
