"""What is in a picture file, by its content. Decodes no pixels; refuses by name what it must."""

from __future__ import annotations

import re

from denoise_ae.errors import ImageError
from denoise_ae.imagefiles.formats import DEFAULT_MAX_PIXELS, FORMATS, Format
from denoise_ae.imagefiles.picture import Header, LazyImage, check_frames, damaged
from denoise_ae.imagefiles.tiff_read import is_raw

_HINT_FORMATS = "PNG, JPEG, WebP, TIFF, GIF, BMP, PNM, JPEG 2000 and AVIF can be read"
_FOREIGN = {
    rb"\xff\xd8\xff\xf7": "JPEG-LS needs a decoder that denoise-ae lacks",
    rb"8BPS": "Photoshop's own format is not supported",
    rb"%PDF": "this is a PDF, not a picture",
    rb"P7|P[Ff]\s": "PAM and PFM are not supported",
    rb"\x76\x2f\x31\x01": "OpenEXR is not supported",
}
"""How files begin that are known but not read -> what to say of them."""


def read_header(data: bytes, name: str, max_pixels: int = DEFAULT_MAX_PIXELS) -> Header:
    """Say what is in a file; see `inspect`."""
    return inspect(data, name, max_pixels).header


def inspect(data: bytes, name: str, max_pixels: int = DEFAULT_MAX_PIXELS) -> LazyImage:
    """Say what is in a file, without decoding pixels or taking memory for them.

    Args:
        data: the whole file.
        name: the file in messages.
        max_pixels: width times height, of all frames together, that is still accepted.

    Raises:
        ImageError: no picture, a damaged one, one larger than allowed, or one of a kind that is not supported.
    """
    file_format = sniff(data, name)
    if file_format.paged and is_raw(data):
        file_format = FORMATS["raw"]
    try:
        image = file_format.read(data, name)
    except (ImageError, ImportError, MemoryError):  # of which the last two say nothing about the file
        raise
    except Exception as error:  # parsers stumble over broken headers in every way that there is
        raise damaged(name, "the header of this picture is damaged") from error
    header = image.header
    check_frames(header.frames, name)
    if header.width * header.height == 0:
        raise damaged(name, "the picture has no pixels")
    if header.pixels > max_pixels:
        size = f"{header.width} x {header.height} pixels"
        if header.frames > 1:
            size = f"{header.pixels} pixels in {header.frames} frames or pages"
        hint = "if you trust the file, --max-megapixels raises the limit"
        raise ImageError(f"{name}: its header claims {size}, more than {max_pixels} in all", hint)
    return image


def sniff(data: bytes, name: str) -> Format:
    """Find the format of a file by how it begins; camera RAW may look like TIFF.

    Args:
        data: its first bytes.
        name: the file in messages.

    Raises:
        ImageError: it is no picture, or of a kind that is not supported.
    """
    if not data:
        raise ImageError(f"{name}: the file is empty")
    for file_format in FORMATS.values():
        if file_format.matches(data):
            return file_format
    for beginning, complaint in _FOREIGN.items():
        if re.match(beginning, data, re.DOTALL):
            raise ImageError(f"{name}: {complaint}", "convert it to PNG, TIFF or JPEG first")
    text = re.fullmatch(rb"[\t\n\r\x20-\x7e\x80-\xff]+", data[:512])
    raise ImageError(f"{name}: this is {'text, not' if text else 'not'} a picture", _HINT_FORMATS)
