"""What training makes small, and the PSNR that validation tells. Pictures are float NxCxHxW on [0, 1]."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from denoise_ae.training.networks.build import VariationalAutoencoder

ESTIMATE_WEIGHT = 0.01
"""Weight of the estimator's error in the loss. Nothing else trains the estimator and it trains nothing else, so that
with Adam the number matters only to the clipping of gradients."""


def _charbonnier(restored: Tensor, clean: Tensor) -> Tensor:
    """A smooth L1 (Charbonnier et al. 1994); epsilon is a quarter of an 8-bit step."""
    return ((restored - clean).square() + 1e-6).sqrt().mean()


def _log_mse(restored: Tensor, clean: Tensor) -> Tensor:
    """A tenth of the negative PSNR (dB): each picture counts alike, however noisy (NAFNet, Chen et al. 2022).

    What lies below half an 8-bit step counts no more.
    """
    return (((restored - clean).square().mean((1, 2, 3)) + (0.5 / 255) ** 2).log10()).mean()


RESTORATION_LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "log-mse": _log_mse,
    "mse": functional.mse_loss,
    "l1": functional.l1_loss,
    "charbonnier": _charbonnier,
}
"""A recipe's word -> loss of restored pictures against clean ones."""


def psnr(restored: Tensor, clean: Tensor) -> Tensor:
    """Return the PSNR of pictures NxCxHxW on [0, 1] in dB, the mean over the pictures; at most 100."""
    error = (restored - clean).square().mean((1, 2, 3)).clamp_min(1e-10)
    return (-10 * error.log10()).mean()


def variational_loss(
    network: VariationalAutoencoder, noisy: Tensor, clean: Tensor, beta: float, draws: torch.Generator
) -> Tensor:
    """Return the negative evidence lower bound in nats for each pixel, but for a constant.

    The decoder's variance is that of the batch's errors (sigma-VAE, Rybkin et al. 2021), so that beta = 1 suits every
    noise and every size of code; a fixed variance would have to be found by trial.

    Args:
        network: what is trained.
        noisy: what is encoded.
        clean: what is to be decoded.
        beta: how much the codes' distance from a standard normal distribution counts.
        draws: what the codes are drawn with.
    """
    mean, log_variance = (part.float() for part in network.posterior(noisy))
    normal = torch.randn(mean.shape, generator=draws, device=mean.device)
    restored = network.decode(mean + (log_variance / 2).exp() * normal)
    apart = (mean.square() + log_variance.exp() - 1 - log_variance).sum(1).mean() / 2
    # Below half an 8-bit step errors count no more.
    error = functional.mse_loss(restored, clean) + (0.5 / 255) ** 2
    return error.log() / 2 + beta * apart / clean[0].numel()


def estimate_error(level: Tensor, noise: Tensor, caution: Tensor) -> Tensor:
    """Return how far an estimated level N x 1 x cells is from noise NxCxHxW, as the logarithm of their ratio.

    What is too low counts more, by the factor `caution`, Nx1x1x1: denoising suffers more from it, and coarse noise that
    might be texture shall rather be taken for noise (after CBDNet's asymmetric loss, Guo et al. 2019).

    The truth at a cell is the root mean square of 3x3 cells; differences below an 8-bit step count less.
    """
    cells = functional.avg_pool2d(noise.square().mean(1, keepdim=True), noise.shape[-1] // level.shape[-1])
    truth = functional.avg_pool2d(cells, 3, stride=1, padding=1, count_include_pad=False).sqrt()
    error = ((level + 1 / 255) / (truth + 1 / 255)).log()
    return torch.maximum(error, -caution * error).mean()
