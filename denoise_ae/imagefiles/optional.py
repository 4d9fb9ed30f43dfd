"""Formats that only optional packages can decode: HEIC, JPEG XL and camera RAW. Of them HEIC is written too.

Their decoders turn pictures upright, so that the orientation in EXIF has to go. The package for JPEG XL can write
neither colour of 16 bits nor a profile, so that a PNG takes its place.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from numpy.typing import NDArray

from denoise_ae.errors import ImageError
from denoise_ae.imagefiles.metadata import Metadata, upright_metadata

_AGAIN = "get the file again from its source"
_CONVERT = "convert it to PNG, TIFF or JPEG first"
_MODES = {1: "gray", 2: "gray+alpha", 3: "RGB", 4: "RGBA"}
_CHANNELS = {"L": 1, "I": 1, "LA": 2, "RGB": 3, "RGBA": 4}
"""How these packages, which follow Pillow, name kinds of pixels (16-bit ones with ";16") -> channels."""


@dataclass(frozen=True)
class Opened:
    """A file whose header is read.

    Attributes:
        width: in pixels.
        height: in pixels.
        mode: "gray", "gray+alpha", "RGB" or "RGBA".
        bits: bits a sample.
        read: decodes the pixels, uint8 or uint16, and reads what they say of themselves.
    """

    width: int
    height: int
    mode: str
    bits: int
    read: Callable[[], tuple[NDArray[Any], Metadata]]


def _load(module: str, extra: str, what: str, name: str) -> Any:  # noqa: ANN401 - they have no types
    try:
        return import_module(module)
    except ImportError as error:
        hint = f"pip install 'denoise-ae[{extra}]', or {_CONVERT}"
        raise ImageError(f"{name}: {what} needs a decoder that is not installed", hint) from error


def _damaged(name: str, what: str) -> ImageError:
    return ImageError(f"{name}: this {what} is cut short or damaged", _AGAIN)


def _upright_metadata(exif: bytes | None, icc: bytes | None, xmp: bytes | None) -> Metadata:
    exif = exif.removeprefix(b"Exif\0\0") if exif else None
    return upright_metadata(Metadata(exif or None, icc or None, xmp or None))
