"""Read TIFF: strips and tiles of 1 to 16-bit integer and 32-bit float pixels, exactly as they are stored.

OpenCV's reader multiplies 8-bit colour with its alpha, mixes up planes, turns the pixels as the orientation says and
returns half a picture where a strip is damaged; Pillow's knows no 16-bit colour; tifffile takes a strip that is missing
for black. So TIFF is read here; of strips and tiles, Pillow's libtiff unpacks what Python's library can't.
"""

from __future__ import annotations

import ctypes
import io
import math
import struct
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from denoise_ae.errors import ImageError
from denoise_ae.imagefiles.tiff_directory import Directory, Field, Order, Tag, integers, read_directory, write_directory

_NONE, _LZW, _DEFLATE, _OLD_DEFLATE, _PACK_BITS = 1, 5, 8, 32946, 32773
_CCITT, _JPEG, _LZMA, _ZSTANDARD = frozenset({2, 3, 4}), 7, 34925, 50000
_READABLE = {_NONE, _LZW, _DEFLATE, _OLD_DEFLATE, _PACK_BITS, *_CCITT, _JPEG, _LZMA, _ZSTANDARD}
_COMPRESSION_NAMES = {6: "old JPEG", 34712: "JPEG 2000", 34887: "LERC", 50001: "WebP", 50002: "JPEG XL"}
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _YCBCR = 0, 1, 2, 3, 6
_PHOTOMETRIC_NAMES = {4: "a mask", 5: "CMYK", _YCBCR: "YCbCr", 8: "CIE Lab", 9: "ICC Lab", 10: "ITU Lab"}
_FOR_CODECS = {Tag.BITS, Tag.COMPRESSION, Tag.PHOTOMETRIC, Tag.SAMPLES, Tag.FILL_ORDER, Tag.T4_OPTIONS, Tag.T6_OPTIONS}
_FOR_CODECS |= {Tag.JPEG_TABLES, Tag.SUBSAMPLING}
"""What JPEG and CCITT must know to expand a strip or tile."""
_SENSOR_DATA = {32803, 34892}
_TILE_ALLOWANCE = 4096**2
"""Pixels that tiles may hold beside four times the picture's: who writes tiles larger than that means harm."""
_PREMULTIPLIED_ALPHA = 1
_FORMAT_NAMES = {1: "unsigned", 2: "signed", 3: "floating-point"}
_DTYPES = {(1, 1): "u1", (2, 1): "u1", (4, 1): "u1", (8, 1): "u1", (16, 1): "u2", (32, 3): "f4"}
"""(bits, sample format) -> how one sample is kept in memory."""


