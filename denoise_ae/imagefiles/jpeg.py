"""JPEG: headers and encoding by Pillow, which takes over the source's quantisation tables; decoded by simplejpeg.

That is libjpeg-turbo, as in OpenCV and Pillow, but tells of what it finds wrong. They make something up and say
nothing.
"""

from __future__ import annotations

import io
import itertools
import re
import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image, ImageFile
from PIL.JpegImagePlugin import JpegImageFile

from denoise_ae.errors import ImageError
from denoise_ae.imagefiles import opencv
from denoise_ae.imagefiles.metadata import EXIF_PREFIX, Metadata, bare_exif, check_exif
from denoise_ae.imagefiles.picture import (
    DEFAULT_QUALITY,
    Encoding,
    Frame,
    Header,
    JpegCoding,
    LazyImage,
    Picture,
    damaged,
    unsupported,
)
from denoise_ae.imagefiles.tiff_directory import read_directory

_SUBSAMPLING = {(1, 1): 0, (2, 1): 1, (2, 2): 2}
"""How luminance is sampled, where colour is by (1, 1) -> Pillow's name for it."""
_UNUSUAL = {
    (1, 2): cv2.IMWRITE_JPEG_SAMPLING_FACTOR_440,
    (4, 1): cv2.IMWRITE_JPEG_SAMPLING_FACTOR_411,
}
"""The same for what Pillow can't write -> OpenCV's name."""
_MAX_SEGMENT = 65533
"""What a marker segment can hold."""
_XMP_PREFIX = b"http://ns.adobe.com/xap/1.0/\0"
_KEPT = {
    "COM": (0xFE, b""),
    "APP13": (0xED, b"Photoshop 3.0\0"),
    "APP1": (0xE1, b"http://ns.adobe.com/xmp/extension/\0"),
}
"""Pillow's names of segments -> their markers, and how what is kept as it is begins: comments, IPTC, long XMP."""
_ENTRIES, _ENTRY_BYTES = 0xB002, 16
_THUMBNAILS = {0x010001, 0x010002}
"""Kinds of further pictures that only repeat the first (CIPA DC-007, 5.2.3.3)."""
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_READABLE_FRAMES = {0xC0, 0xC1, 0xC2, 0xC9, 0xCA}
"""Baseline, extended and progressive, with Huffman's or arithmetic coding."""
_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})
_SCAN, _END, _CODES, _APP0, _APP1 = 0xDA, 0xD9, 0xC4, 0xE0, 0xE1
_AC, _SIXTEEN_ZEROS = 0x10, 0xF0
"""The class of Huffman tables for all but the mean of a block, and the one of their symbols without a value that ends
no block."""
_GAP = bytes(256)
"""More than zeros of a whole block can take, where they do not mean its end."""
_SHORTEST_JFIF = 12
_MOST_SCANS = 100
"""Each takes time for the whole picture, however little is in it; encoders write ten or so."""
_NEXT_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]", re.DOTALL)
"""What ends the data of a scan."""
_PADDED = re.compile(r"Corrupt JPEG data: (\d+) extraneous bytes before marker 0xd9")
_MOST_PADDING = 64
"""Zeros that some cameras write between the picture and the end marker."""


