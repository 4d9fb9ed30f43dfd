"""Estimate the standard deviation of white noise in a picture."""

from __future__ import annotations

import math

import numpy as np

from denoise_ae.noise.corruptions import Array

_PATCH_SIDES = (8, 4)
"""Sides of the estimate's patches, largest first; small pictures take the smaller one."""


_MOST_PATCHES = 20_000


_FLATTEST = 0.25
"""Share of the patches that the estimate looks at: those with the least structure."""


_PATCHES_A_DIMENSION = 4
"""Fewer patches for each dimension make the covariance too rough to tell noise from structure."""


def estimate_sigma(image: Array) -> float:
    """Estimate the standard deviation of white noise from the picture alone.

    Pictures leave some directions of their patches' covariance empty but for noise (Chen, Zhu and Heng, "An efficient
    statistical method for image noise level estimation", ICCV 2015). The patches are those with the least structure
    (Liu, Tanaka and Okutomi, IEEE TIP 22, 2013), judged by their coarse half (2x2 means), while the noise is measured
    in the fine half: white noise is independent in the two, so that the choice does not bias the measure. Which
    eigenvalues are noise is told by the Marchenko-Pastur law: how far those of pure noise spread. Patches that touch
    black or white are passed over where enough others are left, since clipping has cut their noise.

    Noise that is correlated between neighbouring pixels, as in camera JPEGs, is under-estimated.

    Args:
        image: HxW or HxWxC, float with black at 0 and white at 1 (numpy only).

    Returns:
        Standard deviation on the scale of the picture; 0 for pictures of a few pixels, or of one colour.
    """
    image = np.asarray(image)
    image = image[..., None] if image.ndim == 2 else image
    height, width, channels = image.shape
    for side in _PATCH_SIDES:
        least = _PATCHES_A_DIMENSION * channels * side * side * 3 // 4
        if min(height, width) >= side and (height - side + 1) * (width - side + 1) >= least:
            patches = _sample_patches(image, side, least)
            structure = _coarse(patches).var(axis=(2, 3)).sum(axis=1)
            flattest = patches[np.argsort(structure)[: max(int(len(patches) * _FLATTEST), least)]]
            return math.sqrt(_noise_variance(_fine(flattest).reshape(len(flattest), -1)))
    return 0.0


def _sample_patches(image: Array, side: int, least: int) -> Array:
    """Return patches spread evenly over the picture, float64 N x C x side x side."""
    windows = np.lib.stride_tricks.sliding_window_view(image, (side, side), axis=(0, 1))
    rows, columns = windows.shape[:2]
    step = max(1, math.ceil(math.sqrt(rows * columns / _MOST_PATCHES)))
    patches = windows[::step, ::step].reshape(-1, image.shape[2], side, side)
    unclipped = patches[((patches != 0) & (patches != 1)).all(axis=(1, 2, 3))]
    return (unclipped if len(unclipped) >= least else patches).astype(np.float64)


def _coarse(patches: Array) -> Array:
    """Return the coarse quarter of one orthonormal Haar step."""
    a, b, c, d = _corners(patches)
    return (a + b + c + d) / 2


def _fine(patches: Array) -> Array:
    """Return the fine three quarters of one orthonormal Haar step, stacked."""
    a, b, c, d = _corners(patches)
    return np.stack((a - b + c - d, a + b - c - d, a - b - c + d), axis=2) / 2


def _corners(patches: Array) -> tuple[Array, Array, Array, Array]:
    upper, lower = patches[..., ::2, :], patches[..., 1::2, :]
    return upper[..., ::2], upper[..., 1::2], lower[..., ::2], lower[..., 1::2]


def _noise_variance(rows: Array) -> float:
    """Return the mean of the smallest eigenvalues of rows' covariance that noise alone would spread over.

    n rows of white noise in i dimensions have eigenvalues within variance * (1 +- sqrt(i/n))^2 (Marchenko and Pastur
    1967); the noise's set grows from the smallest while it keeps within that.
    """
    count = len(rows)
    values = np.linalg.eigvalsh(rows.T @ rows / count).clip(0)
    size = 1
    while size < len(values):
        spread = math.sqrt((size + 1) / count)
        if spread >= 1 or values[size] > values[0] * ((1 + spread) / (1 - spread)) ** 2:
            break
        size += 1
    return float(values[:size].mean())
