"""HEIC and AVIF's sibling HEIF, by pillow-heif."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from denoise_ae.errors import ImageError
from denoise_ae.imagefiles.metadata import Metadata
from denoise_ae.imagefiles.optional import _CHANNELS, _CONVERT, _MODES, Opened, _damaged, _load, _upright_metadata

_THIN = 64
"""Pixels on a side under which the encoder of HEIC refuses long pictures that it may lose something of."""


def open_heic(data: bytes, name: str) -> Opened:
    """Open HEIC with pillow-heif.

    Raises:
        ImageError: it isn't installed, the file is damaged, or it holds several pictures.
    """
    heif = _load("pillow_heif", "heic", "HEIC", name)
    try:
        file = heif.open_heif(io.BytesIO(data), convert_hdr_to_8bit=False)
        channels = _CHANNELS.get(file.mode.split(";")[0])
    except (ValueError, RuntimeError, OSError, SyntaxError, EOFError) as error:
        raise _damaged(name, "HEIC") from error
    if len(file) > 1 or channels is None:
        kind = "several pictures" if len(file) > 1 else f"{file.mode} pixels"
        raise ImageError(f"{name}: HEIC with {kind} is not supported", _CONVERT)
    bits = int(file.info["bit_depth"])
    width, height = file.size

    def read() -> tuple[NDArray[Any], Metadata]:
        try:
            pixels = np.asarray(file)
        except (ValueError, RuntimeError, OSError, SyntaxError, EOFError) as error:
            raise _damaged(name, "HEIC") from error
        if pixels.dtype == np.uint16:  # in the upper bits
            levels = np.rint(np.arange(2**bits) * (65535 / (2**bits - 1))).astype(np.uint16)
            pixels = levels[pixels >> (16 - bits)]
        info = file.info
        return pixels.copy(), _upright_metadata(info.get("exif"), info.get("icc_profile"), info.get("xmp"))

    return Opened(width, height, _MODES[channels], bits, read)


def encode_heic(pixels: NDArray[Any], metadata: Metadata, quality: int, bits: int, name: str) -> bytes:
    """Write HEIC with pillow-heif, colour at half the resolution as phones do: little else is decoded everywhere.

    Args:
        pixels: HxW, HxWx2, HxWx3 or HxWx4; uint8 or uint16. With alpha, whose quality can't be told apart, and thin
            ones are written without loss.
        metadata: what is turned must be upright by now.
        quality: 1 to 100.
        bits: to store of 16: 10 or 12.
        name: the picture in messages.

    Raises:
        ImageError: pillow-heif isn't installed, or can't write this picture.
    """
    heif = _load("pillow_heif", "heic", "HEIC", name)
    if pixels.ndim == 3 and pixels.shape[2] == 2:
        pixels = pixels[..., [0, 0, 0, 1]]
    size = pixels.shape[1], pixels.shape[0]
    mode = {1: "L", 3: "RGB", 4: "RGBA"}[1 if pixels.ndim == 2 else pixels.shape[2]]
    exact = mode == "RGBA" or min(size) < _THIN
    lossless = {"quality": -1, "chroma": 444, "matrix_coefficients": 0} if exact else {"quality": quality}
    depth = {"bit_depth": bits} if pixels.dtype == np.uint16 else {}
    held = {"exif": metadata.exif and b"Exif\0\0" + metadata.exif, "icc_profile": metadata.icc, "xmp": metadata.xmp}
    options = lossless | depth | {name: part for name, part in held.items() if part}
    out = io.BytesIO()
    try:
        data = np.ascontiguousarray(pixels).tobytes()
        heif.encode(mode + (";16" if depth else ""), size, data, out, **options)
    except (ValueError, RuntimeError, OSError) as error:
        raise ImageError(f"{name}: pillow-heif can't write it as HEIC", "write it as PNG or TIFF") from error
    return out.getvalue()