def read(data: bytes, name: str) -> LazyImage:
    """Read the segments before the first scan.

    Raises:
        ImageError: the file is cut short, CMYK, or of a kind that no usual program writes.
        Exception: it is damaged.
    """
    segments = list(_walk(data, name))
    frames = [(marker, start) for marker, start, _ in segments if marker in _FRAMES]
    if len(frames) != 1:
        raise damaged(name, "this JPEG is damaged" if frames else "this JPEG has no picture in it")
    ((frame, start),) = frames
    bits, height, width, components = struct.unpack_from(">BHHB", data, start)
    kind = ""
    if frame not in _READABLE_FRAMES:
        kind = "lossless or hierarchical"
    elif bits != 8:
        kind = f"{bits}-bit"
    elif components not in {1, 3}:
        kind = "CMYK" if components == 4 else f"{components}-component"
    if kind:
        raise unsupported(name, f"{kind} JPEG")
    image, exif, warnings = _open(data, segments)
    numbers = [layer[3] for layer in image.layer]
    while numbers[1:] and numbers[-1] == numbers[-2]:
        numbers.pop()
    coding = JpegCoding(
        tuple(tuple(image.quantization[number]) for number in numbers),
        tuple((across, down) for _, across, down, _ in image.layer),
        progressive="progressive" in image.info,
    )
    header = Header("jpeg", width, height, "gray" if components == 1 else "RGB", lossless=False, jpeg=coding)
    metadata, doubts = _read_metadata(image, exif)
    scans = list(itertools.islice(_scans(data, segments), _MOST_SCANS + 1))
    if len(scans) > _MOST_SCANS:
        raise damaged(name, f"this JPEG has more than {_MOST_SCANS} scans")
    colours = "GRAY" if components == 1 else "RGB"

    def load() -> Picture:
        if any(_has_gap(data, scan) for scan in scans):
            raise damaged(name, "this JPEG is damaged (zeros where its pixels should be)")
        try:
            pixels = simplejpeg.decode_jpeg(data, colours)
        except ValueError as error:
            if not _is_padded(data, str(error)):
                raise _complaint(name, error) from error
            pixels = simplejpeg.decode_jpeg(data, colours, strict=False)
        return picture(pixels)

    def salvage() -> Picture:
        try:
            return picture(simplejpeg.decode_jpeg(data, colours, strict=False))
        except ValueError as error:
            raise _complaint(name, error) from error

    def picture(pixels: NDArray[Any]) -> Picture:
        pixels = opencv.check_decoded(pixels[..., 0] if components == 1 else pixels, (height, width), name, "JPEG")
        return Picture([Frame(np.ascontiguousarray(pixels), metadata)], header, warnings + doubts)

    return LazyImage(header, load, metadata, warnings + doubts, salvage)


def _walk(data: bytes, name: str) -> Iterator[tuple[int, int, int]]:
    """Yield the markers up to the first scan's, and where their segments start and end; Pillow keeps them to itself."""
    place, marker = 2, 0
    while marker != _SCAN:
        place = data.find(b"\xff", place)
        while 0 <= place < len(data) - 1 and data[place + 1] == 0xFF:  # fill bytes
            place += 1
        end = place + 2 + int.from_bytes(data[place + 2 : place + 4])
        if place < 0 or end > len(data) or end < place + 4:
            raise damaged(name, "this JPEG is cut short or damaged")
        marker = data[place + 1]
        if marker not in _WITHOUT_LENGTH:
            yield marker, place + 4, end
        place = place + 2 if marker in _WITHOUT_LENGTH else end


def _open(data: bytes, segments: list[tuple[int, int, int]]) -> tuple[JpegImageFile, bytes | None, tuple[str, ...]]:
    """Let Pillow read what it reads well; return with it the EXIF block, and warnings.

    EXIF that is damaged makes it print warnings, and a JFIF segment that is too short makes it give up.
    """
    exif = b""
    warnings: tuple[str, ...] = ()
    parts = [b"\xff\xd8"]
    for marker, start, end in segments:
        if marker == _APP1 and data.startswith(EXIF_PREFIX, start):
            exif = exif or data[start:end]
        elif marker == _APP0 and data.startswith(b"JFIF", start) and end - start < _SHORTEST_JFIF:
            warnings = ("its JFIF header is damaged",)
        else:
            parts.append(data[start - 4 : end])
    return JpegImageFile(io.BytesIO(b"".join(parts))), bare_exif(exif), warnings


