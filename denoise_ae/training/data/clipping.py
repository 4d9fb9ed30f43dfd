"""Noise clipped to [0, 1] by the file format, and how to undo its bias.

Where a picture is nearly black, clipping removes one side of the noise only: the mean gets brighter, at black by 0.4
standard deviations, and the noise weaker. Clean targets teach a network to undo that; noisy ones can't. So in
self-supervised training the mean that the file would hold of a restored picture is compared with the noisy one, and
the network learns the picture before clipping.
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
"""Side in pixels of the squares whose means say how near to black or white a place is."""

_NEAR = (0.1, 0.6)
"""Distance of a cell's mean from black or white, in standard deviations of the noise, at which clipping is looked for:
where about half of the noise is clipped, but not where there may be none, as on a black margin."""

_LOOKED_AT = 64
"""Most pictures that are looked at, spread over the list."""

_FEWEST = 20
"""Fewest such cells for a verdict; below that nothing counts as clipped."""

_LEAST = 0.8
"""Smallest ratio of the variance found there to the one that clipping leaves. Where there is less, the noise was weaker
in dark parts to begin with, as shot noise is (0.35 to 0.65), and not clipped."""


class _ClippedMean(torch.autograd.Function):
    """The mean of clip(picture + noise, 0, 1); its slope is the share of the noise that is not clipped.

    Written by hand and in place, since it runs in each step: on one core, for 16 pictures of 128 pixels, 7 ms of 64.
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


def clipped_mean(picture: Tensor, level: Tensor) -> Tensor:
    """Return the mean of a picture with white noise after clipping to [0, 1].

    Args:
        picture: NxCxHxW.
        level: the noise's standard deviation, Nx1x1x1, 0 to 1; it gets no gradient.
    """
    found: Tensor = _ClippedMean.apply(picture.float(), level.clamp_min(1e-4))  # type: ignore[no-untyped-call]
    return found


def as_stored(restore: Callable[[Tensor, Tensor], Tensor], own: OwnNoise) -> Callable[[Tensor, Tensor], Tensor]:
    """Wrap a network so that it returns the mean that files would hold of the restored pictures.

    Args:
        restore: runs a network on pictures and their noise level input; the batch is that of `own`, or a multiple.
        own: the pictures' noise; where that was not clipped, `restore` itself is returned.
    """
    if not own.clipped:
        return restore

    def stored(pictures: Tensor, sigma_input: Tensor) -> Tensor:
        return clipped_mean(restore(pictures, sigma_input), own.level.repeat(len(pictures) // len(own.level), 1, 1, 1))

    return stored


def clipped_deviation(noisy: Tensor, own: OwnNoise) -> Tensor:
    """Return the noise's standard deviation at each pixel of pictures NxCxHxW, 0 to 1, after clipping."""
    if not own.clipped:
        return own.deviation
    mean = functional.interpolate(functional.avg_pool2d(noisy, _CELL), noisy.shape[2:], mode="bilinear")
    far = torch.minimum(mean, 1 - mean) / own.level.clamp_min(1e-4)
    deviation: Tensor = own.deviation * _variance_left(far.clamp_min(0), torch).sqrt()
    return deviation


def is_clipped(pictures: Sequence[np.ndarray], levels: Sequence[float]) -> bool:
    """Tell whether the noise of pictures was clipped to [0, 1].

    Args:
        pictures: uint8 HxWx3.
        levels: the standard deviation of their noise, 0 to 1.
    """
    apart = slice(None, None, max(1, math.ceil(len(pictures) / _LOOKED_AT)))
    chosen = zip(pictures[apart], levels[apart], strict=True)
    shares = [share for picture, level in chosen for share in _shares_left(picture, level)]
    return len(shares) >= _FEWEST and median(shares) >= _LEAST


def _shares_left(picture: np.ndarray, level: float) -> Iterator[float]:
    """Yield for each cell near black or white the ratio of its variance to the one that clipping leaves."""
    height, width = (length // _CELL * _CELL for length in picture.shape[:2])
    cells = picture[:height, :width].reshape(height // _CELL, _CELL, width // _CELL, _CELL, picture.shape[2])
    mean = cells.mean(axis=(1, 3), dtype=np.float32) / 255
    far = np.minimum(mean, 1 - mean) / max(level, 1e-4)
    rows, columns, channels = np.nonzero((far > _NEAR[0]) & (far < _NEAR[1]))
    variance = cells[rows, :, columns, :, channels].var(axis=(1, 2)) / 255**2
    yield from (variance / (level**2 * _variance_left(far[rows, columns, channels], np))).tolist()


def _variance_left(far: Any, library: Any) -> Any:  # noqa: ANN401 - arrays or tensors
    """Return the share of white noise's variance that clipping leaves, to 0.02.

    Args:
        far: distance of the clipped noise's mean from the nearer of black and white, in standard deviations before
            clipping.
        library: numpy, or torch for its tensors.
    """
    return 1 - library.exp(far * (-0.9 - 0.35 * far))
