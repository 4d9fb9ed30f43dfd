"""JPEG: headers and encoding by Pillow, which takes over the source's quantisation tables; decoded by OpenCV.

OpenCV decodes four times as fast.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator, Sequence
from typing import Any

import cv2
from numpy.typing import NDArray
from PIL import Image, ImageFile
from PIL.JpegImagePlugin import JpegImageFile

from denoise_ae.imagefiles import opencv
from denoise_ae.imagefiles.metadata import EXIF_PREFIX, Metadata, bare_exif, check_exif
from denoise_ae.imagefiles.picture import (
    DEFAULT_QUALITY,
    Encoding,
    Frame,
    Header,
    JpegCoding,
    LazyImage,
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
_SEQUENTIAL = {0xC0, 0xC1}
_READABLE_FRAMES = {*_SEQUENTIAL, 0xC2, 0xC9, 0xCA}
"""Baseline, extended and progressive, with Huffman's or arithmetic coding."""
_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})
_SCAN, _CODES, _APP0, _APP1 = 0xDA, 0xC4, 0xE0, 0xE1
_SHORTEST_JFIF = 12
_MOST_SCANS = 100
"""Each takes time for the whole picture, however little is in it; encoders write ten or so."""
_LUMA_AC = 0x10
_GAP = bytes(256)
"""More than zeros of a whole block can take, where they do not mean its end."""


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
    scan, sequential = segments[-1][2], frame in _SEQUENTIAL
    codes = [data[start:end] for marker, start, end in segments if marker == _CODES]

    def decode() -> NDArray[Any]:
        if _has_gap(data, scan, codes) if sequential else data.count(b"\xff\xda", scan) > _MOST_SCANS:
            raise damaged(name, "this JPEG is damaged")
        flags = cv2.IMREAD_GRAYSCALE if components == 1 else cv2.IMREAD_COLOR_RGB
        pixels = opencv.decode(data, flags | cv2.IMREAD_IGNORE_ORIENTATION)
        pixels = opencv.check_decoded(pixels, (height, width), name, "JPEG")
        if _is_filled_up(data, pixels, scan, sequential=sequential):
            raise damaged(name, "this JPEG is cut short or damaged")
        return pixels

    return LazyImage.still(header, decode, metadata, warnings + doubts)


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


def _has_gap(data: bytes, start: int, codes: list[bytes]) -> bool:
    """Tell whether a part of a scan is zeros, as a broken copy leaves them; libjpeg decodes them to something.

    Args:
        data: the whole file.
        start: where the scan's data start.
        codes: the Huffman tables.
    """
    for tables in codes:
        place = 0
        while place < len(tables):
            # The shortest code is zeros alone. Where it ends a block, zeros can be an even area.
            if tables[place] == _LUMA_AC and tables[place + 17] != 0:
                gap = data.find(_GAP, start)
                return gap >= 0 and data.find(b"\xff\xd9", start, gap) < 0
            place += 17 + sum(tables[place + 1 : place + 17])
    return False


def _is_filled_up(data: bytes, pixels: NDArray[Any], scan: int, *, sequential: bool) -> bool:
    """Tell whether libjpeg made up a part of the picture, which OpenCV doesn't say.

    What is missing it fills with gray, up to the lower right corner. If that is gray, Pillow must find no fault, and
    in a file of one scan not even if the end marker, at which libjpeg stops without complaint, is taken away.
    """
    if not (pixels[-8:, -8:] == 128).all():
        return False
    if sequential and data.find(b"\xff\xda", scan) < 0:
        data = data[: data.rfind(b"\xff\xd9")] + _GAP
    try:
        with JpegImageFile(io.BytesIO(data)) as image:
            image.load()
    except (OSError, SyntaxError, struct.error):
        return True
    return False


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
