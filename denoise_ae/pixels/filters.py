"""Filters, drawing and region labelling by OpenCV: for simulating noise, finding defects and comparing with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

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

_FRACTION_BITS = 4
"""Fractional bits of the fixed-point coordinates that OpenCV takes."""

_CAPITAL = 22.0
"""Height in pixels of a capital letter of OpenCV's font at a scale of 1."""


def use_one_thread() -> None:
    """Make OpenCV work in the calling thread alone, for the rest of this process."""
    cv2.setNumThreads(0)


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
    """Smooth HxW or HxWx3 while keeping its edges (Tomasi and Manduchi, "Bilateral filtering", ICCV 1998).

    Args:
        image: 0 to 1.
        reach: standard deviation in pixels of the spatial weights, on a window of 5x5.
        contrast: standard deviation of the range weights, on the scale of [0, 1].
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


def draw_path(canvas: NDArray[np.uint8], corners: NDArray[np.int32], thickness: int) -> None:
    """Draw a path of 255 into HxW, in place.

    Args:
        canvas: drawn into.
        corners: x and y of each, Nx2; may lie outside.
        thickness: in pixels.
    """
    cv2.polylines(canvas, [corners.reshape(-1, 1, 2)], isClosed=False, color=255, thickness=thickness)


def draw_ellipse(canvas: NDArray[np.uint8], centre: Sequence[float], axes: Sequence[float], angle: float) -> None:
    """Draw a filled ellipse of 255 into HxW, in place.

    Args:
        canvas: drawn into.
        centre: x and y in pixels.
        axes: the two half-axes in pixels.
        angle: rotation in degrees.
    """
    whole = 1 << _FRACTION_BITS
    middle, half = ([round(value * whole) for value in pair] for pair in (centre, axes))
    cv2.ellipse(canvas, middle, half, angle, 0, 360, 255, thickness=-1, shift=_FRACTION_BITS)


def draw_text(canvas: NDArray[np.uint8], text: str, place: Sequence[int], size: float, thickness: int) -> None:
    """Draw a line of text of 255 into HxW, in place.

    Args:
        canvas: drawn into.
        text: in ASCII.
        place: x and y of its lower left corner; may lie outside.
        size: height of a capital letter in pixels, about.
        thickness: of the letters' lines in pixels.
    """
    cv2.putText(canvas, text, place, cv2.FONT_HERSHEY_SIMPLEX, size / _CAPITAL, 255, thickness)


def top_hats(image: NDArray[np.uint8], radius: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return the white and the black top-hat transform with a disk (Meyer 1979).

    They measure how much brighter, or darker, a detail is than its surroundings; edges and slopes give 0.

    Args:
        image: HxW.
        radius: of the disk in pixels; wider details give 0 too.
    """
    disk = _disk(radius)
    bright, dark = (cv2.morphologyEx(image, kind, disk) for kind in (cv2.MORPH_TOPHAT, cv2.MORPH_BLACKHAT))
    return np.asarray(bright, np.uint8), np.asarray(dark, np.uint8)


def local_median(image: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Return the median of the square around each pixel of HxW, borders continued; the side is odd."""
    return np.asarray(cv2.medianBlur(image, side), np.uint8)


def distance_from_median(image: NDArray[Any]) -> NDArray[Any]:
    """Return how far each value is from the median of the 3x3 square around it, borders continued.

    Args:
        image: HxW or HxWx3; uint8, uint16 or float32.

    Returns:
        HxWxC of the same type, with a channel for HxW too.
    """
    whole = np.ascontiguousarray(image)
    off = np.asarray(cv2.absdiff(whole, cv2.medianBlur(whole, 3)))
    return off[..., None] if off.ndim == 2 else off


def local_moments(image: NDArray[np.uint8], side: int) -> tuple[Floats, Floats]:
    """Return the mean and the standard deviation of the square around each pixel of HxW, borders mirrored."""
    values = image.astype(np.float32)
    mean, square = (np.asarray(cv2.boxFilter(each, -1, (side, side)), np.float32) for each in (values, values * values))
    return mean, np.sqrt(np.maximum(square - mean * mean, 0))


def grow(mask: NDArray[np.bool_], radius: int) -> NDArray[np.bool_]:
    """Dilate a mask HxW by `radius` pixels in all directions."""
    return np.asarray(cv2.dilate(mask.view(np.uint8), _disk(radius)), np.uint8).view(np.bool_)


def regions(mask: NDArray[np.bool_]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Label the connected regions of a mask HxW, with 8-connectivity.

    Returns:
        The label of each pixel, 0 where the mask is false, HxW; and each label's width, height and number of pixels,
        Nx3, starting with label 0.
    """
    _, labels, found, _ = cv2.connectedComponentsWithStats(mask.view(np.uint8), connectivity=8)
    measures = [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT, cv2.CC_STAT_AREA]
    return np.asarray(labels, np.int32), np.asarray(found[:, measures], np.int32)


def inpaint(pixels: NDArray[np.uint8], mask: NDArray[np.bool_], radius: float, *, telea: bool) -> NDArray[np.uint8]:
    """Fill masked pixels with OpenCV's methods, for comparison.

    Args:
        pixels: HxW or HxWx3.
        mask: HxW, true for pixels to fill.
        radius: of the neighbourhood in pixels.
        telea: by fast marching (Telea 2004), else by the Navier-Stokes equations (Bertalmio et al. 2001).
    """
    method = cv2.INPAINT_TELEA if telea else cv2.INPAINT_NS
    return np.asarray(cv2.inpaint(pixels, mask.view(np.uint8), radius, method), np.uint8)


def _disk(radius: int) -> NDArray[np.uint8]:
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1)), np.uint8)
