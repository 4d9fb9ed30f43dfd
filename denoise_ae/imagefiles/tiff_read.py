"""Read TIFF: strips and tiles of 1 to 16-bit integer and 32-bit float pixels, exactly as they are stored.

What lies where is read here; Pillow's libtiff undoes the compressions that Python's library can't. Others were tried:
OpenCV's reader multiplies 8-bit colour with its alpha, mixes up planes, turns the pixels as the orientation says and
returns half a picture where a strip is damaged. Pillow's cuts 16-bit colour to 8 bits. tifffile (2 MB installed) undoes
no LZW, JPEG or fax, takes a strip that is missing for black, and expands 150 MB of zeros behind 10 x 10 pixels; with
imagecodecs, which undoes all compressions, it is 82 MB and no faster than this.
"""

from __future__ import annotations

import itertools
import math
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from denoise_ae.errors import ImageError
from denoise_ae.imagefiles.picture import check_frames, damaged
from denoise_ae.imagefiles.tiff_codecs import Blocks, decode, join
from denoise_ae.imagefiles.tiff_directory import Directory, Field, Tag, read_directory

_NONE, _LZW, _OLD_JPEG, _JPEG, _DEFLATE, _OLD_DEFLATE, _PACK_BITS = 1, 5, 6, 7, 8, 32946, 32773
_CCITT, _LZMA, _ZSTANDARD = frozenset({2, 3, 4}), 34925, 50000
_JPEGS = {_OLD_JPEG, _JPEG}
_BY_ZLIB = {_DEFLATE, _OLD_DEFLATE}
_READABLE = {_NONE, _LZW, *_BY_ZLIB, _PACK_BITS, _LZMA, _ZSTANDARD, *_CCITT, *_JPEGS}
_COMPRESSION_NAMES = {34712: "JPEG 2000", 34887: "LERC", 50001: "WebP", 50002: "JPEG XL"}
_PIXEL_CODEC_NAMES = {_OLD_JPEG: "old JPEG compression", _JPEG: "JPEG compression"}
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _YCBCR = 0, 1, 2, 3, 6
_COLOURS = {_WHITE_IS_ZERO: 1, _BLACK_IS_ZERO: 1, _RGB: 3, _PALETTE: 1, _YCBCR: 3}
_PHOTOMETRIC_NAMES = {4: "a mask", 5: "CMYK", 8: "CIE Lab", 9: "ICC Lab", 10: "ITU Lab"}
_FOR_CODECS = {Tag.BITS, Tag.COMPRESSION, Tag.PHOTOMETRIC, Tag.FILL_ORDER, Tag.SAMPLES, Tag.T4_OPTIONS, Tag.T6_OPTIONS}
_FOR_CODECS |= {Tag.PREDICTOR, Tag.JPEG_TABLES, *range(512, 533)}
"""What codecs that give pixels must know; 512 to 532 are those of old JPEG and of YCbCr (TIFF 6.0, sections 21, 22)."""
_SENSOR_DATA = {32803, 34892}
_TILE_ALLOWANCE = 4096**2
"""Pixels that tiles may hold beside four times the picture's: who writes tiles larger than that means harm."""
_OLD_JPEG_ALLOWANCE = 2**34
"""Bytes that may be handed to the decoder of old JPEG, which needs the whole file for every page."""
_BATCH = 1 << 21
"""Strips or rows of tiles that hold about as many bytes are decoded at a time: cheaper than each by itself."""
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_UNSPECIFIED, _PREMULTIPLIED_ALPHA = 0, 1
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
    extra: int | None
    """What the sample behind the colours means (TIFF 6.0's ExtraSamples); None where the file says nothing."""
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
        return self.compression not in _JPEGS and self.photometric != _YCBCR

    @property
    def gives_pixels(self) -> bool:
        """Whether libtiff decodes it to pixels; else it, or zlib, gives bytes that hold them."""
        return self.compression in {*_CCITT, *_JPEGS} or self.photometric == _YCBCR

    @property
    def has_unspecified(self) -> bool:
        """Whether there is a sample behind the colours that is no alpha, such as a saved selection."""
        return self.extra == _UNSPECIFIED and self.samples in {2, 4}

    @property
    def mode(self) -> str:
        """What the pixels are: "gray", "gray+alpha", "RGB", "RGBA" or "palette"."""
        if self.photometric == _PALETTE:
            return "palette"
        return ("", "gray", "gray+alpha", "RGB", "RGBA")[self.samples - self.has_unspecified]


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
                raise damaged(name, "this TIFF is cut short or damaged")
            layouts.append(layout)
    if len(data) * sum(layout.compression == _OLD_JPEG for layout in layouts) > _OLD_JPEG_ALLOWANCE:
        raise ImageError(f"{name}: TIFF with so many pages in old JPEG compression is not supported", "split it")
    return layouts


