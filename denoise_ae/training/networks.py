"""The autoencoders. Each knows its receptive field, its size multiple and whether it is told the noise level.

All take pictures as float NxCxHxW on [0, 1] and a noise level as float Nx1x1x1 on the same scale, and give back
the restored picture in the same shape.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from denoise_ae.training.recipe import NetworkRecipe

DIGIT_SIDE = 28
"""Side of an MNIST picture in pixels."""


class Autoencoder(nn.Module):
    """What every network here tells about itself."""

    channels: int = 1
    size_multiple: int = 1
    receptive_field: int = 2 * DIGIT_SIDE - 1
    fixed_size: tuple[int, int] | None = None
    takes_sigma: bool = False
    estimates_sigma: bool = False
    estimator: NoiseEstimator | None
    """Of networks that estimate the noise; others have no such attribute."""
    latent: int = 0
    """Numbers in the code that alone passes from encoder to decoder; 0 where there is none, or where more passes."""
    variational: bool = False
    """Whether codes drawn from a standard normal distribution decode to pictures; see `VariationalAutoencoder`."""

    def forward(self, image: Tensor, sigma: Tensor) -> Tensor:
        """Restore pictures.

        Args:
            image: float NxCxHxW, 0 to 1.
            sigma: float Nx1x1x1, standard deviation of the noise on the same scale; ignored by networks whose
                `takes_sigma` is false. For those whose `estimates_sigma` is true, -x asks for x times their own
                estimate.

        Returns:
            Float NxCxHxW; not clipped.
        """
        raise NotImplementedError

    def restore(self, image: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        """Restore pictures as `forward` does, and return besides the noise level that the network itself estimates.

        Only where `estimates_sigma` is true. The level is float N x 1 x cells, see `NoiseEstimator`.
        """
        raise NotImplementedError

    def encode(self, image: Tensor) -> Tensor:
        """Return the latent code, float N x latent, of pictures NxCxHxW; only where there is a code."""
        raise NotImplementedError

    def decode(self, code: Tensor) -> Tensor:
        """Return pictures NxCxHxW for latent codes N x latent; only where `latent` is not 0."""
        raise NotImplementedError


class DenseAutoencoder(Autoencoder):
    """The textbook autoencoder of fully connected layers: 784-128-64-64-128-784 with a linear output layer.

    Hinton and Salakhutdinov, "Reducing the dimensionality of data with neural networks", Science 313 (2006).
    """

    fixed_size = (DIGIT_SIDE, DIGIT_SIDE)

    def __init__(self, widths: tuple[int, ...] = (128,), latent: int = 64) -> None:
        super().__init__()
        self.latent = latent
        sizes = (DIGIT_SIDE * DIGIT_SIDE, *widths, latent)
        self.encoder = _dense_layers(sizes, last_linear=False)
        self.decoder = _dense_layers((latent, *sizes[::-1]), last_linear=True)

    def encode(self, image: Tensor) -> Tensor:
        """Return the latent code, float N x latent, of pictures Nx1x28x28."""
        code: Tensor = self.encoder(image.flatten(1))
        return code

    def decode(self, code: Tensor) -> Tensor:
        """Return pictures Nx1x28x28 for latent codes N x latent."""
        image: Tensor = self.decoder(code)
        return image.view(-1, 1, DIGIT_SIDE, DIGIT_SIDE)

    def forward(self, image: Tensor, sigma: Tensor) -> Tensor:
        """Encode and decode; see `Autoencoder.forward`."""
        return self.decode(self.encode(image))


def _dense_layers(sizes: tuple[int, ...], *, last_linear: bool) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*(layers[:-1] if last_linear else layers))


class ConvAutoencoder(Autoencoder):
    """A convolutional encoder and decoder for 28x28 pictures around a latent code.

    Three convolutions lead down to 7x7, a linear layer to the code; the decoder mirrors them. With `skip` the
    encoder's maps at 28x28, 14x14 and 7x7 are added to the decoder's, as in a U-Net (Ronneberger et al. 2015):
    the picture then no longer has to pass through the code alone.

    Args:
        widths: channels at 28x28, 14x14 and 7x7.
        latent: length of the code.
        skip: add the skip connections.
    """

    fixed_size = (DIGIT_SIDE, DIGIT_SIDE)

    def __init__(self, widths: tuple[int, ...] = (32, 64, 128), latent: int = 64, *, skip: bool = False) -> None:
        super().__init__()
        w1, w2, w3 = widths
        self.skip = skip
        self.latent = 0 if skip else latent
        self.down1 = nn.Conv2d(1, w1, 3, padding=1)
        self.down2 = nn.Conv2d(w1, w2, 3, stride=2, padding=1)
        self.down3 = nn.Conv2d(w2, w3, 3, stride=2, padding=1)
        self.to_code = nn.Linear(w3 * 7 * 7, latent)
        self.from_code = nn.Linear(latent, w3 * 7 * 7)
        self.up3 = nn.Conv2d(w3, w3, 3, padding=1)
        self.up2 = _Up(w3, w2)
        self.mix2 = nn.Conv2d(w2, w2, 3, padding=1)
        self.up1 = _Up(w2, w1)
        self.mix1 = nn.Conv2d(w1, w1, 3, padding=1)
        self.out = nn.Conv2d(w1, 1, 3, padding=1)

    def encode(self, image: Tensor) -> Tensor:
        """Return the latent code, float N x latent, of pictures Nx1x28x28."""
        return self._encode(image)[1]

    def decode(self, code: Tensor) -> Tensor:
        """Return pictures Nx1x28x28 for latent codes N x latent, without skip connections."""
        return self._decode(code, ())

    def forward(self, image: Tensor, sigma: Tensor) -> Tensor:
        """Encode and decode; see `Autoencoder.forward`."""
        maps, code = self._encode(image)
        return self._decode(code, maps if self.skip else ())

    def _encode(self, image: Tensor) -> tuple[tuple[Tensor, ...], Tensor]:
        at28 = functional.relu(self.down1(image))
        at14 = functional.relu(self.down2(at28))
        at7 = functional.relu(self.down3(at14))
        return (at28, at14, at7), self.to_code(at7.flatten(1))

    def _decode(self, code: Tensor, maps: tuple[Tensor, ...]) -> Tensor:
        x = functional.relu(self.from_code(code)).view(-1, self.up3.in_channels, 7, 7)
        x = functional.relu(self.up3(x + maps[2] if maps else x))
        x = functional.relu(self.mix2(_join(self.up2(x), maps[1] if maps else None)))
        x = functional.relu(self.mix1(_join(self.up1(x), maps[0] if maps else None)))
        image: Tensor = self.out(x)
        return image


class VariationalAutoencoder(ConvAutoencoder):
    """A convolutional autoencoder whose codes are a distribution, so that new pictures can be drawn from it.

    The encoder gives a normal distribution for each picture, which training holds near the standard normal one
    (Kingma and Welling, "Auto-encoding variational Bayes", 2014). What is encoded and decoded after training is its
    mean. See `ConvAutoencoder` for the arguments.
    """

    variational = True

    def __init__(self, widths: tuple[int, ...] = (32, 64, 128), latent: int = 16) -> None:
        super().__init__(widths, latent)
        self.to_spread = nn.Linear(self.to_code.in_features, latent)

    def posterior(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and logarithm of the variance, each float N x latent, of the codes of pictures Nx1x28x28."""
        maps, mean = self._encode(image)
        log_variance: Tensor = self.to_spread(maps[2].flatten(1))
        return mean, log_variance


