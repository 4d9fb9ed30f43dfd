"""What a camera does to pixels, by OpenCV: demosaicing, blurring, scaling. For simulating noise, not for cleaning."""

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


def resize(image: Floats, height: int, width: int) -> Floats:
    """Scale HxW or HxWxC to a size: by areas when it gets smaller, else by cubic interpolation."""
    smaller = height * width < image.shape[0] * image.shape[1]
    scaled = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_CUBIC)
    return np.asarray(scaled, np.float32)
