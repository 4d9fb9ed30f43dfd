"""Filters, drawing and region labelling by OpenCV: for simulating noise, finding defects and comparing with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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


def spread(mask: NDArray[np.bool_], *, up: int = 0, down: int = 0, left: int = 0, right: int = 0) -> NDArray[np.bool_]:
    """Dilate a mask HxW by a rectangle: by so many pixels in each direction."""
    rectangle = np.ones((up + 1 + down, left + 1 + right), np.uint8)
    # OpenCV looks from each pixel at the mask around it, so that what spreads upwards is seen below.
    grown = cv2.dilate(mask.view(np.uint8), rectangle, anchor=(right, down))
    return np.asarray(grown, np.uint8).view(np.bool_)


@dataclass(frozen=True)
class Regions:
    """Connected regions of a mask; number 0 is what the mask leaves out."""

    labels: NDArray[np.int32]
    """The number of each pixel's region, HxW."""
    left: NDArray[np.int32]
    top: NDArray[np.int32]
    width: NDArray[np.int32]
    height: NDArray[np.int32]
    pixels: NDArray[np.int32]
    """How many it has; like all but `labels` of length N."""
    centres: NDArray[np.float64]
    """Mean column and row, Nx2."""

    def __len__(self) -> int:
        """Return how many there are, number 0 among them."""
        return len(self.pixels)


def regions(mask: NDArray[np.bool_], *, corners: bool = True) -> Regions:
    """Label the connected regions of a mask HxW; with `corners` pixels that touch at a corner are connected."""
    _, labels, found, centres = cv2.connectedComponentsWithStats(mask.view(np.uint8), connectivity=8 if corners else 4)
    left, top, width, height, pixels = np.asarray(found, np.int32).T
    return Regions(np.asarray(labels, np.int32), left, top, width, height, pixels, np.asarray(centres, np.float64))


def nearest(mask: NDArray[np.bool_], numbers: NDArray[np.int32]) -> tuple[Floats, NDArray[np.int32]]:
    """Return how far each pixel is from the mask in pixels, and the number of the nearest pixel in it; both HxW.

    Args:
        mask: HxW, true somewhere.
        numbers: HxW, of the pixels in the mask.
    """
    distance, places = cv2.distanceTransformWithLabels(
        (~mask).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    table = np.zeros(int(places.max()) + 1, np.int32)
    table[places[mask]] = numbers[mask]
    return np.asarray(distance, np.float32), table[places]


def otsu(image: NDArray[np.uint8]) -> float:
    """Return the threshold that parts the values of HxW into two groups best (Otsu 1979); the upper ones are above."""
    return float(cv2.threshold(image, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)[0])


def paper_level(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the brightness of the paper of a scanned page around each pixel of HxW: a median without thin strokes."""
    height, width = image.shape
    small = cv2.resize(image, (max(1, width // 4), max(1, height // 4)), interpolation=cv2.INTER_AREA)
    light = cv2.medianBlur(cv2.dilate(small, np.ones((5, 5), np.uint8)), 31)
    return np.asarray(cv2.resize(light, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


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
