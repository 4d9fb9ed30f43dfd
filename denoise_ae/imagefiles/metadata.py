"""What a picture says about itself: EXIF, ICC, XMP and resolution, and the TIFF directories that EXIF is made of."""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Set
from dataclasses import dataclass, replace

from denoise_ae.imagefiles.tiff_directory import (
    CLASSIC,
    POINTERS,
    Directory,
    Tag,
    _copy_directory,
    integers,
    read_directory,
)

METRE = 0.0254
"""Metres in an inch."""


DESCRIPTIVE: Set[int] = frozenset(
    {Tag.DOCUMENT_NAME, Tag.DESCRIPTION, Tag.MAKE, Tag.MODEL, Tag.ORIENTATION, Tag.X_RESOLUTION, Tag.Y_RESOLUTION}
    | {Tag.PAGE_NAME, Tag.RESOLUTION_UNIT, Tag.SOFTWARE, Tag.DATE_TIME, Tag.ARTIST, Tag.HOST_COMPUTER, Tag.COPYRIGHT}
    | {Tag.EXIF, Tag.GPS}
)
"""Fields of a TIFF's own directory that describe the picture: the others say how its pixels are stored, which is the
writer's business."""


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
