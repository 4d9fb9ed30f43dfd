"""How fast models are beside networks that everybody knows, DnCNN and FFDNet for colour, on one tile in onnxruntime.

python train/bench/published.py [--model NAME|FILE.onnx ...] [--tile 1024] [--threads 2] [--repeats 5]

The two have their published shapes and random weights, since the time does not depend on the weights; they are exported
and run as our own models are. All take turns; a ratio is that of two runs in the same turn, and each figure is a median
with its range. A minute or two on two cores.
"""

from __future__ import annotations

import argparse
from functools import partial
from itertools import pairwise

import numpy as np
import torch
from shared import print_head, print_row, spread, take_turns
from torch import Tensor, nn
from torch.nn import functional

from denoise_ae.modelfiles import catalog
from denoise_ae.modelfiles.card import ModelCard
from denoise_ae.modelfiles.session import Session
from denoise_ae.training.export.export import TOLERANCE, largest_difference, to_onnx
from denoise_ae.training.networks.autoencoder import Autoencoder
from denoise_ae.training.networks.build import count_parameters, macs_per_pixel

SIGMA = 25 / 255


def stack(inputs: int, width: int, outputs: int, depth: int) -> nn.Sequential:
    """Return so many 3x3 convolutions with a ReLU between any two.

    The biases of the inner ones hold the batch normalisation, which both papers train with and which is folded for use.
    """
    layers: list[nn.Module] = []
    for before, after in pairwise([inputs, *[width] * (depth - 1), outputs]):
        layers += [nn.Conv2d(before, after, 3, padding=1), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


class DnCNN(Autoencoder):
    """CDnCNN-B: 20 layers of 64 channels predict the noise.

    Zhang et al., "Beyond a Gaussian denoiser: residual learning of deep CNN for image denoising", IEEE TIP 26 (2017).
    """

    channels = 3
    receptive_field = 41

    def __init__(self) -> None:
        super().__init__()
        self.layers = stack(3, 64, 3, depth=20)

    def forward(self, image: Tensor, sigma: Tensor) -> Tensor:
        """Remove the noise; see `Autoencoder.forward`."""
        restored: Tensor = image - self.layers(image)
        return restored


class FFDNet(Autoencoder):
    """FFDNet for colour: 12 layers of 96 channels at half the size, told a map of the noise level.

    Zhang et al., "FFDNet: toward a fast and flexible solution for CNN-based image denoising", IEEE TIP 27 (2018).
    """

    channels = 3
    size_multiple = 2
    receptive_field = 51
    takes_sigma = True

    def __init__(self) -> None:
        super().__init__()
        self.layers = stack(4 * 3 + 1, 96, 4 * 3, depth=12)

    def forward(self, image: Tensor, sigma: Tensor) -> Tensor:
        """Remove the noise; height and width must be even. See `Autoencoder.forward`."""
        small = functional.pixel_unshuffle(image, 2)
        level = sigma.expand(small.shape[0], 1, small.shape[2], small.shape[3])
        return functional.pixel_shuffle(self.layers(torch.cat((small, level), 1)), 2)


def exported(network: Autoencoder, threads: int) -> Session:
    """Export a network as ours are and load it; nothing is written."""
    name = type(network).__name__
    card = ModelCard(
        name=name,
        size_multiple=network.size_multiple,
        receptive_field=network.receptive_field,
        takes_sigma=network.takes_sigma,
        estimates_sigma=network.estimates_sigma,
        parameters=count_parameters(network),
        kmac_per_pixel=macs_per_pixel(network) / 1e3,
    )
    data = to_onnx(network.eval(), card)
    worst = largest_difference(network, data)
    if not worst < TOLERANCE:
        raise SystemExit(f"{name}: onnxruntime and torch differ by {worst:.2g}")
    return Session(data, "cpu", threads, name)


def installed(model: str, threads: int) -> Session:
    """Load a model by its name or its file."""
    found = catalog.find(model)
    return Session(found.read(), "cpu", threads, found.card.name, found.card)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", action="append", help="photo by default")
    parser.add_argument("--tile", type=int, default=1024, help="side in pixels")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    torch.manual_seed(0)
    sessions = [exported(network, options.threads) for network in (DnCNN(), FFDNet())]
    sessions += [installed(model, options.threads) for model in options.model or ["photo"]]
    for card in (session.card for session in sessions):
        if card.fixed_size or options.tile % card.size_multiple:
            parser.error(f"{card.name} takes no tile of {options.tile} pixels")
    noisy = np.random.default_rng(0).random((1, 3, options.tile, options.tile), np.float32)
    ways = [
        partial(session.run, noisy[:, : session.card.channels], SIGMA if session.card.takes_sigma else None)
        for session in sessions
    ]
    seconds = take_turns(ways, options.repeats)
    print(f"{options.threads} threads, {options.tile} x {options.tile} pixels, {options.repeats} turns each\n")
    print_head(["model", "kMAC/pixel", "parameters", "MP/s", "times DnCNN", "times FFDNet"])
    for session, own in zip(sessions, seconds.T, strict=True):
        card = session.card
        speed = options.tile**2 / 1e6 / own
        ratios = [spread(published / own) for published in seconds.T[:2]]
        print_row([card.name, f"{card.kmac_per_pixel:.1f}", f"{card.parameters:,}", spread(speed), *ratios])


if __name__ == "__main__":
    main()
