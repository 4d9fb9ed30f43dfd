"""Formats that only optional packages can decode: HEIC, JPEG XL and camera RAW. Of them HEIC is written too.

Their decoders turn pictures upright, so that the orientation in EXIF has to go. The package for JPEG XL can write
neither colour of 16 bits nor a profile, so that a PNG takes its place.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from denoise_ae.errors import ImageError
from denoise_ae.metadata import Metadata, read_directory, read_tiff_metadata, upright_metadata

_AGAIN = "get the file again from its source"
_CONVERT = "convert it to PNG, TIFF or JPEG first"
_MODES = {1: "gray", 2: "gray+alpha", 3: "RGB", 4: "RGBA"}
_CHANNELS = {"L": 1, "I": 1, "LA": 2, "RGB": 3, "RGBA": 4}
"""How these packages, which follow Pillow, name kinds of pixels (16-bit ones with ";16") -> channels."""

_THIN = 64
"""Pixels on a side under which the encoder of HEIC refuses long pictures that it may lose something of."""


@dataclass(frozen=True)
class Opened:
    """A file whose header is read.

    Attributes:
        width: in pixels.
        height: in pixels.
        mode: "gray", "gray+alpha", "RGB" or "RGBA".
        bits: bits a sample.
        read: decodes the pixels, uint8 or uint16, and reads what they say of themselves.
    """

    width: int
    height: int
    mode: str
    bits: int
    read: Callable[[], tuple[NDArray[Any], Metadata]]


def _load(module: str, extra: str, what: str, name: str) -> Any:  # noqa: ANN401 - they have no types
    try:
        return import_module(module)
    except ImportError as error:
        hint = f"pip install 'denoise-ae[{extra}]', or {_CONVERT}"
        raise ImageError(f"{name}: {what} needs a decoder that is not installed", hint) from error


def _damaged(name: str, what: str) -> ImageError:
    return ImageError(f"{name}: this {what} is cut short or damaged", _AGAIN)


def _upright_metadata(exif: bytes | None, icc: bytes | None, xmp: bytes | None) -> Metadata:
    exif = exif.removeprefix(b"Exif\0\0") if exif else None
    return upright_metadata(Metadata(exif or None, icc or None, xmp or None))


def open_heic(data: bytes, name: str) -> Opened:
    """Open HEIC with pillow-heif.

    Raises:
        ImageError: it isn't installed, the file is damaged, or it holds several pictures.
    """
    heif = _load("pillow_heif", "heic", "HEIC", name)
    try:
        file = heif.open_heif(io.BytesIO(data), convert_hdr_to_8bit=False)
        channels = _CHANNELS.get(file.mode.split(";")[0])
    except (ValueError, RuntimeError, OSError, SyntaxError, EOFError) as error:
        raise _damaged(name, "HEIC") from error
    if len(file) > 1 or channels is None:
        kind = "several pictures" if len(file) > 1 else f"{file.mode} pixels"
        raise ImageError(f"{name}: HEIC with {kind} is not supported", _CONVERT)
    bits = int(file.info["bit_depth"])
    width, height = file.size

    def read() -> tuple[NDArray[Any], Metadata]:
        try:
            pixels = np.asarray(file)
        except (ValueError, RuntimeError, OSError, SyntaxError, EOFError) as error:
            raise _damaged(name, "HEIC") from error
        if pixels.dtype == np.uint16:  # in the upper bits
            levels = np.rint(np.arange(2**bits) * (65535 / (2**bits - 1))).astype(np.uint16)
            pixels = levels[pixels >> (16 - bits)]
        info = file.info
        return pixels.copy(), _upright_metadata(info.get("exif"), info.get("icc_profile"), info.get("xmp"))

    return Opened(width, height, _MODES[channels], bits, read)


def encode_heic(pixels: NDArray[Any], metadata: Metadata, quality: int, bits: int, name: str) -> bytes:
    """Write HEIC with pillow-heif, colour at half the resolution as phones do: little else is decoded everywhere.

    Args:
        pixels: HxW, HxWx2, HxWx3 or HxWx4; uint8 or uint16. With alpha, whose quality can't be told apart, and thin
            ones are written without loss.
        metadata: what is turned must be upright by now.
        quality: 1 to 100.
        bits: to store of 16: 10 or 12.
        name: the picture in messages.

    Raises:
        ImageError: pillow-heif isn't installed, or can't write this picture.
    """
    heif = _load("pillow_heif", "heic", "HEIC", name)
    if pixels.ndim == 3 and pixels.shape[2] == 2:
        pixels = pixels[..., [0, 0, 0, 1]]
    size = pixels.shape[1], pixels.shape[0]
    mode = {1: "L", 3: "RGB", 4: "RGBA"}[1 if pixels.ndim == 2 else pixels.shape[2]]
    exact = mode == "RGBA" or min(size) < _THIN
    lossless = {"quality": -1, "chroma": 444, "matrix_coefficients": 0} if exact else {"quality": quality}
    depth = {"bit_depth": bits} if pixels.dtype == np.uint16 else {}
    held = {"exif": metadata.exif and b"Exif\0\0" + metadata.exif, "icc_profile": metadata.icc, "xmp": metadata.xmp}
    options = lossless | depth | {name: part for name, part in held.items() if part}
    out = io.BytesIO()
    try:
        data = np.ascontiguousarray(pixels).tobytes()
        heif.encode(mode + (";16" if depth else ""), size, data, out, **options)
    except (ValueError, RuntimeError, OSError) as error:
        raise ImageError(f"{name}: pillow-heif can't write it as HEIC", "write it as PNG or TIFF") from error
    return out.getvalue()


def open_raw(data: bytes, name: str) -> Opened:
    """Open camera RAW with rawpy: developed by LibRaw with the camera's white balance into 16-bit sRGB.

    Raises:
        ImageError: it isn't installed, or the file is damaged or of a camera that it doesn't know.
    """
    rawpy = _load("rawpy", "raw", "camera RAW", name)

    def unreadable(error: Exception) -> ImageError:
        return ImageError(f"{name}: this camera RAW is damaged, or its camera is not known", _CONVERT)

    try:
        with rawpy.imread(io.BytesIO(data)) as file:
            width, height, turned = file.sizes.iwidth, file.sizes.iheight, file.sizes.flip in {5, 6}
    except rawpy.LibRawError as error:
        raise unreadable(error) from error

    def read() -> tuple[NDArray[Any], Metadata]:
        try:
            with rawpy.imread(io.BytesIO(data)) as file:
                pixels = np.asarray(file.postprocess(use_camera_wb=True, output_bps=16))
        except rawpy.LibRawError as error:
            raise unreadable(error) from error
        return pixels, _raw_metadata(data)

    return Opened(*((height, width) if turned else (width, height)), "RGB", 16, read)


def _raw_metadata(data: bytes) -> Metadata:
    """Read what a RAW file that is a TIFF says of itself; the resolution is the thumbnail's."""
    try:
        metadata, _ = read_tiff_metadata(data, read_directory(data))
    except ValueError:
        return Metadata()
    return _upright_metadata(metadata.exif, None, metadata.xmp)


