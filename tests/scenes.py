"""A soft picture, and noise as cameras make it."""

import numpy as np

from denoise_ae.pixels.filters import blur


def scene(side=256):
    """Smooth, with edges, HxWx3, from dark to bright."""
    y, x = np.mgrid[:side, :side] / side
    waves = np.stack([np.sin(5 * x), np.cos(4 * y), np.sin(3 * (x + y))], axis=-1)
    return (0.1 + 0.7 * x[..., None] + 0.05 * waves + 0.05 * ((y * 4).astype(int) % 2)[..., None]).astype(np.float32)


def noise(seed, sigma, softened=0.0, shared=0.0, side=256):
    """Noise of standard deviation sigma in 8-bit steps, softened by a Gaussian, its channels partly the same."""
    rng = np.random.default_rng(seed)
    white = rng.normal(0, 1, (side, side, 3)) * np.sqrt(1 - shared) + rng.normal(0, 1, (side, side, 1)) * np.sqrt(
        shared
    )
    soft = blur(white.astype(np.float32), softened) if softened else white.astype(np.float32)
    return soft / soft.std() * sigma / 255
