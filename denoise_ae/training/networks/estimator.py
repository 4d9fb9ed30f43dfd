"""The noise level estimator of the U-Net."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


class _Block(nn.Module):
    """conv3x3, ReLU, conv3x3, add: the residual block without normalisation of EDSR (Lim et al. 2017)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.conv2(functional.relu(self.conv1(x)))
        return out


class _ZeroMeanConv(nn.Conv2d):
    """A convolution whose kernels sum to 0, so that flat areas give 0 whatever their brightness."""

    def forward(self, x: Tensor) -> Tensor:
        kernels = self.weight - self.weight.mean((2, 3), keepdim=True)
        return functional.conv2d(x, kernels, None, self.stride, self.padding)


class NoiseEstimator(nn.Module):
    """Estimates the noise level at each place of a picture: a map of standard deviations (CBDNet, Guo et al. 2019).

    Without biases, and with zero-mean kernels in its head, it finds exactly 0 in a flat picture, and scales with
    contrast.

    Args:
        channels: of the picture.
        widths: channels at 1/4 and 1/8 of the picture's size; or at 1/2, 1/4 and 1/8, to look between strokes and
            modules of a few pixels, whose interior tells noise from print.
    """

    CELL = 8
    """Side in pixels of the square that one value of the map stands for."""

    def __init__(self, channels: int, widths: tuple[int, ...] = (32, 48)) -> None:
        super().__init__()
        *finest, fine, coarse = widths
        first = finest[0] if finest else fine
        self._stride = 2 if finest else 4
        self.head = _ZeroMeanConv(channels, first, 2 * self._stride, stride=self._stride, bias=False)
        if finest:
            self.finest = nn.Conv2d(first, first, 3, padding=1, bias=False)
            self.finest_down = nn.Conv2d(first, fine, 2, stride=2, bias=False)
        self.fine = nn.Conv2d(fine, fine, 3, padding=1, bias=False)
        self.down = nn.Conv2d(fine, coarse, 2, stride=2, bias=False)
        self.coarse = residual_blocks(coarse, 1)
        self.level = nn.Conv2d(coarse, 1, 1, bias=False)

    def forward(self, image: Tensor) -> Tensor:
        """Return the standard deviation of the noise, float N x 1 x H/8 x W/8, on the picture's scale.

        Args:
            image: float NxCxHxW, height and width multiples of 8.
        """
        x = functional.relu(self.head(functional.pad(image, (self._stride // 2,) * 4, mode="reflect")))
        if self._stride == 2:
            x = functional.relu(self.finest_down(functional.relu(self.finest(x))))
        x = functional.relu(self.down(functional.relu(self.fine(x))))
        level: Tensor = self.level(functional.relu(self.coarse(x))).abs()
        return level

    def receptive_interval(self, low: int, high: int) -> tuple[int, int]:
        """Return the first and the last pixel that the map over pixels `low` to `high` depends on."""
        low, high = low // self.CELL - 2, high // self.CELL + 2  # a block of two convolutions at 1/8
        for _ in range(1 if self._stride == 4 else 2):
            low, high = 2 * low - 1, 2 * high + 1 + 1  # a convolution, after 2x2 ones of stride 2
        return self._stride * low - self._stride // 2, self._stride * (high + 1) + self._stride // 2 - 1  # the head


def residual_blocks(width: int, count: int) -> nn.Sequential:
    """Return residual blocks in a row."""
    return nn.Sequential(*(_Block(width) for _ in range(count)))