def _directories(data: bytes, name: str) -> Iterator[Directory]:
    position, spent = None, 0
    for number in itertools.count(1):
        check_frames(number, name)
        try:
            directory = read_directory(data, position)
            spent += directory.length
            if spent > len(data):
                raise ValueError("directories overlap, or go round in circles")
        except ValueError as error:
            raise damaged(name, "this TIFF is cut short or damaged") from error
        yield directory
        if not (position := directory.next):
            break


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
    tiled = Tag.TILE_WIDTH in directory.fields  # whose offsets some writers call those of strips
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
        extra=next(iter(directory.numbers(Tag.EXTRA_SAMPLES)), None),
        block_height=rows,
        block_width=directory.number(Tag.TILE_WIDTH, 0) if tiled else width,
        tiled=tiled,
    )


def _check(layout: Layout, name: str) -> None:
    """Refuse by name what is not supported."""
    directory = layout.directory
    bits, formats = set(directory.numbers(Tag.BITS)), set(directory.numbers(Tag.SAMPLE_FORMAT))
    photometric = layout.photometric
    colours = _COLOURS.get(photometric, 0)
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
    elif layout.compression in _CCITT and (layout.bits, layout.samples) != (1, 1):
        kind = "CCITT compression of other than bilevel pixels"
    elif layout.gives_pixels and layout.compression not in _CCITT and not _is_decodable(layout):
        sort = _PIXEL_CODEC_NAMES.get(layout.compression, "YCbCr pixels")
        kind = f"{sort} of {layout.bits}-bit samples, {layout.samples} a pixel,"
    elif layout.gives_pixels and layout.separate_planes and layout.samples > 1:
        kind = f"{_PIXEL_CODEC_NAMES.get(layout.compression, 'YCbCr pixels')} in separate planes"
    elif photometric == _WHITE_IS_ZERO and layout.dtype == "f4":
        kind = "floating-point pixels with white at zero"
    elif not layout.gives_pixels and layout.predictor not in {
        1,
        3 if layout.dtype == "f4" else 2 if layout.bits >= 8 else 1,
    }:
        kind = f"predictor {layout.predictor}"
    if kind:
        hint = "save it as 8-bit, 16-bit or 32-bit float gray or RGB, with LZW, Deflate or no compression"
        raise ImageError(f"{name}: TIFF with {kind} is not supported", hint)


def _is_decodable(layout: Layout) -> bool:
    """Tell whether Pillow gives the pixels of JPEG and YCbCr."""
    known = layout.photometric == _YCBCR or layout.compression != _OLD_JPEG
    return known and layout.bits == 8 and layout.samples == _COLOURS[layout.photometric]


def read_pixels(data: bytes, layout: Layout, name: str) -> tuple[NDArray[Any], NDArray[Any] | None, tuple[str, ...]]:
    """Read a page as it is stored; its orientation is not applied.

    Returns:
        HxW gray, HxWx2 gray with alpha, HxWx3 RGB or HxWx4 RGBA, as uint8, uint16 or float32; HxW samples that are
        neither colour nor alpha, if there are any; and warnings.
        1, 2 and 4 bits are spread over 0 to 255, palettes become the gray or RGB that they show, white is high.

    Raises:
        ImageError: the file is damaged.
    """
    try:
        pixels = _assemble(memoryview(data), layout)
        if layout.photometric == _PALETTE:
            return _look_up(pixels, layout), None, ()
    except (ValueError, TypeError, LookupError, OSError, SyntaxError, struct.error, zlib.error) as error:
        raise damaged(name, "this TIFF is cut short or damaged") from error
    if layout.bits < 8:
        pixels *= 255 // (2**layout.bits - 1)
    if layout.photometric == _WHITE_IS_ZERO:
        grays = pixels[..., :1]
        np.subtract(np.iinfo(grays.dtype).max, grays, out=grays)
    warnings: tuple[str, ...] = ()
    extra = None
    if layout.has_unspecified:
        pixels, extra = np.ascontiguousarray(pixels[..., :-1]), pixels[..., -1].copy()
        warnings = ("the channel beside its colours is no transparency; it is left as it is, and only TIFF holds it",)
    elif layout.extra == _PREMULTIPLIED_ALPHA and layout.samples in {2, 4}:
        _unmultiply(pixels)
        warnings = ("its colours were multiplied by their alpha; they are kept apart now",)
    return pixels[..., 0] if pixels.shape[2] == 1 else pixels, extra, warnings


