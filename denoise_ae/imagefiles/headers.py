"""What is in a picture file, by its content: format, size, metadata. Decodes no pixels; refuses by name what it must.

PNG, JPEG, TIFF, WebP, GIF and JPEG 2000 have modules of their own; PNM is read here; the rest is Pillow's.
"""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TypedDict

from denoise_ae.errors import ImageError
from denoise_ae.imagefiles.formats import DEFAULT_MAX_PIXELS
from denoise_ae.imagefiles.gif import count_frames, read_plays
from denoise_ae.imagefiles.heic import open_heic
from denoise_ae.imagefiles.jp2 import read_jp2
from denoise_ae.imagefiles.jpeg import read_jpeg
from denoise_ae.imagefiles.jxl import open_jxl
from denoise_ae.imagefiles.metadata import METRE, Metadata, read_tiff_metadata
from denoise_ae.imagefiles.optional import Opened
from denoise_ae.imagefiles.picture import Header
from denoise_ae.imagefiles.png import SIGNATURE as PNG_SIGNATURE
from denoise_ae.imagefiles.png import Png, read_png
from denoise_ae.imagefiles.raw import open_raw
from denoise_ae.imagefiles.tiff_directory import read_directory
from denoise_ae.imagefiles.tiff_read import Layout, is_raw, read_layouts
from denoise_ae.imagefiles.webp import Webp, read_webp

_AGAIN = "get the file again from its source"
_CONVERT = "convert it to PNG, TIFF or JPEG first"
_HINT_FORMATS = "PNG, JPEG, WebP, TIFF, GIF, BMP, PNM, JPEG 2000 and AVIF can be read"
_FOREIGN = {
    rb"\xff\xd8\xff\xf7": "JPEG-LS needs a decoder that denoise-ae lacks",
    rb"8BPS": "Photoshop's own format is not supported",
    rb"%PDF": "this is a PDF, not a picture",
    rb"P7|P[Ff]\s": "PAM and PFM are not supported",
    rb"\x76\x2f\x31\x01": "OpenEXR is not supported",
}
"""How files begin that are known but not read -> what to say of them."""

_MODES = {"1": "gray", "L": "gray", "P": "palette", "RGB": "RGB", "RGBX": "RGB", "RGBA": "RGBA"}
"""Pillow's names -> ours."""


@dataclass(frozen=True)
class Inspected:
    """A file's header with its metadata, what of them could not be read, and what decoding needs of some formats."""

    header: Header
    metadata: Metadata = field(default_factory=Metadata)
    warnings: tuple[str, ...] = ()
    png: Png | None = None
    webp: Webp | None = None
    pages: tuple[Layout, ...] = ()
    opened: Opened | None = None


def read_header(data: bytes, name: str, max_pixels: int = DEFAULT_MAX_PIXELS) -> Header:
    """Say what is in a file; see `inspect`."""
    return inspect(data, name, max_pixels).header


def inspect(data: bytes, name: str, max_pixels: int = DEFAULT_MAX_PIXELS) -> Inspected:
    """Say what is in a file, without decoding pixels or taking memory for them.

    Args:
        data: the whole file.
        name: the file in messages.
        max_pixels: width times height, of all frames together, that is still accepted.

    Raises:
        ImageError: no picture, a damaged one, one larger than allowed, or one of a kind that is not supported.
    """
    if not data:
        raise ImageError(f"{name}: the file is empty")
    try:
        found = _inspect_known(data, name)
    except ImageError:
        raise
    except Exception as error:  # parsers stumble over broken headers in every way that there is
        raise ImageError(f"{name}: the header of this picture is damaged", _AGAIN) from error
    header = found.header
    if header.width * header.height == 0:
        raise ImageError(f"{name}: the picture has no pixels", _AGAIN)
    if header.pixels > max_pixels:
        size = f"{header.width} x {header.height} pixels"
        if header.frames > 1:
            size = f"{header.pixels} pixels in {header.frames} frames or pages"
        hint = "if you trust the file, --max-megapixels raises the limit"
        raise ImageError(f"{name}: its header claims {size}, more than {max_pixels} in all", hint)
    if header.frames > 1 and header.format == "avif":
        raise ImageError(
            f"{name}: animated AVIF is not supported", "save the picture that you want as a file of its own"
        )
    if found.metadata.exif is not None:
        try:
            if not found.metadata.exif.startswith((b"II*\0", b"MM\0*")):
                raise ValueError("a BigTIFF is no EXIF")
            read_directory(found.metadata.exif)
        except ValueError:
            warnings = (*found.warnings, "its EXIF is damaged and left out")
            return replace(found, metadata=replace(found.metadata, exif=None), warnings=warnings)
    return found


