"""What files make of noise, which they cut to black and white.

Where a picture is nearly black, noise is cut off on one side alone: it is brighter in the mean than it was, at black by
0.4 standard deviations, and the noise is weaker. Who has clean pictures learns to undo that; noisy ones alone know
nothing of it. So what is compared with them is not what a network restores, but what a file would hold of that in the
mean, and the network learns what there was before the cut.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from statistics import median
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from denoise_ae.training.data.samples import OwnNoise

_CELL = 8
"""Side in pixels of the squares whose means tell how near to black or white a place is."""

_NEAR = (0.1, 0.6)
"""Means of cells that noise is looked at in, in its standard deviations from black or white: where about half of it is
cut off, but not where there may be none, as on a black margin."""

_LOOKED_AT = 64
"""Pictures, at most, from all over the list."""

_FEWEST = 20
"""Such cells, at least: without them nothing was cut."""

_LEAST = 0.8
"""The noise there has at least so much of the variance that is left by a cut. Where it has less, it was weaker in dark
parts to begin with, as photons make it (0.35 to 0.65), and not cut."""


class _MeanOfCut(torch.autograd.Function):
    """The mean of clip(picture + noise, 0, 1); its slope is the share of the noise that is not cut off.

    By hand and in place, since it runs in each step: 7 ms on a core for 16 pictures of 128 pixels, of 64 in all.
    """

    @staticmethod
    def forward(ctx: Any, picture: Tensor, level: Tensor) -> Tensor:  # noqa: ANN401 - torch's own context
        ctx.save_for_backward(picture, level)
        above = picture / level
        over = above - 1 / level
        # gelu(x) is x times the normal distribution's share below x.
        mean = functional.gelu(above).sub_(functional.gelu(over))
        bells = above.square_().mul_(-0.5).exp_().sub_(over.square_().mul_(-0.5).exp_())
        return mean.add_(bells, alpha=1 / math.sqrt(2 * math.pi)).mul_(level)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:  # noqa: ANN401
        picture, level = ctx.saved_tensors
        above = picture / (math.sqrt(2) * level)
        over = above - 1 / (math.sqrt(2) * level)
        return above.erf_().sub_(over.erf_()).mul_(0.5).mul_(gradients[0]), None


def mean_of_cut(picture: Tensor, level: Tensor) -> Tensor:
    """Return what is found in the mean where white noise on a picture is cut to [0, 1].

    Args:
        picture: NxCxHxW.
        level: the noise's standard deviation, Nx1x1x1, 0 to 1; it learns nothing.
    """
    found: Tensor = _MeanOfCut.apply(picture.float(), level.clamp_min(1e-4))  # type: ignore[no-untyped-call]
    return found


def as_stored(restore: Callable[[Tensor, Tensor], Tensor], own: OwnNoise) -> Callable[[Tensor, Tensor], Tensor]:
    """Return what restores pictures to what files would hold of them in the mean.

    Args:
        restore: runs a network on pictures, as many as there are in `own` or a multiple, and what it is told of them.
        own: the pictures' noise; where that was not cut, `restore` is given back.
    """
    if not own.cut:
        return restore

    def stored(pictures: Tensor, told: Tensor) -> Tensor:
        return mean_of_cut(restore(pictures, told), own.level.repeat(len(pictures) // len(own.level), 1, 1, 1))

    return stored


def left_of(noisy: Tensor, own: OwnNoise) -> Tensor:
    """Return the standard deviation of noise at each pixel: of pictures NxCxHxW, 0 to 1, what a cut left of it."""
    if not own.cut:
        return own.deviation
    mean = functional.interpolate(functional.avg_pool2d(noisy, _CELL), noisy.shape[2:], mode="bilinear")
    far = torch.minimum(mean, 1 - mean) / own.level.clamp_min(1e-4)
    deviation: Tensor = own.deviation * _variance_left(far.clamp_min(0), torch).sqrt()
    return deviation


def is_cut(pictures: Sequence[np.ndarray], levels: Sequence[float]) -> bool:
    """Tell whether pictures' noise, as strong in all of them, was cut to black and white.

    Args:
        pictures: uint8 HxWx3.
        levels: the standard deviation of their noise, 0 to 1.
    """
    apart = slice(None, None, max(1, math.ceil(len(pictures) / _LOOKED_AT)))
    chosen = zip(pictures[apart], levels[apart], strict=True)
    shares = [share for picture, level in chosen for share in _shares_left(picture, level)]
    return len(shares) >= _FEWEST and median(shares) >= _LEAST


def _shares_left(picture: np.ndarray, level: float) -> Iterator[float]:
    """Yield the variance of each cell near black or white, as a multiple of what a cut leaves."""
    height, width = (length // _CELL * _CELL for length in picture.shape[:2])
    cells = picture[:height, :width].reshape(height // _CELL, _CELL, width // _CELL, _CELL, picture.shape[2])
    mean = cells.mean(axis=(1, 3), dtype=np.float32) / 255
    far = np.minimum(mean, 1 - mean) / max(level, 1e-4)
    rows, columns, channels = np.nonzero((far > _NEAR[0]) & (far < _NEAR[1]))
    variance = cells[rows, :, columns, :, channels].var(axis=(1, 2)) / 255**2
    yield from (variance / (level**2 * _variance_left(far[rows, columns, channels], np))).tolist()


def _variance_left(far: Any, library: Any) -> Any:  # noqa: ANN401 - arrays or tensors
    """Return what share of white noise's variance a cut leaves, to 0.02, by the mean of what it leaves.

    Args:
        far: that mean, in the noise's standard deviations before the cut, from the nearer of black and white.
        library: numpy, or torch for its tensors.
    """
    return 1 - library.exp(far * (-0.9 - 0.35 * far))
