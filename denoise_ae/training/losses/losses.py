"""Training losses, and the PSNR of validation. Pictures are float NxCxHxW on [0, 1]."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from denoise_ae.training.networks.build import VariationalAutoencoder

ESTIMATE_WEIGHT = 0.01
"""Weight of the estimator's error in the loss. It trains the estimator only, and nothing else trains that, so that with
Adam the number matters only to gradient clipping."""


def _charbonnier(restored: Tensor, clean: Tensor) -> Tensor:
    """A smooth L1 (Charbonnier et al. 1994); epsilon is a quarter of an 8-bit step."""
    return ((restored - clean).square() + 1e-6).sqrt().mean()


def _log_mse(restored: Tensor, clean: Tensor) -> Tensor:
    """Minus a tenth of the PSNR (dB), so that each picture counts alike, however noisy (NAFNet, Chen et al. 2022).

    Errors below half an 8-bit step hardly count.
    """
    return (((restored - clean).square().mean((1, 2, 3)) + (0.5 / 255) ** 2).log10()).mean()


RESTORATION_LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "log-mse": _log_mse,
    "mse": functional.mse_loss,
    "l1": functional.l1_loss,
    "charbonnier": _charbonnier,
}
"""Name in a recipe -> loss between restored and clean pictures."""


def psnr(restored: Tensor, clean: Tensor) -> Tensor:
    """Return the PSNR of pictures NxCxHxW on [0, 1] in dB, the mean over the pictures; at most 100."""
    error = (restored - clean).square().mean((1, 2, 3)).clamp_min(1e-10)
    return (-10 * error.log10()).mean()


def variational_loss(
    network: VariationalAutoencoder, noisy: Tensor, clean: Tensor, beta: float, draws: torch.Generator
) -> Tensor:
    """Return the negative evidence lower bound (ELBO) in nats a pixel, up to a constant.

    The decoder's variance is that of the batch's errors (sigma-VAE, Rybkin et al. 2021), so that beta = 1 suits every
    noise and code length; a fixed variance would have to be tuned.

    Args:
        network: the network.
        noisy: its input.
        clean: the target of the decoder.
        beta: weight of the KL divergence from the standard normal distribution.
        draws: draws the codes.
    """
    mean, log_variance = (part.float() for part in network.posterior(noisy))
    normal = torch.randn(mean.shape, generator=draws, device=mean.device)
    restored = network.decode(mean + (log_variance / 2).exp() * normal)
    divergence = (mean.square() + log_variance.exp() - 1 - log_variance).sum(1).mean() / 2
    # Errors below half an 8-bit step hardly count.
    error = functional.mse_loss(restored, clean) + (0.5 / 255) ** 2
    return error.log() / 2 + beta * divergence / clean[0].numel()


def estimate_error(level: Tensor, noise: Tensor, underestimate_weight: Tensor) -> Tensor:
    """Return how far estimated noise levels are from the noise itself: the mean absolute logarithm of their ratio.

    The true level of a cell is the root mean square of the noise in 3x3 cells. Differences below an 8-bit step count
    less.

    Args:
        level: estimated standard deviations, N x 1 x cells, 0 to 1.
        noise: NxCxHxW.
        underestimate_weight: Nx1x1x1, how much levels estimated too low count. Above 1, since they hurt denoising more,
            and texture that might be noise should rather pass for noise (CBDNet's asymmetric loss, Guo et al. 2019).
    """
    cells = functional.avg_pool2d(noise.square().mean(1, keepdim=True), noise.shape[-1] // level.shape[-1])
    truth = functional.avg_pool2d(cells, 3, stride=1, padding=1, count_include_pad=False).sqrt()
    error = ((level + 1 / 255) / (truth + 1 / 255)).log()
    return torch.maximum(error, -underestimate_weight * error).mean()
