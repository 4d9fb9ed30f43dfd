"""The autoencoders for digits, and building the network of a recipe."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from denoise_ae.training.networks.autoencoder import DIGIT_SIDE, Autoencoder, Up
from denoise_ae.training.networks.unet import UNet
from denoise_ae.training.recipes.recipe import NetworkRecipe


class DenseAutoencoder(Autoencoder):
    """The textbook autoencoder of fully connected layers: 784-128-64-64-128-784 with a linear output layer.

    Hinton and Salakhutdinov, "Reducing the dimensionality of data with neural networks", Science 313 (2006). Their
    codes are linear too. With a ReLU, units that are 0 for every picture never learn again: 1 of 2, and 23 of 64 after
    three epochs.

    Args:
        widths: outputs of the encoder's layers before the code.
        latent: length of the code.
        linear_code: no ReLU on the code.
    """

    fixed_size = (DIGIT_SIDE, DIGIT_SIDE)

    def __init__(self, widths: tuple[int, ...] = (128,), latent: int = 64, *, linear_code: bool = False) -> None:
        super().__init__()
        self.latent = latent
        sizes = (DIGIT_SIDE * DIGIT_SIDE, *widths, latent)
        self.encoder = _dense_layers(sizes, last_linear=linear_code)
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

    Three convolutions down to 7x7 and a linear layer to the code; the decoder mirrors them. With `skip` the encoder's
    maps at 28x28, 14x14 and 7x7 are added to the decoder's, as in a U-Net (Ronneberger et al. 2015), so that the
    picture need not pass through the code alone.

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
        self.up2 = Up(w3, w2)
        self.mix2 = nn.Conv2d(w2, w2, 3, padding=1)
        self.up1 = Up(w2, w1)
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
    """A convolutional variational autoencoder, from which new pictures can be sampled.

    The encoder gives a normal distribution for each picture, kept near the standard normal one by the loss (Kingma and
    Welling, "Auto-encoding variational Bayes", 2014). After training its mean is the code. See `ConvAutoencoder` for
    the arguments.
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


def build(recipe: NetworkRecipe) -> Autoencoder:
    """Build a recipe's network, its weights drawn from torch's global generator."""
    if recipe.type == "dense":
        return DenseAutoencoder(recipe.widths, recipe.latent, linear_code=recipe.linear_code)
    if recipe.type == "conv":
        return ConvAutoencoder(recipe.widths, recipe.latent, skip=recipe.skip)
    if recipe.type == "vae":
        return VariationalAutoencoder(recipe.widths, recipe.latent)
    return UNet(
        recipe.widths,
        recipe.blocks,
        recipe.channels,
        encoder_blocks=recipe.encoder_blocks,
        estimator=recipe.estimator,
        estimator_widths=recipe.estimator_widths,
        mask=recipe.mask,
    )


def count_parameters(network: nn.Module) -> int:
    """Return the number of trainable parameters."""
    return sum(int(p.numel()) for p in network.parameters())


def macs_per_pixel(network: Autoencoder) -> float:
    """Return the multiply-accumulates per input pixel, counted on one picture."""
    height, width = network.fixed_size or (8 * network.size_multiple, 8 * network.size_multiple)
    counts: list[int] = []

    def count(module: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> None:
        weight = module.weight
        assert isinstance(weight, Tensor)
        # Each output value costs one multiply-accumulate for each weight of its channel.
        counts.append(output.numel() * weight[0].numel())

    handles = [m.register_forward_hook(count) for m in network.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    try:
        with torch.no_grad():
            sigma_size = (height, width) if network.takes_mask else (1, 1)
            network(torch.zeros(1, network.channels, height, width), torch.zeros(1, 1, *sigma_size))
    finally:
        for handle in handles:
            handle.remove()
    return sum(counts) / (height * width)
