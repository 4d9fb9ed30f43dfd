"""Self-supervised loss: neighbouring pixels share the picture, but not the noise (Neighbor2Neighbor).

Huang, Li, Jia, Lu and Liu, "Neighbor2Neighbor: Self-supervised denoising from single noisy images", CVPR 2021: two
neighbours are drawn from each cell of 2x2 pixels, which gives two half-size pictures. The network learns to predict
one from the other; since it can't know the other's noise, it predicts what both share, the picture. A second term
corrects for neighbours that differ even without noise: the restored whole picture, sub-sampled in the same way, shows
by how much.

The noise must be independent from pixel to pixel. Otherwise pictures are refused, or split first so that neighbours
lie further apart, see `denoise_ae.training.data.noisy_photos.separate`.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

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
    restore: Callable[[Tensor, Tensor], Tensor], noisy: Tensor, sigma_input: Tensor, gamma: float, seed: int
) -> Tensor:
    """Return Neighbor2Neighbor's loss.

    Args:
        restore: runs the network on pictures and a noise level input.
        noisy: NxCxHxW, 0 to 1; height and width are multiples of twice the network's size multiple.
        sigma_input: noise level input, Nx1x1x1.
        gamma: weight of the second term; 0 leaves it out, as validation does.
        seed: draws the neighbours.
    """
    first, second = neighbours(noisy, seed)
    difference = restore(first, sigma_input) - second
    loss: Tensor = difference.square().mean()
    if gamma:
        with torch.no_grad():
            whole = restore(noisy, sigma_input)
        here, there = neighbours(whole, seed)
        loss = loss + gamma * (difference - (here - there)).square().mean()
    return loss
