"""PSNR and SSIM, in plain numpy."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from denoise_ae.errors import ImageError
from denoise_ae.pixels.convert import peak_of

SSIM_WINDOW = 11
"""Side of the Gaussian window of SSIM, in pixels."""
SSIM_WINDOW_SIGMA = 1.5
SSIM_K1, SSIM_K2 = 0.01, 0.03

BAND_ROWS = 64
"""Rows measured at a time: a band fits in the CPU's cache, and memory stays flat."""


def _check(a: NDArray[Any], b: NDArray[Any], peak: float | None) -> float:
    """Check two pictures, and return the peak to measure with.

    Raises:
        ImageError: the shapes differ, or the types do and no peak is given.
        TypeError: no peak is given and the type of pixel has none.
    """
    if a.shape != b.shape:
        raise ImageError(
            f"pictures differ in shape: {' x '.join(map(str, a.shape))} and {' x '.join(map(str, b.shape))}",
            "compare pictures with the same height, width and channels",
        )
    if a.size == 0:
        raise ImageError("a picture without pixels can't be measured")
    if peak is None:
        if a.dtype != b.dtype:
            raise ImageError(
                f"pictures differ in type: {a.dtype} and {b.dtype}", "convert them to one type, or give a peak"
            )
        return peak_of(a.dtype)
    return peak


def _bands(a: NDArray[Any], b: NDArray[Any], margin: int) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Yield the same rows of both as float64: `BAND_ROWS`, and `margin` more that overlap the next band."""
    for top in range(0, a.shape[0] - margin, BAND_ROWS):
        rows = slice(top, top + BAND_ROWS + margin)
        yield a[rows].astype(np.float64), b[rows].astype(np.float64)


def psnr(a: NDArray[Any], b: NDArray[Any], peak: float | None = None) -> float:
    """Return the peak signal-to-noise ratio in dB: ``10 log10(peak^2 / mean((a - b)^2))``, over all channels at once.

    Args:
        a: HxW or HxWxC; uint8, uint16 or floating point.
        b: the same shape.
        peak: the value of white; None takes it from the type: 255, 65535 or 1.0.

    Returns:
        Decibels; infinity for equal pictures, NaN if a picture holds one.

    Raises:
        ImageError: the pictures differ in shape, or in type without a peak, or are empty.
    """
    peak = _check(a, b, peak)
    mean_square = sum(float(np.square(x - y).sum()) for x, y in _bands(a, b, 0)) / a.size
    return math.inf if mean_square == 0 else 10 * math.log10(peak**2 / mean_square)


def _window(side: int) -> NDArray[np.float64]:
    """Return Gaussian weights for an axis of `side` pixels: 11, or the largest odd number that fits."""
    size = min(SSIM_WINDOW, side - 1 + side % 2)
    weights = np.exp(-0.5 * ((np.arange(size) - size // 2) / SSIM_WINDOW_SIGMA) ** 2)
    normalised: NDArray[np.float64] = weights / weights.sum()
    return normalised


def _smooth(plane: NDArray[np.float64], down: NDArray[np.float64], across: NDArray[np.float64]) -> NDArray[np.float64]:
    """Filter with a separable window, at full positions only."""
    rows: NDArray[np.float64] = sliding_window_view(plane, len(down), axis=0) @ down
    smooth: NDArray[np.float64] = sliding_window_view(rows, len(across), axis=1) @ across
    return smooth


def ssim(a: NDArray[Any], b: NDArray[Any], peak: float | None = None) -> float:
    """Return the mean structural similarity (Wang et al. 2004), 1 for equal pictures.

    The window is Gaussian, 11x11 with sigma 1.5, at full positions only; for colour the channels' values are
    averaged. This equals scikit-image's ``structural_similarity(gaussian_weights=True, sigma=1.5,
    use_sample_covariance=False)``. On a side shorter than 11 pixels the window shrinks to the largest odd size that
    fits, so that every picture has a value.

    Args:
        a: HxW or HxWxC; uint8, uint16 or floating point.
        b: the same shape.
        peak: the value of white; None takes it from the type: 255, 65535 or 1.0.

    Raises:
        ImageError: the pictures differ in shape, or in type without a peak, or are empty.
    """
    peak = _check(a, b, peak)
    if a.ndim == 3:
        return float(np.mean([ssim(a[..., c], b[..., c], peak) for c in range(a.shape[2])]))
    c1, c2 = (SSIM_K1 * peak) ** 2, (SSIM_K2 * peak) ** 2
    down, across = _window(a.shape[0]), _window(a.shape[1])
    total, count = 0.0, 0
    for x, y in _bands(a, b, len(down) - 1):
        mean_x, mean_y = _smooth(x, down, across), _smooth(y, down, across)
        means = mean_x * mean_y
        squared_means = mean_x**2 + mean_y**2
        variances = _smooth(x * x + y * y, down, across) - squared_means
        covariance = _smooth(x * y, down, across) - means
        similarity = (2 * means + c1) * (2 * covariance + c2) / ((squared_means + c1) * (variances + c2))
        total += float(similarity.sum())
        count += similarity.size
    return total / count
