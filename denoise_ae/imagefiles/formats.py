"""The formats of picture files by name: which endings are read and written. Loads no decoder."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from denoise_ae.errors import ImageError

DEFAULT_MAX_PIXELS = 500_000_000
"""A header that claims more is taken for damaged or malicious, unless the caller allows it."""

FORMATS = {
    ".png": "png",
    ".jpg": "jpeg",
    ".jpeg": "jpeg",
    ".jpe": "jpeg",
    ".jfif": "jpeg",
    ".webp": "webp",
    ".tif": "tiff",
    ".tiff": "tiff",
    ".bmp": "bmp",
    ".dib": "bmp",
    ".pnm": "pnm",
    ".pbm": "pnm",
    ".pgm": "pnm",
    ".ppm": "pnm",
    ".jp2": "jpeg2000",
    ".j2k": "jpeg2000",
    ".j2c": "jpeg2000",
    ".jpx": "jpeg2000",
    ".avif": "avif",
    ".gif": "gif",
    ".apng": "png",
    ".heic": "heic",
    ".heif": "heic",
    ".hif": "heic",
}
"""Suffix -> format, for what can be written."""

_NAMES = {"webp": "WebP", "jpeg2000": "JPEG 2000", "jxl": "JPEG XL", "raw": "camera RAW"}

_READ_ONLY = {".jxl": "jxl"}
"""Suffix -> format, for what is only read: a walk through folders must not pass over it in silence."""

_RAW = ".3fr .arw .cr2 .cr3 .dng .erf .iiq .kdc .mef .mos .mrw .nef .nrw .orf .pef .raf .raw .rw2 .sr2 .srw .x3f"
_READ_ONLY_NAMES = _READ_ONLY | dict.fromkeys(_RAW.split(), "raw")
"""The same with camera RAW, which lies beside the camera's JPEGs: it is read where it is named, not on walks."""

WRITTEN_AS = {"jxl": "png", "raw": "tiff"}
"""Format that can't be written -> the one that is written instead; both hold 16 bits, alpha, EXIF and ICC."""


def format_name(file_format: str) -> str:
    """Return a format's name as people write it."""
    return _NAMES.get(file_format, file_format.upper())


def is_image_name(path: str | Path) -> bool:
    """Tell by its suffix whether a file claims to be a picture; for walks through folders."""
    return (suffix := Path(path).suffix.lower()) in FORMATS or suffix in _READ_ONLY


def written_suffix(suffix: str) -> str:
    """Return the ending of a result whose source has this one: the same, but for what can't be written."""
    instead = WRITTEN_AS.get(_READ_ONLY_NAMES.get(suffix.lower(), ""), "")
    return next((ending for ending, form in FORMATS.items() if form == instead), suffix)


def format_for(path_or_suffix: str | Path) -> str:
    """Tell by a file name, or by a suffix with its dot, which format to write.

    Raises:
        ImageError: the suffix is unknown, or its format can't be written, or not without a package that is missing.
    """
    text = str(path_or_suffix)
    suffix = (Path(text).suffix or text).lower()
    if suffix not in FORMATS:
        hint = "name it .png, .jpg, .webp, .tif, .gif, .bmp, .ppm, .jp2, .avif or .heic"
        raise ImageError(f"{text}: pictures can't be written as this", hint)
    if FORMATS[suffix] == "heic" and not _can_write_heic():
        raise ImageError(f"{text}: HEIC needs a package that is not installed", "pip install 'denoise-ae[heic]'")
    return FORMATS[suffix]


def _can_write_heic() -> bool:
    return find_spec("pillow_heif") is not None
