"""A second decoder, for what OpenCV's fails at: BMP, and AVIF of some encoders' better qualities.

OpenCV shows OS/2's BMP gray, and the white of those of 16 bits as 248.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

_READERS = {"bmp": ("BmpImagePlugin", "BmpImageFile"), "avif": ("AvifImagePlugin", "AvifImageFile")}
"""Format -> module and class of Pillow that read it."""


def decode_with_pillow(data: bytes, file_format: str, mode: str) -> NDArray[np.uint8] | None:
    """Decode 8-bit pixels as they are stored.

    Args:
        data: the whole file.
        file_format: "bmp" or "avif".
        mode: "gray", "RGB", "RGBA" or "palette", as the header says.

    Returns:
        HxW, HxWx3 or HxWx4, palettes as the RGB that they show; None where the data are damaged.
    """
    from importlib import import_module

    module, reader = _READERS[file_format]
    opener: Any = getattr(import_module(f"PIL.{module}"), reader)
    try:
        with opener(io.BytesIO(data)) as image:
            return np.array(image.convert({"gray": "L", "palette": "RGB"}.get(mode, mode)))
    except (OSError, ValueError, SyntaxError, EOFError, IndexError, RuntimeError):
        return None
