"""TIFF directories, which TIFF files and EXIF blocks are made of."""

from __future__ import annotations

import io
import struct
from collections.abc import Set
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

Order = Literal["<", ">"]
"""Byte order as struct and numpy write it."""


class Tag(IntEnum):
    """The fields of a TIFF directory that are read or written here (TIFF 6.0, Adobe's and EXIF's additions)."""

    SUBFILE_TYPE = 254
    WIDTH = 256
    HEIGHT = 257
    BITS = 258
    COMPRESSION = 259
    PHOTOMETRIC = 262
    FILL_ORDER = 266
    DOCUMENT_NAME = 269
    DESCRIPTION = 270
    MAKE = 271
    MODEL = 272
    STRIPS = 273
    ORIENTATION = 274
    SAMPLES = 277
    ROWS_PER_STRIP = 278
    STRIP_COUNTS = 279
    X_RESOLUTION = 282
    Y_RESOLUTION = 283
    PLANAR = 284
    PAGE_NAME = 285
    T4_OPTIONS = 292
    T6_OPTIONS = 293
    RESOLUTION_UNIT = 296
    SOFTWARE = 305
    DATE_TIME = 306
    ARTIST = 315
    HOST_COMPUTER = 316
    PREDICTOR = 317
    COLOUR_MAP = 320
    TILE_WIDTH = 322
    TILE_HEIGHT = 323
    TILES = 324
    TILE_COUNTS = 325
    EXTRA_SAMPLES = 338
    SAMPLE_FORMAT = 339
    JPEG_TABLES = 347
    XMP = 700
    DEPTH = 32997
    COPYRIGHT = 33432
    EXIF = 34665
    ICC = 34675
    GPS = 34853
    INTEROPERABILITY = 40965
    DNG_VERSION = 50706


POINTERS = frozenset({Tag.EXIF, Tag.GPS, Tag.INTEROPERABILITY})


# struct letters of one value of each TIFF field type (TIFF 6.0 section 2; 16 to 18 are BigTIFF's).
_LETTERS = {1: "B", 2: "B", 3: "H", 4: "I", 5: "II", 6: "b", 7: "B", 8: "h", 9: "i", 10: "ii", 11: "f", 12: "d"}
_LETTERS |= {13: "I", 16: "Q", 17: "q", 18: "Q"}
_UNSIGNED = {kind for kind, letters in _LETTERS.items() if letters.isupper()}
_ORDERS: dict[bytes, Order] = {b"II": "<", b"MM": ">"}
_DEEPEST = 2
"""Directories nest two deep at most (EXIF, then interoperability), so a file that points in circles ends."""


@dataclass(frozen=True)
class Field:
    """One field of a directory.

    Attributes:
        kind: the TIFF field type, 1 to 18.
        count: how many values.
        raw: the values in the directory's byte order.
    """

    kind: int
    count: int
    raw: bytes | memoryview


@dataclass(frozen=True)
class Directory:
    """An image file directory: a table from tags to values.

    Attributes:
        order: the byte order of everything in it.
        fields: tag -> field; a field whose values lie outside the data is left out.
        next: where the next directory (page) starts, 0 at the last.
        length: bytes that its table takes.
    """

    order: Order
    fields: dict[int, Field]
    next: int
    length: int

    def numbers(self, tag: int) -> tuple[int, ...]:
        """Return the unsigned values of a tag, () where it is missing or of another type; a rational gives two."""
        field = self.fields.get(tag)
        if field is None or field.kind not in _UNSIGNED:
            return ()
        return struct.unpack(f"{self.order}{field.count * _LETTERS[field.kind]}", field.raw)

    def number(self, tag: int, default: int) -> int:
        """Return the first value of a tag."""
        return (self.numbers(tag) or (default,))[0]


@dataclass(frozen=True)
class Width:
    """How many bytes the numbers of a TIFF have: a classic one counts in 2 and 4, a BigTIFF in 8."""

    version: int
    counter: str
    """Struct letter of a directory's count of fields."""
    word: str
    """Struct letter of positions and of a field's count of values."""

    @property
    def inline(self) -> int:
        """Bytes of a value that a field holds itself."""
        return struct.calcsize(self.word)

    def head(self, order: Order, position: int) -> bytes:
        """Begin a file whose first directory lies at a position."""
        mark = b"II" if order == "<" else b"MM"
        middle = struct.pack(order + "HH", 8, 0) if self.inline == 8 else b""
        return struct.pack(order + "2sH", mark, self.version) + middle + struct.pack(order + self.word, position)

    def link(self, start: int, count: int) -> int:
        """Say where a directory that starts somewhere and has `count` fields says where the next one is."""
        return start + struct.calcsize(self.counter) + count * (4 + 2 * self.inline)


