"""OpenCV's decoders and encoders: bytes in and out, pixels in the order RGB.

Its own order is BGR, it knows formats by suffixes, and its writers know little metadata.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from denoise_ae.errors import ImageError
from denoise_ae.imagefiles.metadata import Metadata
from denoise_ae.imagefiles.picture import damaged
from denoise_ae.pixels.convert import chunks

# Errors are raised, as one line; OpenCV would print its own as well.
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


def decode(data: bytes, flags: int = cv2.IMREAD_UNCHANGED) -> NDArray[Any] | None:
    """Decode to gray, RGB or RGBA; None where OpenCV finds the data wanting.

    Args:
        data: the whole file.
        flags: as `cv2.imdecode` takes them. By themselves they keep the depth and the alpha, and turn nothing.
    """
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:
        return None
    if pixels is not None and pixels.ndim == 3 and flags == cv2.IMREAD_UNCHANGED:
        code = cv2.COLOR_BGR2RGB if pixels.shape[2] == 3 else cv2.COLOR_BGRA2RGBA
        for rows in chunks(pixels):
            rows[:] = cv2.cvtColor(rows, code)
    return pixels


def check_decoded(pixels: NDArray[Any] | None, size: tuple[int, int], name: str, title: str) -> NDArray[Any]:
    """Return decoded pixels if they are what the header claims.

    Args:
        pixels: None where the decoder gave up.
        size: height and width.
        name: the file in messages.
        title: its format's.

    Raises:
        ImageError: they are not.
    """
    if pixels is None or pixels.shape[:2] != size:
        raise damaged(name, f"this {title} is cut short or damaged")
    return pixels


def spread(pixels: NDArray[Any], bits: int) -> NDArray[Any]:
    """Spread samples of 9 to 15 bits over the 16 in which OpenCV returns them; leave others as they are."""
    if not 8 < bits < 16:
        return pixels
    levels = np.rint(np.arange(2**bits) * (65535 / (2**bits - 1))).astype(np.uint16)
    deep: NDArray[Any] = levels[pixels]
    return deep


def encode(
    pixels: NDArray[Any], suffix: str, name: str, options: Sequence[int] = (), metadata: Metadata | None = None
) -> NDArray[np.uint8]:
    """Encode a picture.

    Args:
        pixels: of what the format can hold.
        suffix: by which OpenCV knows the format.
        name: the picture in messages.
        options: OpenCV's, keys and values in turn.
        metadata: EXIF, XMP and ICC to write; only for WebP and AVIF.

    Returns:
        The file's bytes.

    Raises:
        ImageError: OpenCV can't.
    """
    held: dict[int, bytes | None] = {}
    if metadata:
        held = {cv2.IMAGE_METADATA_EXIF: metadata.exif, cv2.IMAGE_METADATA_XMP: metadata.xmp}
        held[cv2.IMAGE_METADATA_ICCP] = metadata.icc
    parts = {kind: np.frombuffer(raw, np.uint8) for kind, raw in held.items() if raw}
    try:
        done, encoded = cv2.imencodeWithMetadata(suffix, _to_bgr(pixels), list(parts), list(parts.values()), options)
    except cv2.error:
        done = False
    if not done:
        raise ImageError(f"{name}: OpenCV can't write it as {suffix[1:].upper()}", "write it as PNG or TIFF")
    whole: NDArray[np.uint8] = encoded
    return whole


def _to_bgr(pixels: NDArray[Any]) -> NDArray[Any]:
    """Copy into OpenCV's order of channels; gray is returned as it is, gray with alpha becomes BGRA."""
    if pixels.ndim == 2:
        return pixels
    if pixels.shape[2] == 2:
        return cv2.merge([pixels[..., 0], pixels[..., 0], pixels[..., 0], pixels[..., 1]])
    return cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR if pixels.shape[2] == 3 else cv2.COLOR_RGBA2BGRA)
