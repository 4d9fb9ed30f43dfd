"""A network learns with the rounding that int8 will bring, so that it loses less by it.

Quantisation-aware training (Jacob et al., "Quantization and training of neural networks for efficient
integer-arithmetic-only inference", CVPR 2018): weights and activations are rounded on the way forward, and gradients
pass as if they were not. What is rounded, and to what, follows `denoise_ae.training.export.quantize`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

_EXACT = {"finest": ("head.", "tail.", "estimator.", "decoder.0."), "ends": ("head.", "tail.", "estimator.")}
"""Parts of a network whose convolutions stay in float32, by the word that `quantize` has for it.

The decoder's first are those at the finest scale.
"""

_STEPS = 255
_LARGEST_WEIGHT = 63
_TINY = 1e-12


class Rounding:
    """Rounds what the inner convolutions of a network read, and their weights.

    Args:
        network: gets hooks, but no other parameters or buffers: the ranges are those of the batch at hand, so that a
            resumed run goes on exactly.
        kept: what stays in float32: ``finest`` or ``ends``, see `denoise_ae.training.export.quantize.KEPT`.
    """

    def __init__(self, network: nn.Module, kept: str = "finest") -> None:
        self._network = network
        self._rounded = [
            name
            for name, module in network.named_modules()
            if isinstance(module, nn.Conv2d) and not f"{name}.".startswith(_EXACT[kept])
        ]
        for name in self._rounded:
            network.get_submodule(name).register_forward_pre_hook(_round_input)

    def __call__(self, image: Tensor, sigma: Tensor) -> Tensor:
        """Restore pictures with rounded weights; see `Autoencoder.forward`."""
        weights = {f"{name}.weight": round_weights(self._weight(name)) for name in self._rounded}
        restored: Tensor = torch.func.functional_call(self._network, weights, (image, sigma))
        return restored

    def _weight(self, name: str) -> Tensor:
        weight = self._network.get_submodule(name).weight
        assert isinstance(weight, Tensor)
        return weight


def _round_input(_module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return (round_activations(inputs[0]), *inputs[1:])


def round_activations(x: Tensor) -> Tensor:
    """Round activations NxCxHxW to 256 steps between the least and the largest; gradients pass unchanged.

    The channels' ranges have been brought nearer to each other first, as `equalize` does.
    """
    with torch.no_grad():
        error = x.float()  # of bfloat16, reductions take fifty times as long
        low, high = error.amin((0, 2, 3)), error.amax((0, 2, 3))
        peak = torch.maximum(-low, high)
        factor = (peak / peak.max().clamp_min(_TINY)).clamp_min(SMALLEST) ** TENSOR
        bottom, top = (low / factor).min().clamp_max(0), (high / factor).max().clamp_min(0)
        step = ((top - bottom) / _STEPS).clamp_min(_TINY)
        steps = (factor * step).view(1, -1, 1, 1)
        zero = (-bottom / step).round()
        # In place: with a new tensor for each step it takes seven times as long.
        error = (error / steps).add_(zero).round_().clamp_(0, _STEPS).sub_(zero).mul_(steps).sub_(x)
    return x + error


def round_weights(weight: Tensor) -> Tensor:
    """Round the weights of a convolution to 7 bits, with a step for each channel that they make; gradients pass."""
    with torch.no_grad():
        steps = weight.abs().amax((1, 2, 3), keepdim=True).clamp_min(_TINY) / _LARGEST_WEIGHT
        error = (weight / steps).round() * steps - weight
    return weight + error


SMALLEST = 1e-3
"""Least range that a channel is taken to have, of the widest channel's: dead ones shall not be blown up."""


TENSOR = 0.75
"""How much the ranges of a tensor's channels count; the rest is for the ranges of the weights that read them, which are
rounded too but matter less. Tried on `photo`: 0.5, 0.75 and 1."""