def _read_metadata(image: JpegImageFile, exif: bytes | None) -> tuple[Metadata, tuple[str, ...]]:
    """Collect what Pillow has found, with warnings of what can't be read, and of what else is in the file."""
    info = image.info
    warnings: tuple[str, ...] = ()
    if "mp" in info and _has_further_pictures(info["mp"]):
        warnings = ("further pictures in it, as of a second lens or for HDR, are left out",)
    if info.get("icc_profile", b"") is None:
        warnings += ("its colour profile is damaged and left out",)
    kept = []
    for segment, payload in image.applist:
        marker, beginning = _KEPT.get(segment, (0, None))
        if beginning is not None and payload.startswith(beginning):
            kept.append((marker, payload))
    metadata, doubts = check_exif(
        Metadata(
            exif,
            info.get("icc_profile") or None,
            info.get("xmp"),
            info["dpi"] if all(info.get("dpi", (0,))) else None,
            jpeg_segments=tuple(kept),
        )
    )
    return metadata, warnings + doubts


def _has_further_pictures(index: bytes) -> bool:
    """Tell by the index of a multi-picture file whether others in it are more than thumbnails of the first."""
    try:
        directory = read_directory(index)
    except ValueError:
        return False
    entries = bytes(directory.fields[_ENTRIES].raw) if _ENTRIES in directory.fields else b""
    attributes = struct.Struct(directory.order + "I")
    kinds = [attributes.unpack_from(entries, at)[0] & 0xFFFFFF for at in range(0, len(entries) - 15, _ENTRY_BYTES)]
    return not all(kind in _THUMBNAILS for kind in kinds[1:])


class _Scan(NamedTuple):
    """A scan: where its data start and end, and what its shortest code, zeros alone, means; None: not known."""

    start: int
    end: int
    zeros: int | None


def _scans(data: bytes, segments: Iterable[tuple[int, int, int]]) -> Iterator[_Scan]:
    """Yield the scans up to the picture's end.

    Args:
        data: the whole file.
        segments: those up to the first scan's, as `_walk` yields them.
    """
    waiting = list(segments)
    shortest: dict[int, int] = {}
    place = marker = 0
    while marker != _END:
        if waiting:
            marker, start, place = waiting.pop(0)
        else:
            found = _NEXT_MARKER.search(data, place)
            if not found:
                return
            marker, start = data[found.end() - 1], found.end() + 2
            bare = marker in _WITHOUT_LENGTH or marker == _END
            place = found.end() if bare else found.end() + int.from_bytes(data[found.end() : start])
        if marker == _CODES:
            shortest |= _shortest_codes(data[start:place])
        elif marker == _SCAN:
            following = _NEXT_MARKER.search(data, place)
            count = data[start] if start < len(data) else 0
            table, last = data[start + 2 : start + 3], data[start + 2 + 2 * count : start + 3 + 2 * count]
            zeros = shortest.get(_AC | table[0] & 15) if table and last > b"\0" else None
            yield _Scan(place, following.start() if following else len(data), zeros)


def _shortest_codes(tables: bytes) -> dict[int, int]:
    """Return what the shortest code of each Huffman table means: class and number of the table -> symbol."""
    found: dict[int, int] = {}
    place = 0
    while place + 17 < len(tables):
        found[tables[place]] = tables[place + 17]
        place += 17 + sum(tables[place + 1 : place + 17])
    return found


def _has_gap(data: bytes, scan: _Scan) -> bool:
    """Tell whether a part of a scan is zeros, as a broken copy leaves them; libjpeg decodes them to something.

    Where zeros end a block, or a run of them, they can be an even area.
    """
    ends = scan.zeros is None or (scan.zeros & 15 == 0 and scan.zeros != _SIXTEEN_ZEROS)
    return not ends and data.find(_GAP, scan.start, scan.end) >= 0


def _complaint(name: str, error: ValueError) -> ImageError:
    return damaged(name, f"this JPEG is damaged ({str(error).removeprefix('Corrupt JPEG data: ')})")


def _is_padded(data: bytes, complaint: str) -> bool:
    """Tell whether all that libjpeg complains of is some zeros behind the picture."""
    found = _PADDED.fullmatch(complaint)
    count = int(found[1]) if found else 0
    return 0 < count <= _MOST_PADDING and bytes(count) + b"\xff\xd9" in data


