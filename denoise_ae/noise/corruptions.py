"""Corruptions: pure functions of a picture, a noise level and a source of random numbers.

One definition serves the command line (numpy) and training (torch, on its device): a corruption uses only
arithmetic, comparison and ``clip``, which both kinds of array share, and takes its random numbers from a
`RandomSource`. `NumpySource` is defined here, its counterpart for torch in `denoise_ae.training.data.corruption`.

Pictures are float, 0 (black) to 1 (white). Each type of noise has its own unit of level:

============ =========================================================== =============
type         level                                                       range
============ =========================================================== =============
gaussian     standard deviation, in 8-bit steps                          0 to 255
uniform      half the width of the interval, in 8-bit steps              0 to 255
poisson      photons that a white pixel collects (more is less noise)    1 to 1e6
speckle      standard deviation of the multiplier                        0 to 10
salt-pepper  fraction of pixels that turn black or white                 0 to 1
mask         fraction of pixels that turn black                          0 to 1
strokes      the same, under strokes (`denoise_ae.noise.damage`)         0 to 0.5
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
"""A numpy array or a torch tensor; functions return the kind they are given."""


class RandomSource(Protocol):
    """Random numbers for corruptions, and whatever else differs between numpy and torch."""

    def normal(self, like: Array) -> Array:
        """Standard normal numbers with the shape, type and device of `like`."""

    def uniform(self, like: Array) -> Array:
        """Uniform numbers on [0, 1) with the shape, type and device of `like`."""

    def poisson(self, rate: Array) -> Array:
        """Poisson counts, as floats, with the given rates (all >= 0)."""

    def pixel_uniform(self, like: Array) -> Array:
        """As `uniform`, but one number per pixel, shared by the channels (broadcast against `like`)."""

    def drawn(self, like: Array, kind: str, share: Array) -> Array:
        """Draw one of `denoise_ae.noise.damage.KINDS`: 1 where covered, else 0, as `pixel_uniform`."""

    def jpeg(self, image: Array, quality: Array) -> Array:
        """Encode each picture as JPEG at its quality and decode it again."""

    def camera(self, image: Array, electrons: Array) -> Array:
        """Take each picture with a camera drawn at random, see `denoise_ae.noise.camera`."""


class NumpySource:
    """Random numbers from a numpy Generator, for pictures HxW or HxWxC.

    Args:
        seed: an int, or a Generator to continue with.
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
        """Uniform numbers, one per pixel: HxW, or HxWx1 for an image with channels."""
        shape = like.shape if like.ndim == 2 else (*like.shape[:2], 1)
        return self._generator.random(shape, dtype=np.float32)

    def drawn(self, like: Array, kind: str, share: Array) -> Array:
        """Draw damage: float32 HxW, or HxWx1 for an image with channels."""
        from denoise_ae.noise.damage import draw_mask

        mask = draw_mask(kind, like.shape[0], like.shape[1], float(share), self._generator).astype(np.float32)
        return mask if like.ndim == 2 else mask[..., None]

    def jpeg(self, image: Array, quality: Array) -> Array:
        """Encode an HxW or HxWx3 picture as JPEG and decode it again."""
        from denoise_ae.pixels.filters import jpeg_round_trip

        eight_bit = np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)
        return jpeg_round_trip(eight_bit, int(quality)).astype(np.float32) / 255

    def camera(self, image: Array, electrons: Array) -> Array:
        """Take an HxW, HxWx1 or HxWx3 picture with a camera drawn at random."""
        from denoise_ae.noise.camera import draw_camera, shoot

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
    # One draw decides both whether a pixel is hit and how: pepper below level / 2, salt below level.
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
"""Names of the types of noise."""

MASKING_NOISE_TYPES: tuple[str, ...] = ("mask", "strokes", "spots", "text")
"""Those that black out some pixels and leave the others unchanged."""


def check_level(noise_type: str, level: float) -> None:
    """Check that a type of noise exists and that its level is in range.

    Raises:
        UsageError: the type is unknown, or the level is not a number in its range.
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
        level: in the type's unit (see the module); torch also takes one level per picture, shaped Nx1x1x1.
            Not checked here, see `check_level`.
        source: of the random numbers.
        clip: clip the result to [0, 1], as a camera or a file does.

    Returns:
        A new array of the same shape; the input is unchanged.
    """
    noisy = _CORRUPTIONS[noise_type][0](image, level, source)
    return noisy.clip(0, 1) if clip else noisy
