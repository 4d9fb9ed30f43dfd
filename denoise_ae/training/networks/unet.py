"""The network for photographs: a residual U-Net that removes noise or fills masked pixels."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from denoise_ae.modelfiles.graph import LARGEST_ESTIMATE
from denoise_ae.training.networks.autoencoder import Autoencoder, Up
from denoise_ae.training.networks.estimator import NoiseEstimator, residual_blocks

LARGEST_NOISE = 5.0
"""Most that a network with an estimator subtracts from a pixel, in standard deviations of the noise: where there is
none, the picture stays as it is."""

LARGEST_OWN = 20.0
"""The same limit in standard deviations of its own estimate, when it is given a higher level. Estimates are low for
unfamiliar noise, but where they find next to none, as in drawings or cut-outs, there is none."""

MASK_LEVEL = 0.2
"""Noise level that stands for a masked pixel, on [0, 1]: as strong as any that the network may have been trained on
before."""


class UNet(Autoencoder):
    """A residual U-Net for photographs, conditioned on the noise level, which it may estimate, or on a mask.

    It works in half-resolution space (FFDNet, Zhang et al. 2018), predicts the noise rather than the picture (DnCNN,
    Zhang et al. 2017), and has no biases, so that it scales with the picture: f(k·x, k·sigma) = k·f(x, sigma), which
    also holds beyond the trained range (Mohan et al. 2020). Blocks, down- and up-sampling are those that
    onnxruntime runs in its blocked CPU layout.

    Args:
        widths: channels at 1/2, 1/4, 1/8 … of the picture's size; multiples of 16 run fastest.
        blocks: residual blocks at each of these scales; all but the last count twice, on the way down and up.
        encoder_blocks: those on the way down, if different.
        channels: 3 for RGB, 1 for gray.
        estimator: add a `NoiseEstimator`, for pictures whose noise level is unknown.
        estimator_widths: its widths; by default they follow from `widths`.
        mask: fill masked pixels, which hold a rough guess, and leave the others exactly as they are.
    """

    def __init__(
        self,
        widths: tuple[int, ...] = (32, 64, 128),
        blocks: tuple[int, ...] = (2, 2, 2),
        channels: int = 3,
        *,
        encoder_blocks: tuple[int, ...] = (),
        estimator: bool = False,
        estimator_widths: tuple[int, ...] = (),
        mask: bool = False,
    ) -> None:
        super().__init__()
        encoder_blocks = encoder_blocks or blocks[:-1]
        self.channels = channels
        self.takes_sigma, self.takes_mask = not mask, mask
        self.size_multiple = max(2 ** len(widths), NoiseEstimator.CELL if estimator else 1)
        # A 6x6 convolution of stride 2 is pixel-unshuffle by 2 and a 3x3 convolution in one step.
        self.head = nn.Conv2d(channels + 1, widths[0], 6, stride=2, padding=2, bias=False)
        self.encoder = nn.ModuleList(residual_blocks(w, n) for w, n in zip(widths[:-1], encoder_blocks, strict=True))
        self.down = nn.ModuleList(nn.Conv2d(a, b, 2, stride=2, bias=False) for a, b in pairwise(widths))
        self.middle = residual_blocks(widths[-1], blocks[-1])
        self.up = nn.ModuleList(Up(b, a, bias=False) for a, b in pairwise(widths))
        self.decoder = nn.ModuleList(residual_blocks(w, n) for w, n in zip(widths[:-1], blocks[:-1], strict=True))
        self.tail = nn.Conv2d(widths[0], 4 * channels, 3, padding=1, bias=False)
        self.register_buffer("spread", torch.eye(4).view(4, 1, 2, 2).repeat(channels, 1, 1, 1), persistent=False)
        # As wide as is worth it: beside 32 channels 4 % of the time, beside 16 it would be 14 %.
        estimator_widths = estimator_widths or ((32, 48) if widths[0] >= 32 else (16, 32))
        self.estimator = NoiseEstimator(channels, estimator_widths) if estimator else None
        self.estimates_sigma = estimator
        self.receptive_field = _unet_receptive_field(blocks, encoder_blocks, self.estimator)

    def forward(self, image: Tensor, sigma: Tensor) -> Tensor:
        """Remove the noise; height and width must be multiples of `size_multiple`. See `Autoencoder.forward`."""
        if self.estimator is not None:
            return self.restore(image, sigma)[0]
        if self.takes_mask:
            return image - sigma * self._noise(image, MASK_LEVEL * sigma)
        return image - self._noise(image, sigma.expand(image.shape[0], 1, image.shape[2], image.shape[3]))

    def restore(
        self, image: Tensor, sigma: Tensor, largest: Tensor | None = None, *, fitting: bool = False
    ) -> tuple[Tensor, Tensor]:
        """See `Autoencoder.restore`.

        The restored picture passes no gradient to the estimate, so that it stays a noise level; except when `fitting`
        the estimator to pictures whose level is unknown.
        """
        assert self.estimator is not None
        own = self.estimator(image)
        found = own if fitting else own.detach()
        most = found.new_tensor(LARGEST_ESTIMATE) if largest is None else largest
        level = functional.relu(sigma) + torch.minimum(functional.relu(-sigma) * found, most)
        reach = torch.minimum(LARGEST_NOISE * level, LARGEST_OWN * found)
        level, reach = (
            functional.interpolate(cells, scale_factor=float(NoiseEstimator.CELL), mode="nearest")
            for cells in (level, reach)
        )
        noise = self._noise(image, level)
        return image - torch.minimum(torch.maximum(noise, -reach), reach), own

    def _noise(self, image: Tensor, level: Tensor) -> Tensor:
        """Predict the noise of pictures NxCxHxW from its level, Nx1xHxW."""
        x = self.head(torch.cat((image, level), 1))
        skipped = []
        for blocks, down in zip(self.encoder, self.down, strict=True):
            x = blocks(x)
            skipped.append(x)
            x = down(x)
        x = self.middle(x)
        for blocks, up in zip(reversed(self.decoder), reversed(self.up), strict=True):
            x = blocks(up(x) + skipped.pop())
        x = self.tail(x)
        if torch.compiler.is_exporting():
            # The same as pixel_shuffle, to the bit, in a third of the time that onnxruntime takes for that.
            assert isinstance(self.spread, Tensor)
            return functional.conv_transpose2d(x, self.spread, stride=2, groups=self.channels)
        return functional.pixel_shuffle(x, 2)


def _unet_receptive_field(
    blocks: tuple[int, ...], encoder_blocks: tuple[int, ...], estimator: NoiseEstimator | None
) -> int:
    """Side of the square of input pixels that one output pixel can depend on.

    Follows the interval of positions back from an output pixel to the input, on the path through all scales, for
    each place that the pixel can have in a cell of the coarsest scale, and takes the widest.
    """
    coarsest = 2 ** len(blocks)
    radius = 0
    for place in range(coarsest):
        low, high = place // 2 - 1, place // 2 + 1  # the tail, at half the size
        for n in blocks[:-1]:  # the decoder, then up-sampling that copies one coarse position to two
            low, high = (low - 2 * n) // 2, (high + 2 * n) // 2
        low, high = low - 2 * blocks[-1], high + 2 * blocks[-1]
        for n in reversed(encoder_blocks):  # 2x2 convolutions of stride 2, then the encoder
            low, high = 2 * low - 2 * n, 2 * high + 1 + 2 * n
        low, high = 2 * low - 2, 2 * high + 3  # the head: 6x6, stride 2
        if estimator is not None:
            low, high = estimator.receptive_interval(low, high)
        radius = max(radius, place - low, high - place)
    return 2 * radius + 1
