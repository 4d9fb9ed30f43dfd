"""Sample a network's latent code after an epoch, for the run's pictures."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from denoise_ae.training.data.corruption import mix_seed
from denoise_ae.training.networks.autoencoder import Autoencoder

MAPPED = 1000
"""Validation pictures in the map of codes."""

WALKS, WALK_STEPS = 4, 8
"""Number of interpolations between pairs of validation pictures, and steps of each, ends included."""

DRAWN = 64
"""New pictures sampled from a variational network."""


@dataclass(frozen=True)
class CodeSamples:
    """Samples of a network's latent code."""

    codes: Tensor
    """Codes of the first clean validation pictures, float N x latent."""
    walks: Tensor
    """Interpolations, float W x steps x C x H x W: from the first picture to the second, and so on."""
    drawn: Tensor | None
    """New pictures, float N x C x H x W, from variational networks."""


def look_at_codes(network: Autoencoder, codes: Tensor, seed: int) -> CodeSamples:
    """Interpolate between pictures' codes, and sample new pictures if the network is variational.

    Args:
        network: has a latent code.
        codes: of some pictures, float N x latent.
        seed: draws the codes of new pictures.
    """
    ends = codes[1 : 2 * WALKS : 2]
    starts = codes[0 : 2 * len(ends) : 2]
    walks = [network.decode(torch.lerp(starts, ends, step / (WALK_STEPS - 1))) for step in range(WALK_STEPS)]
    drawn = None
    if network.variational:
        draws = torch.Generator().manual_seed(mix_seed(seed, 6))
        drawn = network.decode(torch.randn(DRAWN, network.latent, generator=draws).to(codes.device))
    walked = _to_cpu(torch.stack(walks, 1)).clip(0, 1)
    return CodeSamples(_to_cpu(codes), walked, None if drawn is None else _to_cpu(drawn))


def _to_cpu(tensor: Tensor) -> Tensor:
    """Move a tensor, maybe of 16 bits, to the CPU as float32."""
    return tensor.float().cpu()