def _inspect_known(data: bytes, name: str) -> Inspected:
    for beginning, reader in _READERS.items():
        if re.match(beginning, data, re.DOTALL):
            return reader(data, name)
    for beginning, complaint in _FOREIGN.items():
        if re.match(beginning, data, re.DOTALL):
            raise ImageError(f"{name}: {complaint}", _CONVERT)
    text = re.fullmatch(rb"[\t\n\r\x20-\x7e\x80-\xff]+", data[:512])
    raise ImageError(f"{name}: this is {'text, not' if text else 'not'} a picture", _HINT_FORMATS)


def _inspect_png(data: bytes, name: str) -> Inspected:
    png = read_png(data, name)
    size = png.width, png.height
    header = Header("png", *size, png.mode, png.bits, **_animation(size, len(png.pieces), png.plays))
    return Inspected(header, png.metadata, png.warnings, png)


class _Animation(TypedDict):
    frames: int
    other_pixels: int
    plays: int


def _animation(size: tuple[int, int], frames: int, plays: int) -> _Animation:
    """Say what a header says of an animation, whose frames are all of one size; a still picture is of one."""
    frames = max(frames, 1)
    return {"frames": frames, "other_pixels": (frames - 1) * size[0] * size[1], "plays": plays if frames > 1 else 1}


def _inspect_tiff(data: bytes, name: str) -> Inspected:
    if is_raw(data):
        return _inspect_raw(data, name)
    first, *others = pages = read_layouts(data, name)
    header = Header(
        *("tiff", first.width, first.height, first.mode, first.bits, len(pages)),
        lossless=all(page.lossless for page in pages),
        other_pixels=sum(page.width * page.height for page in others),
        bigtiff=data[2:4] in {b"+\0", b"\0+"},
    )
    return Inspected(header, *read_tiff_metadata(data, first.directory), pages=tuple(pages))


def _inspect_raw(data: bytes, name: str) -> Inspected:
    return _inspect_opened("raw", open_raw(data, name))


def _inspect_heic(data: bytes, name: str) -> Inspected:
    return _inspect_opened("heic", open_heic(data, name))


def _inspect_jxl(data: bytes, name: str) -> Inspected:
    return _inspect_opened("jxl", open_jxl(data, name))


def _inspect_opened(file_format: str, opened: Opened) -> Inspected:
    size = opened.width, opened.height
    return Inspected(Header(file_format, *size, opened.mode, opened.bits, lossless=False), opened=opened)


def _inspect_jpeg(data: bytes, name: str) -> Inspected:
    jpeg = read_jpeg(data, name)
    size = jpeg.width, jpeg.height
    header = Header("jpeg", *size, jpeg.mode, lossless=False, quality=jpeg.quality, chroma=jpeg.chroma)
    return Inspected(header, jpeg.metadata, jpeg.warnings)


def _inspect_webp(data: bytes, name: str) -> Inspected:
    webp = read_webp(data, name)
    size = webp.width, webp.height
    header = Header("webp", *size, webp.mode, **_animation(size, len(webp.pieces), webp.plays), lossless=webp.lossless)
    return Inspected(header, webp.metadata, webp=webp)


