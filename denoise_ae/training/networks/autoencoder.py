"""Base class of the networks, and their up-sampling layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn
from torch.nn import functional

if TYPE_CHECKING:
    from denoise_ae.training.networks.estimator import NoiseEstimator

DIGIT_SIDE = 28
"""Side of an MNIST picture in pixels."""


class Autoencoder(nn.Module):
    """Base class of the networks: their interface and what a caller must know about each."""

    channels: int = 1
    size_multiple: int = 1
    receptive_field: int = 2 * DIGIT_SIDE - 1
    fixed_size: tuple[int, int] | None = None
    takes_sigma: bool = False
    takes_mask: bool = False
    estimates_sigma: bool = False
    estimator: NoiseEstimator | None
    """Only in networks that estimate the noise."""
    latent: int = 0
    """Length of the latent code; 0 where there is none, or where skip connections bypass it."""
    variational: bool = False
    """Whether codes follow a standard normal distribution; see `VariationalAutoencoder`."""

    def forward(self, image: Tensor, sigma: Tensor) -> Tensor:
        """Restore pictures.

        Args:
            image: float NxCxHxW, 0 to 1.
            sigma: float Nx1x1x1, standard deviation of the noise on the same scale; ignored if `takes_sigma` is false.
                If `estimates_sigma` is true, -x asks for x times the network's own estimate. If `takes_mask` is true,
                a mask instead, Nx1xHxW: 1 for pixels to fill, else 0.

        Returns:
            Float NxCxHxW; not clipped.
        """
        raise NotImplementedError

    def restore(self, image: Tensor, sigma: Tensor, largest: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Restore pictures as `forward` does, and return the estimated noise level too.

        Only if `estimates_sigma` is true. The level is float N x 1 x cells, see `NoiseEstimator`. `largest`, 1x1x1x1,
        is the highest level that the network goes by on its own account.
        """
        raise NotImplementedError

    def encode(self, image: Tensor) -> Tensor:
        """Return the latent code, float N x latent, of pictures NxCxHxW; only if there is a code."""
        raise NotImplementedError

    def decode(self, code: Tensor) -> Tensor:
        """Return pictures NxCxHxW for latent codes N x latent; only if `latent` is not 0."""
        raise NotImplementedError


class Up(nn.Module):
    """Up-sampling by 2: a 1x1 convolution and nearest-neighbour interpolation.

    onnxruntime keeps both in its blocked CPU layout, where a transposed convolution would leave it.
    """

    def __init__(self, inputs: int, outputs: int, *, bias: bool = True) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 1, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """Return maps NxCx2Hx2W for maps NxCxHxW."""
        return functional.interpolate(self.conv(x), scale_factor=2.0, mode="nearest")
