"""Write TIFF: deflated strips with everything that the picture says about itself.

OpenCV writes neither metadata nor what its fourth channel means, nor gray with alpha. The layout is TIFF 6.0's, with
Deflate and the differencing predictor of its first technical note and of section 14.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from denoise_ae.imagefiles.metadata import DESCRIPTIVE, resolution
from denoise_ae.imagefiles.picture import Frame
from denoise_ae.imagefiles.tiff_directory import (
    BIG,
    CLASSIC,
    Field,
    Order,
    Tag,
    copy_fields,
    integers,
    read_directory,
    write_directory,
)

_DEFLATE, _PREDICTOR_DIFFERENCE, _CONTIGUOUS, _INCH = 8, 2, 1, 2
_BLACK_IS_ZERO, _RGB = 1, 2
_UNSIGNED, _FLOAT = 1, 3
_UNSPECIFIED, _STRAIGHT_ALPHA = 0, 2
_STRIP_BYTES = 1 << 18
"""A strip holds about this much, so that readers can take few rows at a time."""
_ADDRESSABLE = 2**32
"""How long a classic TIFF may be: its positions have 32 bits."""


def encode_tiff(pages: Sequence[Frame], *, big: bool = False) -> bytes:
    """Write a picture, or the pages of a document.

    Args:
        pages: HxW, HxWx2, HxWx3 or HxWx4; uint8, uint16 or float32. What they have beside colours and alpha must be
            of the same type. The orientation in their metadata is kept, so the
            pixels must be as it says. EXIF in another byte order than that of the first page that has any is left out.
        big: write a BigTIFF; so is what may not fit into the 4 GB of a classic one.
    """
    described = [read_directory(page.metadata.exif) if page.metadata.exif else None for page in pages]
    order: Order = next((directory.order for directory in described if directory), "<")
    width = BIG if big or sum(map(_longest, pages)) > _ADDRESSABLE else CLASSIC
    # An EXIF block is a TIFF without pixels. A classic file begins with that of the first page, so that all positions
    # in it stay right, those in a maker's note too, and its fields join ours in a new directory. All others move.
    stays = width is CLASSIC and described[0] is not None
    out = io.BytesIO()
    out.write((stays and pages[0].metadata.exif) or width.head(order, 0))
    link = width.inline
    for number, (page, directory) in enumerate(zip(pages, described, strict=True)):
        fields: dict[int, Field] = {}
        if number == 0 and directory and stays:
            fields = {tag: field for tag, field in directory.fields.items() if tag in DESCRIPTIVE}
        elif directory and directory.order == order:
            fields = copy_fields(page.metadata.exif or b"", directory, out, DESCRIPTIVE, width=width)
        fields |= _write_pixels(page, order, out)
        claimed = resolution(directory) if directory else None
        if page.metadata.dpi and page.metadata.dpi != claimed:  # what cameras claim in EXIF means little
            fields[Tag.RESOLUTION_UNIT] = integers(order, _INCH)
            for tag, dpi in zip((Tag.X_RESOLUTION, Tag.Y_RESOLUTION), page.metadata.dpi, strict=True):
                fields[tag] = Field(5, 1, struct.pack(order + "II", min(round(dpi * 10000), 2**32 - 1), 10000))
        if page.metadata.icc:
            fields[Tag.ICC] = Field(7, len(page.metadata.icc), page.metadata.icc)
        if page.metadata.xmp:
            fields[Tag.XMP] = Field(1, len(page.metadata.xmp), page.metadata.xmp)
        out.write(b"\0" * (out.tell() % 2))
        start = out.tell()
        out.write(write_directory(order, fields, start, width))
        out.seek(link)
        out.write(struct.pack(order + width.word, start))
        out.seek(0, io.SEEK_END)
        link = width.link(start, len(fields))
    return out.getvalue()


def _longest(page: Frame) -> int:
    """Bound the bytes of a page; what can't be compressed grows a little by Deflate's marks."""
    described = sum(len(part or b"") for part in (page.metadata.exif, page.metadata.icc, page.metadata.xmp))
    stored = page.pixels.nbytes + (0 if page.extra is None else page.extra.nbytes)
    return stored + stored // 512 + 2 * described + _STRIP_BYTES


def _write_pixels(page: Frame, order: Order, out: io.BytesIO) -> dict[int, Field]:
    """Append the strips of a page, and return the fields that tell how they are stored."""
    pixels = np.atleast_3d(page.pixels)
    beside = [_STRAIGHT_ALPHA] if pixels.shape[2] in {2, 4} else []
    if page.extra is not None:
        pixels = np.dstack([pixels, page.extra])
        beside += [_UNSPECIFIED]
    height, width, samples = pixels.shape
    rows = max(1, _STRIP_BYTES // (width * samples * pixels.itemsize))
    offsets, counts = [], []
    for top in range(0, height, rows):
        strip = _deflate(pixels[top : top + rows], order)
        offsets.append(out.tell())
        counts.append(out.write(strip))
    numbers: dict[Tag, list[int]] = {
        Tag.WIDTH: [width],
        Tag.HEIGHT: [height],
        Tag.BITS: [pixels.itemsize * 8] * samples,
        Tag.COMPRESSION: [_DEFLATE],
        Tag.PHOTOMETRIC: [_RGB if samples - len(beside) == 3 else _BLACK_IS_ZERO],
        Tag.STRIPS: offsets,
        Tag.SAMPLES: [samples],
        Tag.ROWS_PER_STRIP: [rows],
        Tag.STRIP_COUNTS: counts,
        Tag.PLANAR: [_CONTIGUOUS],
        Tag.SAMPLE_FORMAT: [_FLOAT if pixels.dtype == np.float32 else _UNSIGNED] * samples,
    }
    if pixels.dtype != np.float32:
        numbers[Tag.PREDICTOR] = [_PREDICTOR_DIFFERENCE]
    if beside:
        numbers[Tag.EXTRA_SAMPLES] = beside
    return {tag: integers(order, *values) for tag, values in numbers.items()}


def _deflate(rows: NDArray[Any], order: Order) -> bytes:
    """Compress rows x width x samples."""
    if rows.dtype != np.float32:
        # Unsigned differences wrap around, as the predictor wants.
        rows = np.concatenate([rows[:, :1], rows[:, 1:] - rows[:, :-1]], axis=1)
    stored = np.ascontiguousarray(rows, rows.dtype.newbyteorder(order))
    # Runs are all that noise leaves to find; looking for more takes several times as long and gains next to nothing.
    press = zlib.compressobj(1, zlib.DEFLATED, zlib.MAX_WBITS, 8, zlib.Z_RLE)
    return press.compress(stored.data) + press.flush()