def _inspect_bmp(data: bytes, name: str) -> Inspected:
    from PIL.BmpImagePlugin import BmpImageFile

    try:
        opened = BmpImageFile(io.BytesIO(data))
    except OSError as error:
        if not str(error).startswith("Unsupported BMP"):
            raise
        kind = str(error).removeprefix("Unsupported BMP ")
        raise ImageError(f"{name}: BMP with this {kind} is not supported", _CONVERT) from error
    with opened as image:
        dots = struct.unpack_from("<ii", data, 38) if len(data) > 46 and data[14] >= 40 else (0, 0)
        dpi = (dots[0] * METRE, dots[1] * METRE) if min(dots) > 0 else None
        return Inspected(Header("bmp", *image.size, _MODES[image.mode]), Metadata(dpi=dpi))


def _inspect_gif(data: bytes, name: str) -> Inspected:
    width, height, frames = count_frames(data, name)
    return Inspected(Header("gif", width, height, "palette", **_animation((width, height), frames, read_plays(data))))


def _inspect_pnm(data: bytes, name: str) -> Inspected:
    kind = data[1:2]
    space = rb"(?:\s|#[^\n]*\n)+"
    numbers = re.match(rb"P\d" + (space + rb"(\d+)") * (2 if kind in b"14" else 3), data)
    if numbers is None:
        raise ImageError(f"{name}: the header of this PNM is damaged", _AGAIN)
    width, height, *white = map(int, numbers.groups())
    if white not in ([], [255], [65535]):
        raise ImageError(
            f"{name}: PNM with {white[0]} as white is not supported", "save it with 255 or 65535, or as PNG"
        )
    colour, deep = kind in b"36", white == [65535]
    row = (width + 7) // 8 if kind == b"4" else width * (3 if colour else 1) * (2 if deep else 1)
    if kind in b"456" and data[numbers.end() + 1 + row * height :].lstrip()[:1] == b"P":
        raise ImageError(f"{name}: PNM with several pictures is not supported", "split it into files of their own")
    return Inspected(Header("pnm", width, height, "RGB" if colour else "gray", 16 if deep else 8))


def _inspect_jpeg2000(data: bytes, name: str) -> Inspected:
    jp2 = read_jp2(data, name)
    return Inspected(Header("jpeg2000", jp2.width, jp2.height, jp2.mode, jp2.bits), jp2.metadata)


def _inspect_avif(data: bytes, name: str) -> Inspected:
    from PIL import AvifImagePlugin

    if not AvifImagePlugin.SUPPORTED:
        raise ImageError(f"{name}: AVIF needs a decoder that this Pillow lacks", _CONVERT)
    with AvifImagePlugin.AvifImageFile(io.BytesIO(data)) as image:
        # The AV1 configuration box says how deep the samples are (AV1-ISOBMFF, 2.3.3).
        deep = data[data.index(b"av1C") + 6]
        bits = (12 if deep & 0x20 else 10) if deep & 0x40 else 8
        header = Header("avif", *image.size, _MODES[image.mode], bits, frames=image.n_frames, lossless=False)
        exif = image.info.get("exif", b"").removeprefix(b"Exif\0\0")
        return Inspected(header, Metadata(exif or None, image.info.get("icc_profile"), image.info.get("xmp")))


_READERS: dict[bytes, Callable[[bytes, str], Inspected]] = {
    re.escape(PNG_SIGNATURE): _inspect_png,
    rb"\xff\xd8\xff[^\xf7]": _inspect_jpeg,
    rb"RIFF....WEBP": _inspect_webp,
    # Not those that a camera maker's letters tell apart from TIFF.
    rb"(II\*\0(?!....CR)|MM\0\*|II\+\0|MM\0\+)": _inspect_tiff,
    rb"BM": _inspect_bmp,
    rb"GIF8[79]a": _inspect_gif,
    rb"P[1-6]\s": _inspect_pnm,
    rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51": _inspect_jpeg2000,
    # AVIF may come first or anywhere among the brands that a file names.
    rb"\0\0..ftyp.{,64}?avi[fs]": _inspect_avif,
    rb"....ftyp(hei[cxms]|hev[cx]|mif1|msf1)": _inspect_heic,
    rb"\xff\x0a|\0\0\0\x0cJXL ": _inspect_jxl,
    rb"....ftypcrx |FUJIFILMCCD-RAW|II[RU][OS\0]|MMOR|\0MRM|FOVb|II\*\0....CR": _inspect_raw,
}
"""How a file begins -> what reads it."""
