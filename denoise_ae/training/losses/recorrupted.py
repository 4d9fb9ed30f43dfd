"""Learning from noisy pictures alone: what a network makes of more noise is compared with less of it.

Recorrupted-to-recorrupted (Pang, Zheng, Quan and Ji, "Recorrupted-to-recorrupted: Unsupervised deep learning for image
denoising", CVPR 2021): noise w of the same kind as the picture's own is drawn once more. With y + a w as its input and
y - w / a as its target a network learns as from the clean picture, since the noise of both is independent. The target
is very noisy; so w and -w are taken together, which leaves of it only what the network lets through of w, as in SURE
(Stein 1981). The input is told to be noisier by as much as it is.

Unlike neighbours of the same picture (`denoise_ae.training.losses.neighbours`) it sees pictures as they are, at their
full size, and takes spatially correlated noise; but it has to know that noise, see `denoise_ae.noise.profile`.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from denoise_ae.noise.profile import shape_noise, squared_risk
from denoise_ae.training.data.clipping import as_stored, left_of
from denoise_ae.training.data.corruption import mix_seed
from denoise_ae.training.data.samples import OwnNoise

SHARES = (0.25, 0.75)
"""Of the picture's own noise, which is drawn on top: evenly from one to the other."""

LEAST_VARIANCE = (0.5 / 255) ** 2
"""Half an 8-bit step: what noise counts as at least, so that pictures without any can be divided by it."""


def recorrupted_loss(
    restore: Callable[[Tensor, Tensor], Tensor], noisy: Tensor, own: OwnNoise, told: Tensor, seed: int
) -> Tensor:
    """Return the squared error in variances of the noise; it is the true one and 1, but for chance.

    Args:
        restore: runs the network that is trained on pictures and on what it is told of their noise.
        noisy: NxCxHxW, 0 to 1.
        own: what their noise is like.
        told: what the network is told of it, Nx1x1x1; negative where it estimates that itself.
        seed: of what is drawn.
    """
    draws = torch.Generator(noisy.device).manual_seed(mix_seed(seed, 7))
    white = torch.randn(noisy.shape, generator=draws, device=noisy.device)
    low, high = SHARES
    share = low + (high - low) * torch.rand(told.shape, generator=draws, device=noisy.device)
    with torch.autocast(noisy.device.type, enabled=False):
        deviation = left_of(noisy, own)
        drawn = shape_noise(white, own.mixing, own.spectrum, deviation, torch)
    louder = torch.where(told < 0, told, told * (1 + share.square()).sqrt())
    both = torch.cat((noisy + share * drawn, noisy - share * drawn)).contiguous(memory_format=torch.channels_last)
    more, less = as_stored(restore, own)(both, torch.cat((louder, louder))).chunk(2)
    variance = deviation.square().mean((1, 2, 3), keepdim=True).clamp_min(LEAST_VARIANCE)
    loss: Tensor = (squared_risk(noisy, more, less, drawn, share) / variance).mean()
    return loss