def write(frames: Sequence[Frame], encoding: Encoding) -> bytes:
    """Write a JPEG as its source was encoded; with the quality that is asked for, where one is."""
    (frame,) = frames
    pixels, metadata = frame.pixels, frame.metadata
    own = encoding.like.jpeg if encoding.like else None
    luma = own.sampling[0] if own and len(own.sampling) == 3 and set(own.sampling[1:]) == {(1, 1)} else (1, 1)
    if pixels.ndim == 3 and luma in _UNUSUAL:
        return _write_unusual(pixels, luma, metadata, encoding)
    options: dict[str, Any] = {"quality": encoding.quality or DEFAULT_QUALITY}
    room = 2 if options["quality"] >= DEFAULT_QUALITY else 1
    if own and encoding.quality is None:
        options = {"qtables": [list(table) for table in own.tables]}
        room = 2
    options |= {"subsampling": _SUBSAMPLING.get(luma, 0), **_segments(metadata)}
    image = _as_image(pixels)
    written = _save(image, options)
    # For progressive files Pillow has room for one or two bytes a pixel, and fails where they take more.
    if own and own.progressive and len(written) < 0.95 * max(room * image.width * image.height, ImageFile.MAXBLOCK):
        return _save(image, options | {"progressive": True})
    return written


def _as_image(pixels: NDArray[Any]) -> Image.Image:
    """Hand pixels to Pillow, which keeps RGB in four bytes; OpenCV makes them faster."""
    if pixels.ndim == 2:
        return Image.fromarray(pixels)
    padded = cv2.cvtColor(pixels, cv2.COLOR_RGB2RGBA)
    return Image.frombuffer("RGBX", (pixels.shape[1], pixels.shape[0]), padded, "raw", "RGBX", 0, 1)


def _save(image: Image.Image, options: dict[str, Any]) -> bytes:
    out = io.BytesIO()
    image.save(out, "JPEG", **options)
    return out.getvalue()


def _segments(metadata: Metadata) -> dict[str, Any]:
    """Say to Pillow what metadata to write. What no segment can hold is left out."""
    extra = [struct.pack(">BBH", 0xFF, marker, len(part) + 2) + part for marker, part in metadata.jpeg_segments]
    options: dict[str, Any] = {"extra": b"".join(extra)}
    if dpi := metadata.resolution:
        options["dpi"] = tuple(min(max(round(dots), 1), 65535) for dots in dpi)
    if metadata.exif:
        options["exif"] = EXIF_PREFIX + metadata.exif
    if metadata.xmp and len(metadata.xmp) + len(_XMP_PREFIX) <= _MAX_SEGMENT:
        options["xmp"] = metadata.xmp
    if metadata.icc:
        options["icc_profile"] = metadata.icc
    return options


def _write_unusual(pixels: NDArray[Any], luma: tuple[int, int], metadata: Metadata, encoding: Encoding) -> bytes:
    """Write colour sampled in a way that only OpenCV knows; it takes no tables, so at a near quality."""
    own = encoding.like.jpeg if encoding.like else None
    quality = encoding.quality or (nearest_quality(own.tables[0]) if own else DEFAULT_QUALITY)
    options = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, _UNUSUAL[luma]]
    encoded = opencv.encode(pixels, ".jpg", encoding.name, options).tobytes()
    # Pillow's head, up to the tables, in place of OpenCV's, which is 20 bytes long.
    head = _save(Image.new("L", (1, 1)), _segments(metadata))
    return head[: head.rindex(b"\xff\xdb")] + encoded[20:]


def nearest_quality(luma: Sequence[int]) -> int:
    """Find the quality, 1 to 100, at which libjpeg's luminance table is as coarse as this one of 64 steps."""

    def coarseness(quality: int) -> int:
        with JpegImageFile(io.BytesIO(_save(Image.new("L", (1, 1)), {"quality": quality}))) as image:
            return sum(image.quantization[0])

    return min(range(1, 101), key=lambda quality: abs(coarseness(quality) - sum(luma)))
