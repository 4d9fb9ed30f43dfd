"""Corruptions, as pure functions of a picture, a level and a source of randomness; and the noise-level estimate.

One definition serves the command line (numpy) and training (torch, on its device): a corruption uses only
arithmetic, comparison and ``clip``, which both array kinds share, and takes its random numbers from a
`RandomSource`. `NumpySource` lives here, the torch twin in ``denoise_ae.training``.

Pictures are float, 0 (black) to 1 (white). Each type of noise has its own unit of level:

============ =========================================================== =============
type         level                                                       range
============ =========================================================== =============
gaussian     standard deviation, in 8-bit steps                          0 to 255
uniform      half the width of the interval, in 8-bit steps              0 to 255
poisson      photons that a white pixel collects (more is less noise)    1 to 1e6
speckle      standard deviation of the multiplier                        0 to 10
salt-pepper  fraction of pixels that turn black or white                 0 to 1
mask         fraction of pixels that are lost (turn black)               0 to 1
strokes      the same, lost under strokes (`denoise_ae.masks`)           0 to 0.5
spots        the same, under spots                                       0 to 0.5
text         the same, under text                                        0 to 0.5
jpeg         JPEG quality                                                1 to 100
camera       electrons that a white pixel collects (more is less noise)  10 to 1e6
============ =========================================================== =============
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Protocol, TypeAlias

import numpy as np

from denoise_ae.errors import UsageError

Array: TypeAlias = Any
"""A numpy array or a torch tensor; a function gives back the kind it was given."""


class RandomSource(Protocol):
    """Where a corruption takes its random numbers from, and what else differs between numpy and torch."""

    def normal(self, like: Array) -> Array:
        """Standard normal numbers in the shape, type and place of `like`."""

    def uniform(self, like: Array) -> Array:
        """Numbers from the uniform distribution on [0, 1) in the shape, type and place of `like`."""

    def poisson(self, rate: Array) -> Array:
        """Poisson counts, as floats, with the given rates (all >= 0)."""

    def pixel_uniform(self, like: Array) -> Array:
        """As `uniform`, but one number a pixel, that the channels share (broadcast against `like`)."""

    def drawn(self, like: Array, kind: str, share: Array) -> Array:
        """Draw one of `denoise_ae.masks.KINDS`: 1 where a pixel is lost, else 0, in the shape of `pixel_uniform`."""

    def jpeg(self, image: Array, quality: Array) -> Array:
        """Encode each picture as JPEG at its quality and decode it again."""

    def camera(self, image: Array, electrons: Array) -> Array:
        """Take each picture with a camera drawn at random, see `denoise_ae.camera`."""


class NumpySource:
    """Random numbers from a numpy Generator, for pictures HxW or HxWxC.

    Args:
        seed: an int, or a Generator to go on with.
    """

    def __init__(self, seed: int | np.random.Generator) -> None:
        self._generator = np.random.default_rng(seed)

    def normal(self, like: Array) -> Array:
        """Standard normal numbers, float32, shaped as `like`."""
        return self._generator.standard_normal(like.shape, dtype=np.float32)

    def uniform(self, like: Array) -> Array:
        """Uniform numbers on [0, 1), float32, shaped as `like`."""
        return self._generator.random(like.shape, dtype=np.float32)

    def poisson(self, rate: Array) -> Array:
        """Poisson counts as float32."""
        return np.asarray(self._generator.poisson(rate), np.float32)

    def pixel_uniform(self, like: Array) -> Array:
        """Uniform numbers, one a pixel: HxW, or HxWx1 where there are channels."""
        shape = like.shape if like.ndim == 2 else (*like.shape[:2], 1)
        return self._generator.random(shape, dtype=np.float32)

    def drawn(self, like: Array, kind: str, share: Array) -> Array:
        """Draw damage: HxW, or HxWx1 where there are channels, float32."""
        from denoise_ae.masks import draw_mask

        lost = draw_mask(kind, like.shape[0], like.shape[1], float(share), self._generator).astype(np.float32)
        return lost if like.ndim == 2 else lost[..., None]

    def jpeg(self, image: Array, quality: Array) -> Array:
        """Send an HxW or HxWx3 picture through JPEG."""
        from denoise_ae.pixels.filters import jpeg_round_trip

        eight_bit = np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)
        return jpeg_round_trip(eight_bit, int(quality)).astype(np.float32) / 255

    def camera(self, image: Array, electrons: Array) -> Array:
        """Take an HxW, HxWx1 or HxWx3 picture with a camera drawn at random."""
        from denoise_ae.camera import draw_camera, shoot

        image = np.asarray(image, np.float32).clip(0, 1)
        colour = np.ascontiguousarray(np.broadcast_to(image.reshape(*image.shape[:2], -1), (*image.shape[:2], 3)))
        noisy = shoot(colour, draw_camera(float(electrons), self._generator), self._generator)
        return noisy if image.shape == noisy.shape else noisy[..., 0].reshape(image.shape)


def _gaussian(image: Array, level: Array, source: RandomSource) -> Array:
    return image + source.normal(image) * (level / 255)


def _uniform(image: Array, level: Array, source: RandomSource) -> Array:
    return image + (source.uniform(image) * 2 - 1) * (level / 255)


def _poisson(image: Array, level: Array, source: RandomSource) -> Array:
    return source.poisson(image.clip(0, 1) * level) / level


def _speckle(image: Array, level: Array, source: RandomSource) -> Array:
    return image * (1 + source.normal(image) * level)


def _salt_pepper(image: Array, level: Array, source: RandomSource) -> Array:
    # One draw decides both whether a pixel is hit and which way: below level/2 pepper, below level salt.
    draw = source.pixel_uniform(image)
    hit, pepper = draw < level, draw < level / 2
    salt = hit ^ pepper
    return image * ~hit + (image * 0 + 1) * salt


def _mask(image: Array, level: Array, source: RandomSource) -> Array:
    return image * (source.pixel_uniform(image) >= level)


def _strokes(image: Array, level: Array, source: RandomSource) -> Array:
    return image * (1 - source.drawn(image, "strokes", level))


def _spots(image: Array, level: Array, source: RandomSource) -> Array:
    return image * (1 - source.drawn(image, "spots", level))


def _text(image: Array, level: Array, source: RandomSource) -> Array:
    return image * (1 - source.drawn(image, "text", level))


def _jpeg(image: Array, level: Array, source: RandomSource) -> Array:
    return source.jpeg(image, level)


def _camera(image: Array, level: Array, source: RandomSource) -> Array:
    return source.camera(image, level)


_CORRUPTIONS: dict[str, tuple[Callable[[Array, Array, RandomSource], Array], float, float]] = {
    "gaussian": (_gaussian, 0, 255),
    "poisson": (_poisson, 1, 1e6),
    "salt-pepper": (_salt_pepper, 0, 1),
    "speckle": (_speckle, 0, 10),
    "uniform": (_uniform, 0, 255),
    "jpeg": (_jpeg, 1, 100),
    "mask": (_mask, 0, 1),
    "camera": (_camera, 10, 1e6),
    "strokes": (_strokes, 0, 0.5),
    "spots": (_spots, 0, 0.5),
    "text": (_text, 0, 0.5),
}

NOISE_TYPES: tuple[str, ...] = tuple(_CORRUPTIONS)
"""Names of the corruptions."""

LOSSES: tuple[str, ...] = ("mask", "strokes", "spots", "text")
"""Those that lose some pixels altogether, and leave the others as they are."""


def check_level(noise_type: str, level: float) -> None:
    """Check that a type of noise exists and that its level is in range.

    Raises:
        UsageError: an unknown type, or a level that is not a number in the type's range.
    """
    if noise_type not in _CORRUPTIONS:
        raise UsageError(f"unknown type of noise: {noise_type}", f"choose one of {', '.join(NOISE_TYPES)}")
    _, lowest, highest = _CORRUPTIONS[noise_type]
    if not (math.isfinite(level) and lowest <= level <= highest):
        raise UsageError(f"a {noise_type} level of {level:g} is out of range", f"give {lowest:g} to {highest:g}")


def corrupt(image: Array, noise_type: str, level: Array, source: RandomSource, *, clip: bool = False) -> Array:
    """Add one type of noise.

    Args:
        image: float, 0 to 1. numpy: HxW or HxWxC; torch: NxCxHxW.
        noise_type: one of `NOISE_TYPES`.
        level: in the type's unit (see the module); torch also takes one level for each picture, shaped Nx1x1x1.
            It is not checked here, see `check_level`.
        source: where the random numbers come from.
        clip: cut the result to [0, 1], as a camera or a file does.

    Returns:
        A new array of the same shape; the input is untouched.
    """
    noisy = _CORRUPTIONS[noise_type][0](image, level, source)
    return noisy.clip(0, 1) if clip else noisy


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