CLASSIC, BIG = Width(42, "H", "I"), Width(43, "Q", "Q")


_WIDTHS = {width.version: width for width in (CLASSIC, BIG)}


def integers(order: Order, *numbers: int, least: int = 16) -> Field:
    """Make a field of integers of 16 bits where they fit, else of 32 or 64; `least` asks for more."""
    sizes = ((3, "H", 16), (4, "I", 32), (16, "Q", 64))
    kind, letter, _ = next(size for size in sizes if size[2] >= least and max(numbers) < 2 ** size[2])
    return Field(kind, len(numbers), struct.pack(f"{order}{len(numbers)}{letter}", *numbers))


def read_directory(data: bytes | memoryview, position: int | None = None) -> Directory:
    """Read one directory of a TIFF, BigTIFF or EXIF structure.

    Args:
        data: the whole structure, from its byte-order mark on.
        position: where the directory starts; None takes the first.

    Raises:
        ValueError: no TIFF header, or the directory lies outside the data.
    """
    view = memoryview(data)
    order = _ORDERS.get(bytes(view[:2]))
    if order is None:
        raise ValueError("no TIFF header")
    try:
        width = _WIDTHS.get(struct.unpack_from(order + "H", view, 2)[0])
        if width is None:
            raise ValueError("no TIFF header")
        if position is None:
            position = struct.unpack_from(order + width.word, view, width.inline)[0]
        entry = struct.Struct(f"{order}HH{width.word}{width.word}")
        (length,) = struct.unpack_from(order + width.counter, view, position)
        start = position + struct.calcsize(width.counter)
        end = width.link(position, length)
        (following,) = struct.unpack_from(order + width.word, view, end)
    except (struct.error, OverflowError) as error:
        raise ValueError("a TIFF directory lies outside the data") from error
    fields = {}
    for place in range(start, end, entry.size):
        tag, kind, count, value = entry.unpack_from(view, place)
        size = count * struct.calcsize("=" + _LETTERS.get(kind, ""))
        at = place + entry.size - width.inline if size <= width.inline else value
        if kind in _LETTERS and at + size <= len(view):
            fields[tag] = Field(kind, count, view[at : at + size])
    return Directory(order, fields, following, end - start)


def write_directory(order: Order, fields: dict[int, Field], position: int, width: Width = CLASSIC) -> bytes:
    """Serialise a directory, its longer values right behind it.

    Args:
        order: byte order.
        fields: what to write; their raw values must be in this byte order.
        position: where in the file the result will lie (values are found by absolute position).
        width: of the file.
    """
    word = order + width.word
    table = struct.pack(order + width.counter, len(fields))
    values = bytearray()
    behind = width.link(position, len(fields)) + width.inline
    for tag, field in sorted(fields.items()):
        table += struct.pack(f"{order}HH{width.word}", tag, field.kind, field.count)
        if len(field.raw) <= width.inline:
            table += bytes(field.raw).ljust(width.inline, b"\0")
        else:
            table += struct.pack(word, behind + len(values))
            values += field.raw
            values += b"\0" * (len(values) % 2)
    return table + struct.pack(word, 0) + values


def _copy_directory(
    data: bytes, directory: Directory, out: io.BytesIO, tags: Set[int], *, width: Width = CLASSIC, depth: int = 0
) -> int:
    """Append a directory and those that it points to; return where it starts."""
    fields = copy_fields(data, directory, out, tags, width=width, depth=depth)
    position = out.tell()
    out.write(write_directory(directory.order, fields, position, width))
    return position


def copy_fields(
    data: bytes, directory: Directory, out: io.BytesIO, tags: Set[int], *, width: Width = CLASSIC, depth: int = 0
) -> dict[int, Field]:
    """Pick fields of a directory for one in another file, to which the directories that they point to are appended.

    Raises:
        ValueError: one of those lies outside the data.
    """
    fields = {}
    for tag in sorted(tags & directory.fields.keys()):
        if tag not in POINTERS:
            fields[tag] = directory.fields[tag]
        elif depth < _DEEPEST:
            inner = read_directory(data, directory.number(tag, 0))
            position = _copy_directory(data, inner, out, inner.fields.keys(), width=width, depth=depth + 1)
            fields[tag] = integers(directory.order, position, least=8 * width.inline)
    return fields