def open_jxl(data: bytes, name: str) -> Opened:
    """Open JPEG XL with pillow-jxl-plugin.

    Raises:
        ImageError: it isn't installed, the file is damaged, or it is an animation.
    """
    try:
        width, height, animated = _read_jxl_header(data)
    except (ValueError, struct.error) as error:
        raise _damaged(name, "JPEG XL") from error
    if animated:
        raise ImageError(f"{name}: animated JPEG XL is not supported", _CONVERT)
    jxl = _load("pillow_jxl", "jxl", "JPEG XL", name)

    def read() -> tuple[NDArray[Any], Metadata]:
        try:
            _, info, raw, icc, boxes = jxl.Decoder(num_threads=1)(data)
        except (RuntimeError, ValueError, OSError) as error:
            raise _damaged(name, "JPEG XL") from error
        channels = _CHANNELS.get(info.mode.split(";")[0])
        size = info.width * info.height * (channels or 0)
        if channels is None or len(raw) not in {size, 2 * size}:
            raise ImageError(f"{name}: JPEG XL with {info.mode} pixels is not supported", _CONVERT)
        pixels = np.frombuffer(raw, np.uint8 if len(raw) == size else np.uint16).copy()
        shape = (info.height, info.width) if channels == 1 else (info.height, info.width, channels)
        exif = next((bytes(box.data) for box in boxes if box.box_type == b"Exif"), b"")
        xmp = next((bytes(box.data) for box in boxes if box.box_type == b"xml "), None)
        return pixels.reshape(shape), _upright_metadata(exif[4:], icc, xmp)  # the first four say where EXIF starts

    return Opened(width, height, "RGB", 8, read)


def _read_jxl_header(data: bytes) -> tuple[int, int, bool]:
    """Read width, height and whether it is an animation (ISO/IEC 18181-1, D.2 and D.3.1).

    Raises:
        ValueError: this is no header.
        struct.error: the file is too short.
    """
    number = int.from_bytes(_codestream(data)[2:66], "little")

    def take(count: int) -> int:
        nonlocal number
        value, number = number & ((1 << count) - 1), number >> count
        return value

    def size() -> tuple[int, int]:
        def side() -> int:
            return 8 * (take(5) + 1) if eighths else take((9, 13, 18, 30)[take(2)]) + 1

        eighths = take(1)
        height = side()
        across, down = ((0, 0), (1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))[take(3)]
        return height * across // down if down else side(), height

    width, height = size()
    animated = False
    if not take(1) and take(1):  # not all is as usual, and there is more
        take(3)
        if take(1):
            size()
        if take(1):
            raise ValueError("a preview, which no program is known to write")
        animated = bool(take(1))
    return width, height, animated


def _codestream(data: bytes) -> bytes:
    if data.startswith(b"\xff\x0a"):
        return data[:80]
    place = 0
    while True:
        length, kind = struct.unpack_from(">I4s", data, place)
        start = place + 8
        if length == 1:
            (length,) = struct.unpack_from(">Q", data, start)
            start += 8
        if kind in {b"jxlc", b"jxlp"}:
            start += 4 * (kind == b"jxlp")
            return data[start : start + 80]
        if length < 8:
            raise ValueError("no picture in it")
        place += length
