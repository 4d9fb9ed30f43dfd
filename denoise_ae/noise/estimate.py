"""Estimate the standard deviation of white noise in a picture."""

from __future__ import annotations

import math

import numpy as np

from denoise_ae.noise.corruptions import Array

_PATCH_SIDES = (8, 4)
"""Sides of the patches, largest first; small pictures use the smaller one."""

MOST_PATCHES = 20_000
"""So many are looked at if nothing else is asked for."""

_FLATTEST = 0.25
"""Share of the patches that are used: those with the least structure."""

_THIRDS = 3

_PATCHES_A_DIMENSION = 4
"""With fewer patches per dimension the covariance is too rough to separate noise from structure."""


def estimate_sigma(image: Array, patches: int = MOST_PATCHES) -> float:
    """Estimate the standard deviation of white noise from the picture alone.

    In some directions of the patches' covariance a picture has nothing but noise (Chen, Zhu and Heng, "An efficient
    statistical method for image noise level estimation", ICCV 2015). The patches with the least structure are used
    (Liu, Tanaka and Okutomi, IEEE TIP 22, 2013). Structure is judged in the coarse Haar band (2x2 means), noise is
    measured in the fine bands: white noise is independent between them, so that the choice does not bias the
    measurement. The Marchenko-Pastur law says how far the eigenvalues of pure noise spread, and so which of them are
    noise. Patches that touch black or white are skipped if enough others are left, since clipping reduces their noise.

    Spatially correlated noise, as in camera JPEGs, is underestimated.

    Args:
        image: HxW or HxWxC, float with black at 0 and white at 1 (numpy only).
        patches: most patches to look at.

    Returns:
        Standard deviation on the picture's scale; 0 for pictures of a few pixels, or of one colour.
    """
    sample, least, _ = _patches_of(image, patches)
    return _sigma_of(sample, least) if least else 0.0


def estimate_largest_sigma(image: Array, patches: int = MOST_PATCHES) -> float:
    """Estimate the standard deviation of white noise where it is strongest: in the dark, the middle or the bright.

    A sensor's noise grows with the light, and `estimate_sigma` goes by the flattest patches, which are often dark ones.

    Args:
        image: as for `estimate_sigma`.
        patches: most patches to look at.

    Returns:
        The largest estimate of the whole picture and of each third of its patches by brightness, on the picture's
        scale.
    """
    sample, least, there = _patches_of(image, patches)
    if not least:
        return 0.0
    whole = _sigma_of(sample, least)
    if sample.shape[-1] < _PATCH_SIDES[0] or there < _THIRDS * least:
        return whole
    by_brightness = np.array_split(np.argsort(sample.mean(axis=(1, 2, 3))), _THIRDS)
    return max(whole, *(_sigma_of(sample[part], least) for part in by_brightness))


def _patches_of(image: Array, most: int) -> tuple[Array, int, int]:
    """Return a sample of the largest patches that suffice, how few do, and how many there are; no few, if none do."""
    image = np.asarray(image)
    image = image[..., None] if image.ndim == 2 else image
    height, width, channels = image.shape
    for side in _PATCH_SIDES:
        least = _PATCHES_A_DIMENSION * channels * side * side * 3 // 4
        there = (height - side + 1) * (width - side + 1)
        if min(height, width) >= side and there >= least:
            return _sample_patches(image, side, least, most), least, there
    return np.empty((0, channels, 0, 0)), 0, 0


def _sigma_of(sample: Array, least: int) -> float:
    """Estimate the noise of patches, N x C x side x side, from the flattest of them, `least` or more."""
    structure = _coarse(sample).var(axis=(2, 3)).sum(axis=1)
    flattest = sample[np.argsort(structure)[: max(int(len(sample) * _FLATTEST), least)]]
    return math.sqrt(_noise_variance(_fine(flattest).reshape(len(flattest), -1)))


def _sample_patches(image: Array, side: int, least: int, most: int) -> Array:
    """Return patches spread evenly over the picture, float64 N x C x side x side."""
    windows = np.lib.stride_tricks.sliding_window_view(image, (side, side), axis=(0, 1))
    rows, columns = windows.shape[:2]
    step = max(1, math.ceil(math.sqrt(rows * columns / most)))
    patches = windows[::step, ::step].reshape(-1, image.shape[2], side, side)
    unclipped = patches[((patches != 0) & (patches != 1)).all(axis=(1, 2, 3))]
    return (unclipped if len(unclipped) >= least else patches).astype(np.float64)


def _coarse(patches: Array) -> Array:
    """Return the coarse band of one orthonormal Haar step."""
    a, b, c, d = _corners(patches)
    return (a + b + c + d) / 2


def _fine(patches: Array) -> Array:
    """Return the three fine bands of one orthonormal Haar step, stacked."""
    a, b, c, d = _corners(patches)
    return np.stack((a - b + c - d, a + b - c - d, a - b - c + d), axis=2) / 2


def _corners(patches: Array) -> tuple[Array, Array, Array, Array]:
    upper, lower = patches[..., ::2, :], patches[..., 1::2, :]
    return upper[..., ::2], upper[..., 1::2], lower[..., ::2], lower[..., 1::2]


def _noise_variance(rows: Array) -> float:
    """Return the mean of those smallest eigenvalues of the rows' covariance that noise alone explains.

    n rows of white noise in i dimensions have eigenvalues within variance * (1 +- sqrt(i/n))^2 (Marchenko and Pastur
    1967); the set of noise eigenvalues grows from the smallest for as long as it stays within that.
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