def _join(x: Tensor, skipped: Tensor | None) -> Tensor:
    return functional.relu(x if skipped is None else x + skipped)


class _Up(nn.Module):
    """Twice the size by a 1x1 convolution and nearest-neighbour resize.

    onnxruntime keeps both in its blocked CPU layout, where a transposed convolution would leave it.
    """

    def __init__(self, inputs: int, outputs: int, *, bias: bool = True) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 1, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        return functional.interpolate(self.conv(x), scale_factor=2.0, mode="nearest")


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
    """A convolution whose kernels add up to 0, so that it sees no difference between a flat picture and black."""

    def forward(self, x: Tensor) -> Tensor:
        kernels = self.weight - self.weight.mean((2, 3), keepdim=True)
        return functional.conv2d(x, kernels, None, self.stride, self.padding)


class NoiseEstimator(nn.Module):
    """Estimates how strong the noise is at each place of a picture: a map of standard deviations (CBDNet, Guo 2019).

    Without biases and with kernels of zero mean at its head, it finds exactly nothing in a flat picture, and twice as
    much in a picture of twice the contrast.

    Args:
        channels: of the picture.
        widths: channels at 1/4 and at 1/8 of the picture's size.
    """

    CELL = 8
    """Side in pixels of what one number of the map speaks for."""

    def __init__(self, channels: int, widths: tuple[int, int] = (32, 48)) -> None:
        super().__init__()
        fine, coarse = widths
        self.head = _ZeroMeanConv(channels, fine, 8, stride=4, bias=False)
        self.fine = nn.Conv2d(fine, fine, 3, padding=1, bias=False)
        self.down = nn.Conv2d(fine, coarse, 2, stride=2, bias=False)
        self.coarse = _blocks(coarse, 1)
        self.level = nn.Conv2d(coarse, 1, 1, bias=False)

    def forward(self, image: Tensor) -> Tensor:
        """Return the standard deviation of the noise, float N x 1 x H/8 x W/8, on the picture's scale.

        Args:
            image: float NxCxHxW, height and width multiples of 8.
        """
        x = functional.relu(self.head(functional.pad(image, (2, 2, 2, 2), mode="reflect")))
        x = functional.relu(self.down(functional.relu(self.fine(x))))
        level: Tensor = self.level(functional.relu(self.coarse(x))).abs()
        return level

    def receptive_interval(self, low: int, high: int) -> tuple[int, int]:
        """Return the first and the last pixel that the map depends on over pixels `low` to `high`."""
        low, high = low // self.CELL - 2, high // self.CELL + 2  # a block of two convolutions at 1/8
        low, high = 2 * low - 1, 2 * high + 1 + 1  # a convolution at 1/4, after 2x2 ones of stride 2
        return 4 * low - 2, 4 * high + 5  # the head: 8x8, stride 4