@dataclass(frozen=True)
class Layout:
    """How a page of a TIFF file lies in it. Blocks are strips or tiles."""

    directory: Directory
    width: int
    height: int
    samples: int
    bits: int
    dtype: str
    compression: int
    photometric: int
    predictor: int
    separate_planes: bool
    premultiplied: bool
    block_height: int
    block_width: int
    tiled: bool

    @property
    def blocks(self) -> tuple[int, int]:
        """How many strips or tiles there are across and down."""
        return -(-self.width // max(self.block_width, 1)), -(-self.height // max(self.block_height, 1))

    @property
    def lossless(self) -> bool:
        """Whether reading gives back what was stored."""
        return self.compression != _JPEG

    @property
    def mode(self) -> str:
        """What the pixels are: "gray", "gray+alpha", "RGB", "RGBA" or "palette"."""
        if self.photometric == _PALETTE:
            return "palette"
        return ("", "gray", "gray+alpha", "RGB", "RGBA")[self.samples]


def read_layouts(data: bytes, name: str) -> list[Layout]:
    """Read how the pixels of all pages are stored, without touching them.

    Reduced copies of another page (thumbnails) are no pages of their own.

    Raises:
        ImageError: the file is damaged or of a kind that is not supported.
    """
    layouts: list[Layout] = []
    for directory in _directories(data, name):
        if not directory.number(Tag.SUBFILE_TYPE, 0) & 1:
            layout = _layout(directory)
            _check(layout, name)
            in_tiles = math.prod((*layout.blocks, layout.block_width, layout.block_height))
            if layout.tiled and in_tiles > 4 * layout.width * layout.height + _TILE_ALLOWANCE:
                raise _damaged(name)
            layouts.append(layout)
    return layouts


def _directories(data: bytes, name: str) -> Iterator[Directory]:
    position, spent = None, 0
    while position != 0:
        try:
            directory = read_directory(data, position)
            spent += directory.length
            if spent > len(data):
                raise ValueError("directories overlap, or go round in circles")
        except ValueError as error:
            raise _damaged(name) from error
        yield directory
        position = directory.next


def _damaged(name: str) -> ImageError:
    return ImageError(f"{name}: this TIFF is cut short or damaged", "get the file again from its source")


def is_raw(data: bytes) -> bool:
    """Tell camera RAW, which is often a TIFF whose first page is a thumbnail."""
    try:
        directory = read_directory(data)
    except ValueError:
        return False
    sensor = directory.number(Tag.PHOTOMETRIC, -1) in _SENSOR_DATA or Tag.DNG_VERSION in directory.fields
    return sensor or bool(directory.number(Tag.SUBFILE_TYPE, 0) & 1)


def _layout(directory: Directory) -> Layout:
    width, height = directory.number(Tag.WIDTH, 0), directory.number(Tag.HEIGHT, 0)
    bits, sample_format = directory.number(Tag.BITS, 1), directory.number(Tag.SAMPLE_FORMAT, 1)
    tiled = Tag.TILES in directory.fields
    rows = directory.number(Tag.TILE_HEIGHT, 0) if tiled else min(directory.number(Tag.ROWS_PER_STRIP, height), height)
    return Layout(
        directory=directory,
        width=width,
        height=height,
        samples=directory.number(Tag.SAMPLES, 1),
        bits=bits,
        dtype=_DTYPES.get((bits, sample_format), ""),
        compression=directory.number(Tag.COMPRESSION, _NONE),
        photometric=directory.number(Tag.PHOTOMETRIC, -1),
        predictor=directory.number(Tag.PREDICTOR, 1),
        separate_planes=directory.number(Tag.PLANAR, 1) == 2,
        premultiplied=directory.number(Tag.EXTRA_SAMPLES, 0) == _PREMULTIPLIED_ALPHA,
        block_height=rows,
        block_width=directory.number(Tag.TILE_WIDTH, 0) if tiled else width,
        tiled=tiled,
    )


def _check(layout: Layout, name: str) -> None:
    """Refuse by name what is not supported."""
    directory = layout.directory
    bits, formats = set(directory.numbers(Tag.BITS)), set(directory.numbers(Tag.SAMPLE_FORMAT))
    photometric = layout.photometric
    colours = {_WHITE_IS_ZERO: 1, _BLACK_IS_ZERO: 1, _RGB: 3, _PALETTE: 1}.get(photometric, 0)
    if photometric == _YCBCR and layout.compression == _JPEG:  # whose decoder gives RGB
        colours = 3
    slices = directory.number(Tag.DEPTH, 1)
    kind = f"{slices} slices of a volume in a page" if slices > 1 else ""
    if colours == 0:
        kind = _PHOTOMETRIC_NAMES.get(photometric, f"photometric type {photometric}") + " pixels"
    elif layout.compression not in _READABLE:
        kind = _COMPRESSION_NAMES.get(layout.compression, f"type {layout.compression}") + " compression"
    elif not layout.dtype or len(bits) > 1 or len(formats) > 1:
        sort = _FORMAT_NAMES.get(directory.number(Tag.SAMPLE_FORMAT, 1), "undefined")
        kind = f"{layout.bits}-bit {sort} samples" if len(bits) < 2 and len(formats) < 2 else "samples of mixed types"
    elif layout.samples not in {colours, colours + 1} or (photometric == _PALETTE and layout.samples > 1):
        kind = f"{layout.samples} samples a pixel"
    elif layout.compression == _JPEG and (layout.dtype != "u1" or layout.bits != 8 or layout.samples != colours):
        kind = f"JPEG compression of {layout.bits}-bit samples, {layout.samples} a pixel,"
    elif layout.compression == _JPEG and layout.separate_planes and layout.samples > 1:
        kind = "JPEG compression of separate planes"
    elif layout.compression in _CCITT and (layout.bits, layout.samples) != (1, 1):
        kind = "CCITT compression of other than bilevel pixels"
    elif layout.bits < 8 and directory.number(Tag.FILL_ORDER, 1) != 1 and layout.compression not in _CCITT:
        kind = "bits in reversed order"
    elif photometric == _WHITE_IS_ZERO and layout.dtype == "f4":
        kind = "floating-point pixels with white at zero"
    elif layout.predictor not in {1, 3 if layout.dtype == "f4" else 2}:
        kind = f"predictor {layout.predictor}"
    if kind:
        hint = "save it as 8-bit, 16-bit or 32-bit float gray or RGB, with LZW, Deflate or no compression"
        raise ImageError(f"{name}: TIFF with {kind} is not supported", hint)


def read_pixels(data: bytes, layout: Layout, name: str) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Read a page as it is stored; its orientation is not applied.

    Returns:
        HxW gray, HxWx2 gray with alpha, HxWx3 RGB or HxWx4 RGBA, as uint8, uint16 or float32; and warnings.
        1, 2 and 4 bits are spread over 0 to 255, palettes become the gray or RGB that they show, white is high.

    Raises:
        ImageError: the file is damaged.
    """
    try:
        pixels = _assemble(memoryview(data), layout)
        if layout.photometric == _PALETTE:
            return _look_up(pixels, layout), ()
    except (ValueError, IndexError, OSError, SyntaxError, zlib.error) as error:
        raise _damaged(name) from error
    if layout.bits < 8:
        pixels *= 255 // (2**layout.bits - 1)
    if layout.photometric == _WHITE_IS_ZERO:
        grays = pixels[..., :1]
        np.subtract(np.iinfo(grays.dtype).max, grays, out=grays)
    warnings: tuple[str, ...] = ()
    if layout.premultiplied and layout.samples in {2, 4}:
        _unmultiply(pixels)
        warnings = ("its colours were multiplied by their alpha; they are kept apart now",)
    return pixels[..., 0] if layout.samples == 1 else pixels, warnings


def _assemble(data: memoryview, layout: Layout) -> NDArray[Any]:
    """Put the blocks together: HxWxsamples, raising ValueError and zlib.error where bytes are missing or wrong."""
    across, down = layout.blocks
    planes = layout.samples if layout.separate_planes else 1
    depth = layout.samples // planes
    offsets = layout.directory.numbers(Tag.TILES if layout.tiled else Tag.STRIPS)
    counts = layout.directory.numbers(Tag.TILE_COUNTS if layout.tiled else Tag.STRIP_COUNTS)
    if not len(offsets) == len(counts) == across * down * planes > 0:
        raise ValueError("wrong number of strips or tiles")
    if any(offset + count > len(data) for offset, count in zip(offsets, counts, strict=True)):
        raise ValueError("a strip or tile lies outside the file")
    pixels = np.empty((layout.height, layout.width, layout.samples), layout.dtype)
    for index, (offset, count) in enumerate(zip(offsets, counts, strict=True)):
        plane, place = divmod(index, across * down)
        top, left = place // across * layout.block_height, place % across * layout.block_width
        rows = layout.block_height if layout.tiled else min(layout.block_height, layout.height - top)
        block = _unpack(data[offset : offset + count], rows, depth, layout)
        target = pixels[top : top + rows, left : left + layout.block_width, plane : plane + depth]
        target[:] = block[: target.shape[0], : target.shape[1]]
    return pixels


def _unpack(block: memoryview, rows: int, depth: int, layout: Layout) -> NDArray[Any]:
    """Decompress one strip or tile into rows x block width x depth."""
    width, bits = layout.block_width, layout.bits
    row_bytes = -(-width * depth * bits // 8)
    raw = np.frombuffer(_decompress(block, rows, row_bytes, layout), np.uint8, rows * row_bytes)
    raw = raw.reshape(rows, row_bytes)
    if bits < 8:
        ones = np.unpackbits(raw, axis=1)[:, : width * depth * bits].reshape(rows, width, depth, bits)
        small: NDArray[Any] = ones @ (1 << np.arange(bits)[::-1]).astype(np.uint8)
        return small
    if layout.predictor == 3:
        # Bytes of one weight lie together, most significant first, each as the difference to the one before.
        planes = np.cumsum(raw.reshape(rows, -1, depth), axis=1, dtype=np.uint8).reshape(rows, 4, width * depth)
        return np.ascontiguousarray(planes.transpose(0, 2, 1)).view(">f4").reshape(rows, width, depth)
    samples = raw.view(layout.directory.order + layout.dtype).reshape(rows, width, depth)
    return np.cumsum(samples, axis=1, dtype=layout.dtype) if layout.predictor == 2 else samples


def _decompress(block: memoryview, rows: int, row_bytes: int, layout: Layout) -> bytes | memoryview:
    size = rows * row_bytes
    if layout.compression in {_DEFLATE, _OLD_DEFLATE}:
        return zlib.decompressobj().decompress(block, size)
    if layout.compression == _PACK_BITS:
        return _unpack_bits(block, size)
    if layout.compression in _CCITT or layout.compression == _JPEG:
        own: dict[int, Field] = {
            tag: layout.directory.fields[tag] for tag in _FOR_CODECS & layout.directory.fields.keys()
        }
        if layout.photometric == _WHITE_IS_ZERO:  # which Pillow would turn over
            own[Tag.PHOTOMETRIC] = integers(layout.directory.order, _BLACK_IS_ZERO)
        return _unpack_with_libtiff(block, rows, layout.block_width, layout.directory.order, own)
    if layout.compression != _NONE:  # of mere bytes, which are handed over as a gray picture
        numbers = {Tag.BITS: 8, Tag.COMPRESSION: layout.compression, Tag.PHOTOMETRIC: _BLACK_IS_ZERO, Tag.SAMPLES: 1}
        fields: dict[int, Field] = {tag: integers("<", number) for tag, number in numbers.items()}
        return _unpack_with_libtiff(block, rows, row_bytes, "<", fields)
    return block


def _unpack_bits(block: memoryview, size: int) -> bytes:
    """Expand Apple's PackBits (TIFF 6.0, section 9)."""
    out, place = bytearray(), 0
    while len(out) < size and place < len(block):
        head = block[place]
        if head < 128:
            out += block[place + 1 : place + 2 + head]
            place += 2 + head
        else:  # 128 alone means nothing, and repeats its successor no time
            out += bytes(block[place + 1 : place + 2]) * ((257 - head) % 129)
            place += 1 if head == 128 else 2
    return bytes(out)


def _unpack_with_libtiff(block: memoryview, rows: int, width: int, order: Order, own: dict[int, Field]) -> bytes:
    """Expand a strip or tile with Pillow's libtiff, which is handed it as a file of its own.

    Args:
        block: the strip or tile.
        rows: of it.
        width: pixels in a row.
        order: byte order of `own`.
        own: what else the file is to say.
    """
    from PIL.TiffImagePlugin import TiffImageFile

    _silence_libtiff()
    start = 8 + len(block) + len(block) % 2
    numbers = {Tag.WIDTH: width, Tag.HEIGHT: rows, Tag.STRIPS: 8, Tag.ROWS_PER_STRIP: rows}
    numbers[Tag.STRIP_COUNTS] = len(block)
    fields = own | {tag: integers(order, number) for tag, number in numbers.items()}
    out = io.BytesIO()
    out.write(struct.pack(order + "2sHI", b"II" if order == "<" else b"MM", 42, start))
    out.write(block)
    out.seek(start)
    out.write(write_directory(order, fields, start))
    out.seek(0)
    return TiffImageFile(out).tobytes()


def _silence_libtiff() -> None:
    """Keep libtiff from printing what it thinks of damaged strips: that they are is raised, as one line.

    Where it is built into Pillow, as on Windows, it is out of reach and goes on printing.
    """
    from PIL import _imaging

    with suppress(AttributeError, OSError):
        library = ctypes.CDLL(_imaging.__file__)  # through which those are found that it is linked to
        library.TIFFSetErrorHandler(None)
        library.TIFFSetWarningHandler(None)


def _look_up(indices: NDArray[Any], layout: Layout) -> NDArray[Any]:
    """Turn palette indices into RGB, or into gray where every colour of the palette is gray."""
    table = np.array(layout.directory.numbers(Tag.COLOUR_MAP), np.uint32).reshape(3, -1).T
    if table.max(initial=0) > 255:  # 16-bit as the standard asks, by 256 or 257; some writers stay within 8
        table >>= 8
    colours = table.astype(np.uint8)
    if (colours == colours[:, :1]).all():
        colours = colours[:, 0]
    shown: NDArray[Any] = colours[indices[..., 0]]
    return shown


def _unmultiply(pixels: NDArray[Any]) -> None:
    """Divide colours by their alpha in place, row by row to stay within little memory."""
    peak = 1.0 if pixels.dtype == np.float32 else float(np.iinfo(pixels.dtype).max)
    for row in pixels:
        alpha = row[:, -1:].astype(np.float64)
        straight = np.divide(row[:, :-1] * peak, alpha, out=np.zeros_like(row[:, :-1], np.float64), where=alpha > 0)
        row[:, :-1] = straight if peak == 1.0 else np.rint(straight.clip(0, peak))
