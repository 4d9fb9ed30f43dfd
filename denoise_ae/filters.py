"""What OpenCV does to pixels apart from files: to simulate noise and to compare with, not to clean."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

BAYER_PATTERNS: tuple[str, ...] = ("RGGB", "GRBG", "GBRG", "BGGR")
"""Colours of the first 2x2 cell of a Bayer mosaic, row by row."""

_DEMOSAIC = {
    (pattern, edge_aware): getattr(cv2, f"COLOR_Bayer{pattern}2RGB{'_EA' if edge_aware else ''}")
    for pattern in BAYER_PATTERNS
    for edge_aware in (False, True)
}


def demosaic(mosaic: NDArray[np.uint16], pattern: str, *, edge_aware: bool) -> NDArray[np.uint16]:
    """Interpolate the colours of a Bayer mosaic.

    Args:
        mosaic: HxW, one colour a pixel.
        pattern: one of `BAYER_PATTERNS`.
        edge_aware: interpolate along edges rather than bilinearly.

    Returns:
        HxWx3 RGB.
    """
    return np.asarray(cv2.demosaicing(mosaic, _DEMOSAIC[pattern, edge_aware]), np.uint16)


def blur(image: Floats, sigma: float) -> Floats:
    """Blur HxW or HxWxC with a Gaussian of standard deviation `sigma` pixels (more than 0), borders mirrored."""
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.float32)


def bilateral(image: Floats, reach: float, contrast: float) -> Floats:
    """Smooth HxW or HxWx3 but for its edges (Tomasi and Manduchi, "Bilateral filtering", ICCV 1998).

    Args:
        image: 0 to 1.
        reach: standard deviation in pixels, of which 5x5 count.
        contrast: standard deviation of the differences, on [0, 1], that are smoothed.
    """
    return np.asarray(cv2.bilateralFilter(image, 5, contrast, reach), np.float32)


def resize(image: Floats, height: int, width: int) -> Floats:
    """Scale HxW or HxWxC to a size: by areas when it gets smaller, else by cubic interpolation."""
    smaller = height * width < image.shape[0] * image.shape[1]
    scaled = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_CUBIC)
    return np.asarray(scaled, np.float32)


def non_local_means(pixels: NDArray[np.uint8], strength: float) -> NDArray[np.uint8]:
    """Clean with OpenCV's non-local means, for comparison (Buades, Coll and Morel, 2005).

    Colour is compared over all channels at once, which cleans better than OpenCV's variant in CIELAB.

    Args:
        pixels: HxW or HxWx3 RGB, uint8.
        strength: OpenCV's h, in 8-bit steps; about the noise's standard deviation.
    """
    return np.asarray(cv2.fastNlMeansDenoising(pixels, h=strength), np.uint8)


def jpeg_round_trip(pixels: NDArray[np.uint8], quality: int, *, subsampled: bool = True) -> NDArray[np.uint8]:
    """Encode as JPEG and decode again.

    Args:
        pixels: HxW or HxWx3 RGB, uint8.
        quality: 1 to 100.
        subsampled: keep colour at half the resolution (4:2:0), as most software does, or whole (4:4:4).
    """
    factor = cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420 if subsampled else cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444
    settings = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, factor]
    gray = pixels.ndim == 2
    _, encoded = cv2.imencode(".jpg", pixels if gray else cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), settings)
    return np.asarray(cv2.imdecode(encoded, cv2.IMREAD_GRAYSCALE if gray else cv2.IMREAD_COLOR_RGB), np.uint8)
