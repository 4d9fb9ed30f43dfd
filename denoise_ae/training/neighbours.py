"""Learning from noisy pictures alone: two neighbouring pixels have the same picture in them and different noise.

Neighbor2Neighbor (Huang, Li, Jia, Lu and Liu, "Neighbor2Neighbor: Self-supervised denoising from single noisy images",
CVPR 2021): of each cell of 2x2 pixels two neighbours are drawn, which makes two half-size pictures. The network turns
one into the other; since it can't know the other's noise, it gives back what both share, the picture. That neighbours
differ a little also where there is no noise is made up for by a second term: what the network makes of the whole noisy
picture, sub-sampled likewise, tells how much.

It takes noise that is independent from pixel to pixel. Where it is not, pictures are refused, or cut up first so that
neighbours lie further apart, see `separate`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import fmean

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from denoise_ae.errors import TrainingError
from denoise_ae.noise.correlation import FARTHEST, noise_correlation
from denoise_ae.noise.estimate import estimate_sigma

LARGEST_CORRELATION = 0.1
"""Of noise that counts as independent: what it does to the loss is lost beside the noise itself."""

ALIKE = 1.1
"""How far apart the levels of the middle half of the pictures may be, as a ratio, to count as the same."""

JUDGED_SIDE = 192
"""Side in pixels of the part of a picture whose noise level is estimated."""

_PAIRS = torch.tensor([(0, 1), (1, 0), (0, 2), (2, 0), (1, 3), (3, 1), (2, 3), (3, 2)])
"""Two neighbours in a cell of 2x2 pixels, which are numbered row by row."""


def neighbours(picture: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    """Draw two neighbours from each cell of 2x2 pixels.

    Args:
        picture: NxCxHxW, height and width even.
        seed: the same gives the same places, whatever the pictures.

    Returns:
        Two pictures NxCx(H/2)x(W/2).
    """
    n, channels, height, width = picture.shape
    cells = functional.pixel_unshuffle(picture, 2).view(n, channels, 4, height // 2, width // 2)
    draws = torch.Generator().manual_seed(seed)
    chosen = torch.randint(len(_PAIRS), (n, height // 2, width // 2), generator=draws)
    places = _PAIRS[chosen].to(picture.device)
    first, second = (
        cells.gather(2, places[..., i][:, None, None].expand(-1, channels, 1, -1, -1)).squeeze(2) for i in (0, 1)
    )
    return first, second


def neighbour_loss(
    restore: Callable[[Tensor, Tensor], Tensor], noisy: Tensor, told: Tensor, gamma: float, seed: int
) -> Tensor:
    """Return Neighbor2Neighbor's loss.

    Args:
        restore: runs the network that is trained on pictures and on what it is told of their noise.
        noisy: NxCxHxW, 0 to 1; height and width are multiples of twice the network's size multiple.
        told: what the network is told of the noise, Nx1x1x1.
        gamma: weight of the second term; 0 leaves it out, as validation does.
        seed: of the drawn neighbours.
    """
    first, second = neighbours(noisy, seed)
    difference = restore(first, told) - second
    loss: Tensor = difference.square().mean()
    if gamma:
        with torch.no_grad():
            whole = restore(noisy, told)
        here, there = neighbours(whole, seed)
        loss = loss + gamma * (difference - (here - there)).square().mean()
    return loss


def separate(picture: np.ndarray, stride: int) -> list[np.ndarray]:
    """Cut a picture HxWxC up into stride² ones whose neighbours were so many pixels apart.

    Pixel-shuffle down-sampling (Zhou et al., AAAI 2020), which AP-BSN trains on (Lee, Son and Lee, CVPR 2022).
    """
    height, width = (length // stride * stride for length in picture.shape[:2])
    cut = picture[:height, :width]
    return [np.ascontiguousarray(cut[y::stride, x::stride]) for y in range(stride) for x in range(stride)]


def check_independent(pictures: Sequence[np.ndarray]) -> None:
    """Check that the noise of pictures is as good as independent from pixel to pixel.

    Cut up so that it is, they lose the detail that a network is to learn: trained on the files of CC15 at a stride of
    3, `photo` lost 2.2 dB on them (train/README.md). So that is left to who asks for it.

    Args:
        pictures: uint8 HxWx3.

    Raises:
        TrainingError: it is not; the message tells what was measured.
    """
    found = np.array([noise_correlation((picture / 255).astype(np.float32)) for picture in pictures])
    measured = found[np.isfinite(found).all(axis=1)]
    correlation = np.median(measured, axis=0) if len(measured) else np.zeros(FARTHEST + 1)
    if abs(correlation[1]) <= LARGEST_CORRELATION:
        return
    told = ", ".join(f"{value:.2f}" for value in correlation[1:])
    stride = next((d for d in range(2, FARTHEST + 1) if abs(correlation[d]) <= LARGEST_CORRELATION), 0)
    raise TrainingError(
        f"the pictures' noise hangs together and can't teach itself: at 1 to {FARTHEST} pixels it correlates by {told}",
        f"data.stride = {stride} in a recipe cuts the pictures up so far, which costs detail"
        if stride
        else "take pictures as the camera made them, not enlarged or smoothed",
    )


def told_levels(pictures: Sequence[np.ndarray]) -> list[float]:
    """Estimate the noise in the middle of each picture, uint8 HxWx3, as the network is told it: from 0 to 1.

    Where all are about as noisy, they count as equally so: texture makes estimates too high, and a network that is to
    take more noise from textured pictures than there is takes the texture.
    """
    levels = [_level((_middle(picture) / 255).astype(np.float32)) for picture in pictures]
    lower, upper = np.quantile(levels, (0.25, 0.75)).tolist()
    return [lower] * len(levels) if upper <= ALIKE * lower else levels


def _level(picture: np.ndarray) -> float:
    """Estimate the noise of each channel alone: that of a camera's channels is alike, which would hide it."""
    return math.sqrt(fmean(estimate_sigma(channel) ** 2 for channel in np.moveaxis(picture, -1, 0)))


def _middle(picture: np.ndarray) -> np.ndarray:
    top, left = (max(0, length - JUDGED_SIDE) // 2 for length in picture.shape[:2])
    return picture[top : top + JUDGED_SIDE, left : left + JUDGED_SIDE]
