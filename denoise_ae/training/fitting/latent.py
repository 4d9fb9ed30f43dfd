"""What a network's latent code is like, to be drawn after an epoch."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from denoise_ae.training.data.corruption import mix_seed
from denoise_ae.training.networks.autoencoder import Autoencoder

MAPPED = 1000
"""Validation pictures whose codes are drawn as a map."""

WALKS, WALK_STEPS = 4, 8
"""Pairs of validation pictures that are joined by walks, and steps of a walk, its ends included."""

DRAWN = 64
"""New pictures that are drawn from a variational network."""


@dataclass(frozen=True)
class CodeSamples:
    """What a network's latent code is like."""

    codes: Tensor
    """Of the first clean validation pictures, float N x latent."""
    walks: Tensor
    """What lies between validation pictures, float W x steps x C x H x W: from the first to the second, and so on."""
    drawn: Tensor | None
    """New pictures, float N x C x H x W, of networks that can draw such."""


def look_at_codes(network: Autoencoder, codes: Tensor, seed: int) -> CodeSamples:
    """Walk from one picture's code to another's, and draw new ones where the network can.

    Args:
        network: has a latent code.
        codes: of some pictures, float N x latent.
        seed: the same draws the same new pictures' codes.
    """
    ends = codes[1 : 2 * WALKS : 2]
    starts = codes[0 : 2 * len(ends) : 2]
    walks = [network.decode(torch.lerp(starts, ends, step / (WALK_STEPS - 1))) for step in range(WALK_STEPS)]
    drawn = None
    if network.variational:
        draws = torch.Generator().manual_seed(mix_seed(seed, 6))
        drawn = network.decode(torch.randn(DRAWN, network.latent, generator=draws).to(codes.device))
    return CodeSamples(_seen(codes), _seen(torch.stack(walks, 1)).clip(0, 1), None if drawn is None else _seen(drawn))


def _seen(tensor: Tensor) -> Tensor:
    """Bring numbers, which may have 16 bits, to where they are drawn."""
    return tensor.float().cpu()
