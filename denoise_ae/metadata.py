"""What a picture says about itself: EXIF, ICC, XMP and resolution, and the TIFF directories that EXIF is made of."""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Set
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Literal

METRE = 0.0254
"""Metres in an inch."""

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
    SUBSAMPLING = 530
    XMP = 700
    DEPTH = 32997
    COPYRIGHT = 33432
    EXIF = 34665
    ICC = 34675
    GPS = 34853
    INTEROPERABILITY = 40965
    DNG_VERSION = 50706


POINTERS = frozenset({Tag.EXIF, Tag.GPS, Tag.INTEROPERABILITY})

DESCRIPTIVE: Set[int] = frozenset(
    {Tag.DOCUMENT_NAME, Tag.DESCRIPTION, Tag.MAKE, Tag.MODEL, Tag.ORIENTATION, Tag.X_RESOLUTION, Tag.Y_RESOLUTION}
    | {Tag.PAGE_NAME, Tag.RESOLUTION_UNIT, Tag.SOFTWARE, Tag.DATE_TIME, Tag.ARTIST, Tag.HOST_COMPUTER, Tag.COPYRIGHT}
    | {Tag.EXIF, Tag.GPS}
)
"""Fields of a TIFF's own directory that describe the picture: the others say how its pixels are stored, which is the
writer's business."""

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


@dataclass(frozen=True)
class Metadata:
    """What one picture says about itself, as bytes that no format has wrapped.

    Attributes:
        exif: an EXIF block from its byte-order mark on (no ``Exif`` prefix), readable at least down to its first table.
        icc: an ICC profile.
        xmp: an XMP packet.
        dpi: dots per inch across and down, from the container (EXIF has its own).
        png_chunks: what only PNG can hold, texts and the meaning of colours: kinds and payloads, as they were found.
        jpeg_segments: what only JPEG can hold, comments, IPTC and the rest of a long XMP packet: markers and payloads.
    """

    exif: bytes | None = None
    icc: bytes | None = None
    xmp: bytes | None = None
    dpi: tuple[float, float] | None = None
    png_chunks: tuple[tuple[bytes, bytes], ...] = ()
    jpeg_segments: tuple[tuple[int, bytes], ...] = ()

    @property
    def resolution(self) -> tuple[float, float] | None:
        """Dots per inch across and down: the container's, else EXIF's."""
        if self.dpi is not None or self.exif is None:
            return self.dpi
        try:
            return resolution(read_directory(self.exif))
        except ValueError:
            return None

    @property
    def orientation(self) -> int:
        """How to turn the stored pixels upright: EXIF's 1 (as they are) to 8; 1 where nothing valid is said."""
        if self.exif is None:
            return 1
        try:
            orientation = read_directory(self.exif).number(Tag.ORIENTATION, 1)
        except ValueError:
            return 1
        return orientation if 1 <= orientation <= 8 else 1


def without_orientation(exif: bytes) -> bytes:
    """Let an EXIF block say that its picture is upright as it is stored."""
    try:
        directory = read_directory(exif)
        field = directory.fields.get(Tag.ORIENTATION)
        (start,) = struct.unpack_from(directory.order + "I", exif, 4)
    except (ValueError, struct.error):
        return exif
    if field is None or Metadata(exif=exif).orientation == 1:
        return exif
    entry = struct.pack(directory.order + "HHI", Tag.ORIENTATION, field.kind, field.count)
    at = exif.index(entry, start) + len(entry)
    return exif[:at] + bytes(integers(directory.order, 1).raw).ljust(4, b"\0") + exif[at + 4 :]


def upright_metadata(metadata: Metadata) -> Metadata:
    """Describe a picture that was turned upright: EXIF and XMP say that it is, and its resolution turns with it."""
    dpi = metadata.resolution
    return replace(
        metadata,
        exif=without_orientation(metadata.exif) if metadata.exif else None,
        xmp=re.sub(rb"(tiff:Orientation(?:=[\"']|>))[2-8]", rb"\g<1>1", metadata.xmp) if metadata.xmp else None,
        dpi=dpi[::-1] if dpi and metadata.orientation > 4 else dpi,
    )


def resolution(directory: Directory) -> tuple[float, float] | None:
    """Read how many dots per inch a directory claims across and down; None where it names none, or a mere ratio."""
    numbers = directory.numbers(Tag.X_RESOLUTION) + directory.numbers(Tag.Y_RESOLUTION)
    unit = {2: 1.0, 3: 2.54}.get(directory.number(Tag.RESOLUTION_UNIT, 2))
    if unit is None or len(numbers) != 4 or 0 in numbers:
        return None
    across, across_by, down, down_by = numbers
    return across / across_by * unit, down / down_by * unit


def read_tiff_metadata(data: bytes, directory: Directory) -> tuple[Metadata, tuple[str, ...]]:
    """Read what a TIFF file says about the page of a directory, with warnings of what can't be read."""
    fields = directory.fields
    warnings: tuple[str, ...] = ()
    try:
        exif = _extract_exif(data, directory)
    except ValueError:
        # The orientation is in the first directory, and must not be lost with the rest.
        own = {tag: field for tag, field in fields.items() if tag not in POINTERS}
        exif = _extract_exif(data, replace(directory, fields=own))
        warnings = ("its EXIF is damaged and left out",)
    metadata = Metadata(
        exif=exif,
        icc=bytes(fields[Tag.ICC].raw) if Tag.ICC in fields else None,
        xmp=bytes(fields[Tag.XMP].raw) if Tag.XMP in fields else None,
        dpi=resolution(directory),
    )
    return metadata, warnings


def _extract_exif(data: bytes, directory: Directory) -> bytes | None:
    """Copy the descriptive fields of a TIFF file into an EXIF block, None where it has none."""
    if not DESCRIPTIVE & directory.fields.keys():
        return None
    out = io.BytesIO()
    out.write(CLASSIC.head(directory.order, 0))
    position = _copy_directory(data, directory, out, DESCRIPTIVE)
    out.seek(0)
    out.write(CLASSIC.head(directory.order, position))
    return out.getvalue()


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
