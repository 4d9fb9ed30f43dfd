"""Self-supervised loss: restore pictures with noise added from pictures with noise subtracted (R2R).

Recorrupted-to-recorrupted (Pang, Zheng, Quan and Ji, "Recorrupted-to-recorrupted: Unsupervised deep learning for image
denoising", CVPR 2021): noise w of the same kind as the picture's own is drawn. With y + a w as input and y - w / a as
target a network learns as it would from the clean picture, since the noise of the two is independent. The target is
very noisy; averaging over w and -w leaves only the part of w that passes through the network, as in SURE (Stein 1981).
The noise level input is raised by the added noise.

Unlike neighbours of one picture (`denoise_ae.training.losses.neighbours`) it sees pictures at their full size, and the
noise may be spatially correlated; but it must be known, see `denoise_ae.noise.profile`.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from denoise_ae.noise.profile import shape_noise, squared_risk
from denoise_ae.training.data.clipping import as_stored, clipped_deviation
from denoise_ae.training.data.corruption import mix_seed
from denoise_ae.training.data.samples import OwnNoise

SHARES = (0.25, 0.75)
"""Range of a, the strength of the added noise relative to the picture's own; drawn uniformly."""

LEAST_VARIANCE = (0.5 / 255) ** 2
"""Lower bound of the noise variance that the loss is divided by: half an 8-bit step."""


def recorrupted_loss(
    restore: Callable[[Tensor, Tensor], Tensor], noisy: Tensor, own: OwnNoise, sigma_input: Tensor, seed: int
) -> Tensor:
    """Return the squared error in units of the noise variance; its expectation is the true error plus 1.

    Args:
        restore: runs the network on pictures and a noise level input.
        noisy: NxCxHxW, 0 to 1.
        own: their noise.
        sigma_input: noise level input, Nx1x1x1; negative where the network uses its own estimate.
        seed: of the added noise.
    """
    draws = torch.Generator(noisy.device).manual_seed(mix_seed(seed, 7))
    white = torch.randn(noisy.shape, generator=draws, device=noisy.device)
    low, high = SHARES
    share = low + (high - low) * torch.rand(sigma_input.shape, generator=draws, device=noisy.device)
    with torch.autocast(noisy.device.type, enabled=False):
        deviation = clipped_deviation(noisy, own)
        drawn = shape_noise(white, own.mixing, own.spectrum, deviation, torch)
    raised = torch.where(sigma_input < 0, sigma_input, sigma_input * (1 + share.square()).sqrt())
    both = torch.cat((noisy + share * drawn, noisy - share * drawn)).contiguous(memory_format=torch.channels_last)
    more, less = as_stored(restore, own)(both, torch.cat((raised, raised))).chunk(2)
    variance = deviation.square().mean((1, 2, 3), keepdim=True).clamp_min(LEAST_VARIANCE)
    loss: Tensor = (squared_risk(noisy, more, less, drawn, share) / variance).mean()
    return loss
