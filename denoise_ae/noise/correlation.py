"""Spatial correlation of a picture's noise, measured from the picture alone.

Demosaicing, smoothing, scaling and JPEG correlate a camera's noise. Training on noisy pictures alone must know how far,
since it takes for picture whatever two neighbours share.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

FARTHEST = 5
"""Largest distance in pixels that is measured, the largest stride of AP-BSN (Lee, Son and Lee, CVPR 2022)."""

BLOCK = 16
"""Side in pixels of the blocks that noise is measured in. Larger ones hold more of the picture: with 32, CC15's noise
would seem correlated over twice the distance. In smaller ones coarse noise would pass for a slope."""

_FLATTEST = 0.1
"""Share of the blocks that are used: those with the least variance."""

_FEWEST = 8
"""Fewest blocks that are used."""


def noise_correlation(image: Floats) -> NDArray[np.float64]:
    """Measure the noise's autocorrelation at distances of 0, 1 ... `FARTHEST` pixels, along rows and columns.

    A plane is subtracted from each of the flattest blocks; the rest is taken for noise. Blocks that touch black or
    white are skipped if enough others are left.

    Args:
        image: HxW or HxWxC, 0 to 1.

    Returns:
        The mean over channels and both directions, starting with 1; all 0 if there is no noise at all, NaN if the
        picture is too small.
    """
    image = np.asarray(image, np.float32)
    image = image[..., None] if image.ndim == 2 else image
    blocks = _blocks(image)
    if not len(blocks):
        return np.full(FARTHEST + 1, np.nan)
    inside = blocks[((blocks > 0) & (blocks < 1)).all(axis=(1, 2))]
    blocks = inside if len(inside) >= _FEWEST else blocks
    rest = without_plane(blocks)
    count = min(len(rest), max(_FEWEST, int(_FLATTEST * len(rest))))
    flattest = rest[np.argsort(rest.var(axis=(1, 2)))[:count]]
    shared = []
    for distance in range(FARTHEST + 1):
        stop = BLOCK - distance
        along = (
            (flattest[:, :stop] * flattest[:, distance:]).mean(),
            (flattest[:, :, :stop] * flattest[:, :, distance:]).mean(),
        )
        shared.append(float(np.mean(along)))
    return np.array(shared) / shared[0] if shared[0] > 0 else np.zeros(FARTHEST + 1)


def _blocks(image: Floats) -> NDArray[np.float64]:
    """Split a picture into blocks of one channel each: N x side x side."""
    height, width = (length // BLOCK * BLOCK for length in image.shape[:2])
    if not height or not width:
        return np.empty((0, BLOCK, BLOCK))
    cut = image[:height, :width].reshape(height // BLOCK, BLOCK, width // BLOCK, BLOCK, -1)
    return np.asarray(cut.transpose(0, 2, 4, 1, 3).reshape(-1, BLOCK, BLOCK), np.float64)


def without_plane(blocks: NDArray[np.float64]) -> NDArray[np.float64]:
    """Subtract the mean and the slope of each block, N x side x side."""
    ramp = np.linspace(-1, 1, BLOCK)
    ramp /= np.linalg.norm(ramp) * np.sqrt(BLOCK)
    rest: NDArray[np.float64] = blocks - blocks.mean(axis=(1, 2), keepdims=True)
    for plane in (np.tile(ramp, (BLOCK, 1)), np.tile(ramp, (BLOCK, 1)).T):
        rest -= np.einsum("nij,ij->n", rest, plane)[:, None, None] * plane
    return rest
