"""What OpenCV decodes and encodes: JPEG, WebP, BMP, JPEG 2000 and AVIF both ways, PNG and PNM to read.

Its pixels are in the order BGR, and its writers know little metadata.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from denoise_ae.errors import ImageError
from denoise_ae.imagefiles import jp2, jpeg
from denoise_ae.imagefiles.formats import format_name
from denoise_ae.imagefiles.metadata import METRE
from denoise_ae.imagefiles.picture import Frame, Header
from denoise_ae.pixels.convert import chunks

DEFAULT_QUALITY = 95
"""Quality of lossy formats where the source's own is unknown."""

_SUFFIXES = {"jpeg": ".jpg", "webp": ".webp", "bmp": ".bmp", "jpeg2000": ".jp2", "avif": ".avif"}
"""Format -> the suffix by which OpenCV knows it."""
_BMP_RESOLUTION = 38
"""Where a BMP has its dots per metre, two 32-bit numbers."""
_AVIF_BITS = 12
"""How 16 bits are stored in an AVIF, which has no more."""

# Errors are raised, as one line; OpenCV would print its own as well.
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


def decode(data: bytes) -> NDArray[Any] | None:
    """Decode to gray, RGB or RGBA; None where OpenCV finds the data wanting."""
    try:
        # "Unchanged" keeps the depth and the alpha, and does not turn the picture.
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        return None
    if pixels is not None and pixels.ndim == 3:
        code = cv2.COLOR_BGR2RGB if pixels.shape[2] == 3 else cv2.COLOR_BGRA2RGBA
        for rows in chunks(pixels):
            rows[:] = cv2.cvtColor(rows, code)
    return pixels


def choose(file_format: str, quality: int | None, like: Header | None) -> list[int]:
    """Choose OpenCV's settings for a format.

    Args:
        file_format: as `denoise_ae.imagefiles.formats.format_for` names it.
        quality: 1 to 100; None: near the source's own.
        like: the source's header.
    """
    if file_format == "jpeg":
        own = like.quality if like else None
        sampling = (like.chroma if like else None) or "4:4:4"
        factor = getattr(cv2, "IMWRITE_JPEG_SAMPLING_FACTOR_" + sampling.replace(":", ""))
        return [cv2.IMWRITE_JPEG_QUALITY, quality or own or DEFAULT_QUALITY, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, factor]
    if file_format == "webp" and quality is None and like is not None and like.lossless:
        return [cv2.IMWRITE_WEBP_LOSSLESS_MODE, cv2.IMWRITE_WEBP_LOSSLESS_PRESERVE_COLOR]
    if file_format == "webp":
        return [cv2.IMWRITE_WEBP_QUALITY, quality or DEFAULT_QUALITY]
    if file_format == "avif":
        return [cv2.IMWRITE_AVIF_QUALITY, quality or DEFAULT_QUALITY]
    return [cv2.IMWRITE_JPEG2000_COMPRESSION_X1000, 1000] if file_format == "jpeg2000" else []


def encode(frame: Frame, file_format: str, parameters: list[int], name: str) -> bytes:
    """Encode a picture with what it says of itself.

    Args:
        frame: of what the format can hold.
        file_format: "jpeg", "webp", "bmp", "jpeg2000" or "avif".
        parameters: see `choose`.
        name: the picture in messages.

    Raises:
        ImageError: OpenCV can't.
    """
    pixels, metadata = frame.pixels, frame.metadata
    if file_format == "jpeg2000" and min(pixels.shape[:2]) < jp2.SMALLEST:
        return jp2.add_metadata(jp2.encode_small(pixels, name), metadata)
    if file_format == "avif" and pixels.dtype == np.uint16:
        pixels = np.rint(np.arange(65536) * ((2**_AVIF_BITS - 1) / 65535)).astype(np.uint16)[pixels]
        parameters = [*parameters, cv2.IMWRITE_AVIF_DEPTH, _AVIF_BITS]
    if file_format == "avif" and pixels.ndim == 3 and pixels.shape[2] in {2, 4}:
        # The one quality is alpha's too, which must stay as it is.
        parameters = [*parameters, cv2.IMWRITE_AVIF_QUALITY, 100]
    held = {cv2.IMAGE_METADATA_EXIF: metadata.exif, cv2.IMAGE_METADATA_XMP: metadata.xmp}
    held[cv2.IMAGE_METADATA_ICCP] = metadata.icc
    # WebP has no gray: a gray profile would be wrong there.
    if file_format == "webp" and metadata.icc and metadata.icc[16:20] == b"GRAY":
        del held[cv2.IMAGE_METADATA_ICCP]
    chunks = {
        kind: np.frombuffer(raw, np.uint8) for kind, raw in held.items() if raw and file_format in {"webp", "avif"}
    }
    try:
        done, encoded = cv2.imencodeWithMetadata(
            _SUFFIXES[file_format], _to_bgr(pixels), list(chunks), list(chunks.values()), parameters
        )
    except cv2.error:
        done = False
    if not done:
        raise ImageError(f"{name}: OpenCV can't write it as {format_name(file_format)}", "write it as PNG or TIFF")
    if file_format == "jpeg":
        return jpeg.add_metadata(encoded.data, metadata)
    if file_format == "jpeg2000":
        return jp2.add_metadata(encoded.data, metadata)
    if file_format == "bmp" and (dpi := metadata.resolution):
        dots = [min(round(number / METRE), 2**31 - 1) for number in dpi]
        encoded[_BMP_RESOLUTION : _BMP_RESOLUTION + 8] = np.array(dots, "<i4").view(np.uint8)
    return encoded.tobytes()


def _to_bgr(pixels: NDArray[Any]) -> NDArray[Any]:
    """Copy into OpenCV's order of channels; gray is returned as it is, gray with alpha becomes BGRA."""
    if pixels.ndim == 2:
        return pixels
    if pixels.shape[2] == 2:
        return cv2.merge([pixels[..., 0], pixels[..., 0], pixels[..., 0], pixels[..., 1]])
    return cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR if pixels.shape[2] == 3 else cv2.COLOR_RGBA2BGRA)
