"""BMP: read with Pillow, since OpenCV shows OS/2's gray and the white of 16 bits as 248; written with OpenCV."""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL.BmpImagePlugin import BmpImageFile

from denoise_ae.imagefiles import opencv
from denoise_ae.imagefiles.metadata import METRE, Metadata
from denoise_ae.imagefiles.picture import Encoding, Frame, Header, LazyImage, unsupported
from denoise_ae.pixels.convert import is_gray

_MODES = {"1": "gray", "L": "gray", "P": "palette", "RGB": "RGB", "RGBA": "RGBA"}
_SHOWN = {"gray": "L", "palette": "RGB"}
_RESOLUTION = 38
"""Where a BMP has its dots per metre, two 32-bit numbers."""


def read(data: bytes, name: str) -> LazyImage:
    """Read the header.

    Raises:
        ImageError: its kind is not supported.
        Exception: it is damaged.
    """
    try:
        opened = BmpImageFile(io.BytesIO(data))
    except OSError as error:
        if not str(error).startswith("Unsupported BMP"):
            raise
        raise unsupported(name, f"BMP with this {str(error).removeprefix('Unsupported BMP ')}") from error
    with opened as image:
        header = Header("bmp", *image.size, _MODES[image.mode])
    dots = struct.unpack_from("<ii", data, _RESOLUTION) if len(data) > 46 and data[14] >= 40 else (0, 0)
    dpi = (dots[0] * METRE, dots[1] * METRE) if min(dots) > 0 else None

    def decode() -> NDArray[Any]:
        try:
            with BmpImageFile(io.BytesIO(data)) as image:
                pixels: NDArray[Any] | None = np.array(image.convert(_SHOWN.get(header.mode, header.mode)))
        except (OSError, ValueError, SyntaxError, EOFError, IndexError, RuntimeError):
            pixels = opencv.decode(data)  # run lengths may leave pixels out, which only OpenCV's decoder accepts
        pixels = opencv.check_decoded(pixels, (header.height, header.width), name, "BMP")
        return pixels[..., 0].copy() if header.mode == "palette" and is_gray(pixels) else pixels

    return LazyImage.still(header, decode, Metadata(dpi=dpi))


def write(frames: Sequence[Frame], encoding: Encoding) -> bytes:
    """Write 8-bit pixels; alpha is kept, and gray with alpha becomes RGBA."""
    (frame,) = frames
    encoded = opencv.encode(frame.pixels, ".bmp", encoding.name)
    if dpi := frame.metadata.resolution:
        dots = [min(round(number / METRE), 2**31 - 1) for number in dpi]
        encoded[_RESOLUTION : _RESOLUTION + 8] = np.array(dots, "<i4").view(np.uint8)
    return encoded.tobytes()