def _assemble(data: memoryview, layout: Layout) -> NDArray[Any]:
    """Put the blocks together: HxWxsamples, raising ValueError and others where bytes are missing or wrong."""
    across, down = layout.blocks
    planes = layout.samples if layout.separate_planes else 1
    depth = layout.samples // planes
    offsets = layout.directory.numbers(Tag.TILES) or layout.directory.numbers(Tag.STRIPS)
    counts = layout.directory.numbers(Tag.TILE_COUNTS) or layout.directory.numbers(Tag.STRIP_COUNTS)
    if not len(offsets) == len(counts) == across * down * planes > 0:
        raise ValueError("wrong number of strips or tiles")
    if any(offset + count > len(data) or not count for offset, count in zip(offsets, counts, strict=True)):
        raise ValueError("a strip or tile is missing, or lies outside the file")
    if layout.compression == _OLD_JPEG:  # its tables lie anywhere in the file
        return _decode_pixels(Blocks(bytes(data), offsets, counts), layout.height, depth, layout)
    pixels = np.empty((layout.height, layout.width, layout.samples), layout.dtype)
    row_bytes = -(-layout.block_width * depth * layout.bits // 8)
    step = max(1, _BATCH // max(1, across * row_bytes * layout.block_height))
    for plane in range(planes):
        for first in range(0, down, step):
            top = first * layout.block_height
            target = pixels[top : top + step * layout.block_height, :, plane : plane + depth]
            begin, end = ((plane * down + row) * across for row in (first, min(first + step, down)))
            blocks = [data[at : at + count] for at, count in zip(offsets[begin:end], counts[begin:end], strict=True)]
            target[:] = _unpack(blocks, target.shape[0], depth, row_bytes, layout)[:, : layout.width]
    return pixels


def _unpack(
    blocks: Sequence[memoryview | bytes], rows: int, depth: int, row_bytes: int, layout: Layout
) -> NDArray[Any]:
    """Decode whole rows of blocks into rows x width x depth, the width being that of all blocks together.

    Args:
        blocks: those beside each other first, then those below.
        rows: of pixels; blocks may hold more.
        depth: samples a pixel.
        row_bytes: how many bytes hold a row of one block.
        layout: the page's.
    """
    if layout.gives_pixels:
        if layout.compression == _NONE:  # of which Pillow takes care itself, and knows no YCbCr of fewer samples
            blocks = [zlib.compress(block, 0) for block in blocks]
        return _decode_pixels(join(blocks), rows, depth, layout)
    across, _ = layout.blocks
    raw = _expand(blocks, rows, row_bytes, layout)
    if layout.bits < 8:
        ones = np.unpackbits(raw, axis=2)[..., : layout.block_width * depth * layout.bits]
        weights = (1 << np.arange(layout.bits)[::-1]).astype(np.uint8)
        small: NDArray[Any] = ones.reshape(rows, -1, depth, layout.bits) @ weights
        return small
    if layout.predictor == 3:
        # Bytes of one weight lie together, most significant first, each as the difference to the one before.
        planes = np.cumsum(raw.reshape(rows, across, -1, depth), axis=2, dtype=np.uint8).reshape(rows, across, 4, -1)
        return np.ascontiguousarray(planes.swapaxes(2, 3)).view(">f4").reshape(rows, -1, depth)
    samples = raw.view(layout.directory.order + layout.dtype).reshape(rows, across, -1, depth)
    if layout.predictor == 2:
        samples = np.cumsum(samples, axis=2, dtype=layout.dtype)
    return samples.reshape(rows, -1, depth)


def _expand(blocks: Sequence[memoryview | bytes], rows: int, row_bytes: int, layout: Layout) -> NDArray[np.uint8]:
    """Decompress whole rows of blocks into rows x blocks across x bytes."""
    across, _ = layout.blocks
    reversed_bits = layout.directory.number(Tag.FILL_ORDER, 1) == 2
    if layout.compression not in {_NONE, *_BY_ZLIB}:  # of mere bytes, which libtiff is told are a gray picture
        numbers: dict[int, int | Field] = {
            Tag.BITS: 8,
            Tag.COMPRESSION: layout.compression,
            Tag.PHOTOMETRIC: _BLACK_IS_ZERO,
            Tag.SAMPLES: 1,
        }
        numbers[Tag.FILL_ORDER] = 1 + reversed_bits
        gray = decode(
            join(blocks), (rows, across * row_bytes), (layout.block_height, layout.tiled * row_bytes), numbers, "<"
        )
        return gray.reshape(rows, across, row_bytes)
    size = row_bytes * layout.block_height
    if reversed_bits:
        blocks = [bytes(block).translate(_REVERSED) for block in blocks]
    if layout.compression in _BY_ZLIB:
        blocks = [zlib.decompressobj().decompress(block, size) for block in blocks]
    if any(len(block) < size for block in blocks[:-1]):
        raise ValueError("a strip or tile is too short")
    joined = b"".join([block[:size] for block in blocks])
    if not layout.tiled:
        return np.frombuffer(joined, np.uint8, rows * row_bytes).reshape(rows, 1, row_bytes)
    tiles = np.frombuffer(joined, np.uint8, len(blocks) * size).reshape(-1, across, layout.block_height, row_bytes)
    return tiles.swapaxes(1, 2).reshape(-1, across, row_bytes)[:rows]


def _decode_pixels(blocks: Blocks, rows: int, depth: int, layout: Layout) -> NDArray[Any]:
    """Decode blocks to rows x layout's width x depth."""
    own: dict[int, int | Field] = {
        tag: layout.directory.fields[tag] for tag in _FOR_CODECS & layout.directory.fields.keys()
    }
    if depth == 1:  # which Pillow would turn over where white is zero, and look up in a palette
        own[Tag.PHOTOMETRIC] = _BLACK_IS_ZERO
    if layout.compression == _NONE:
        own[Tag.COMPRESSION] = _DEFLATE
    block = layout.block_height, layout.tiled * layout.block_width
    shown = decode(blocks, (rows, layout.width), block, own, layout.directory.order)
    return shown.reshape(rows, layout.width, depth)


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