LARGEST_NOISE = 5.0
"""Most that a network with an estimator takes from a pixel, in standard deviations of the noise: where it finds none,
the picture stays as it is."""


class UNet(Autoencoder):
    """A residual U-Net for photographs that is told the noise level, or estimates it.

    It works in half-resolution space (FFDNet, Zhang et al. 2018), predicts the noise rather than the picture (DnCNN,
    Zhang et al. 2017), and has no biases, so that it scales with the picture: f(k·x, k·sigma) = k·f(x, sigma), which
    also holds beyond the trained range (Mohan et al. 2020). Blocks, down- and up-sampling are those that
    onnxruntime runs in its blocked CPU layout.

    Args:
        widths: channels at 1/2, 1/4, 1/8 … of the picture's size; multiples of 16 run fastest.
        blocks: residual blocks at each of these scales; all but the last count twice, on the way down and up.
        channels: 3 for RGB, 1 for gray.
        estimator: add a `NoiseEstimator`, for pictures whose level nobody tells.
    """

    takes_sigma = True

    def __init__(
        self,
        widths: tuple[int, ...] = (32, 64, 128),
        blocks: tuple[int, ...] = (2, 2, 2),
        channels: int = 3,
        *,
        estimator: bool = False,
    ) -> None:
        super().__init__()
        self.channels = channels
        self.size_multiple = max(2 ** len(widths), NoiseEstimator.CELL if estimator else 1)
        # A 6x6 convolution of stride 2 is pixel-unshuffle by 2 and a 3x3 convolution in one step.
        self.head = nn.Conv2d(channels + 1, widths[0], 6, stride=2, padding=2, bias=False)
        self.encoder = nn.ModuleList(_blocks(w, n) for w, n in zip(widths[:-1], blocks[:-1], strict=True))
        self.down = nn.ModuleList(nn.Conv2d(a, b, 2, stride=2, bias=False) for a, b in pairwise(widths))
        self.middle = _blocks(widths[-1], blocks[-1])
        self.up = nn.ModuleList(_Up(b, a, bias=False) for a, b in pairwise(widths))
        self.decoder = nn.ModuleList(_blocks(w, n) for w, n in zip(widths[:-1], blocks[:-1], strict=True))
        self.tail = nn.Conv2d(widths[0], 4 * channels, 3, padding=1, bias=False)
        # As wide as is worth it: beside 32 channels 4 % of the time, beside 16 it would be 14 %.
        self.estimator = NoiseEstimator(channels, (32, 48) if widths[0] >= 32 else (16, 32)) if estimator else None
        self.estimates_sigma = estimator
        self.receptive_field = _unet_receptive_field(blocks, self.estimator)

    def forward(self, image: Tensor, sigma: Tensor) -> Tensor:
        """Remove the noise; height and width must be multiples of `size_multiple`. See `Autoencoder.forward`."""
        if self.estimator is not None:
            return self.restore(image, sigma)[0]
        return image - self._noise(image, sigma.expand(image.shape[0], 1, image.shape[2], image.shape[3]))

    def restore(self, image: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        """See `Autoencoder.restore`. The estimate learns from its own loss alone, so that it stays a noise level."""
        assert self.estimator is not None
        own = self.estimator(image)
        level = functional.relu(sigma) + functional.relu(-sigma) * own.detach()
        level = functional.interpolate(level, scale_factor=float(NoiseEstimator.CELL), mode="nearest")
        noise = self._noise(image, level)
        reach = LARGEST_NOISE * level
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
        return functional.pixel_shuffle(self.tail(x), 2)


def _blocks(width: int, count: int) -> nn.Sequential:
    return nn.Sequential(*(_Block(width) for _ in range(count)))


def _unet_receptive_field(blocks: tuple[int, ...], estimator: NoiseEstimator | None) -> int:
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
        for n in reversed(blocks[:-1]):  # 2x2 convolutions of stride 2, then the encoder
            low, high = 2 * low - 2 * n, 2 * high + 1 + 2 * n
        low, high = 2 * low - 2, 2 * high + 3  # the head: 6x6, stride 2
        if estimator is not None:
            low, high = estimator.receptive_interval(low, high)
        radius = max(radius, place - low, high - place)
    return 2 * radius + 1


def build(recipe: NetworkRecipe) -> Autoencoder:
    """Make the network that a recipe asks for, with freshly drawn weights (torch's global generator)."""
    if recipe.type == "dense":
        return DenseAutoencoder(recipe.widths, recipe.latent)
    if recipe.type == "conv":
        return ConvAutoencoder(recipe.widths, recipe.latent, skip=recipe.skip)
    if recipe.type == "vae":
        return VariationalAutoencoder(recipe.widths, recipe.latent)
    return UNet(recipe.widths, recipe.blocks, recipe.channels, estimator=recipe.estimator)


def count_parameters(network: nn.Module) -> int:
    """Return the number of trainable numbers."""
    return sum(int(p.numel()) for p in network.parameters())


def macs_per_pixel(network: Autoencoder) -> float:
    """Return the multiply-accumulates for each input pixel, counted on one picture."""
    height, width = network.fixed_size or (8 * network.size_multiple, 8 * network.size_multiple)
    counts: list[int] = []

    def count(module: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> None:
        weight = module.weight
        assert isinstance(weight, Tensor)
        # Every output number of a layer costs one multiply-accumulate for each weight of its channel.
        counts.append(output.numel() * weight[0].numel())

    handles = [m.register_forward_hook(count) for m in network.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    try:
        with torch.no_grad():
            network(torch.zeros(1, network.channels, height, width), torch.zeros(1, 1, 1, 1))
    finally:
        for handle in handles:
            handle.remove()
    return sum(counts) / (height * width)
