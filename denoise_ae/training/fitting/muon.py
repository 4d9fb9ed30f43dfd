"""The optimiser Muon for convolutions: momentum that is orthogonalised before it is applied.

Torch's own (`torch.optim.Muon`) takes 2-D weights only, one after the other, in bfloat16, which most CPUs emulate.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter
from torch.optim import Optimizer
from torch.optim.adamw import adamw

SMALLEST_SIDE = 16
"""Fewest rows and columns of a matrix worth orthogonalising; smaller weights get AdamW."""

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
"""Coefficients of the quintic iteration, which brings all singular values to about 1 in five rounds."""


class Muon(Optimizer):
    """Muon (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/) for matrices, AdamW for other weights.

    A convolution's weight, out x in x height x width, is the matrix out x (height·width·in). Its update has orthogonal
    rows, scaled as Liu et al. 2025 ("Muon is scalable for LLM training") do, so that it is about as large as AdamW's
    and the same learning rate and weight decay serve both.

    Args:
        parameters: the weights to train.
        lr: learning rate.
        momentum: of the orthogonalised weights, with Nesterov's look-ahead.
        betas: of AdamW for the others.
        weight_decay: decoupled from the learning by gradients (Loshchilov and Hutter 2019).
    """

    def __init__(
        self,
        parameters: Iterable[Parameter],
        lr: float,
        momentum: float = 0.95,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
    ) -> None:
        weights = list(parameters)
        groups = [
            {"params": [p for p in weights if _is_matrix(p) == matrices], "matrices": matrices}
            for matrices in (True, False)
        ]
        defaults = {"lr": lr, "momentum": momentum, "betas": betas, "weight_decay": weight_decay}
        super().__init__([group for group in groups if group["params"]], defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:  # noqa: ANN401
        """Apply the gradients; closure, where given, computes them first and returns the loss."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            weights = [p for p in group["params"] if p.grad is not None]
            (self._step_matrices if group["matrices"] else self._step_others)(weights, group)
        return loss

    def _step_matrices(self, weights: list[Parameter], group: dict[str, Any]) -> None:
        if not weights:
            return
        gradients = [weight.grad for weight in weights if weight.grad is not None]
        momenta = [self._state(weight, "momentum_buffer") for weight in weights]
        torch._foreach_lerp_(momenta, gradients, 1 - group["momentum"])
        ahead = torch._foreach_lerp(gradients, momenta, group["momentum"])
        alike = defaultdict(list)
        for weight, gradient in zip(weights, ahead, strict=True):
            alike[weight.shape].append((weight, _as_matrix(gradient)))
        targets: list[Tensor] = []
        updates: list[Tensor] = []
        for shape, pairs in alike.items():
            # In batches of one shape: most are too small to keep a device busy alone.
            found = orthogonalise(torch.stack([matrix for _, matrix in pairs]))
            found *= 0.2 * math.sqrt(max(found.shape[1:]))
            targets += [weight for weight, _ in pairs]
            updates += [_as_weight(update, shape) for update in found]
        torch._foreach_mul_(targets, 1 - group["lr"] * group["weight_decay"])
        torch._foreach_add_(targets, updates, alpha=-group["lr"])

    def _step_others(self, weights: list[Parameter], group: dict[str, Any]) -> None:
        first, second = group["betas"]
        for weight in weights:
            if "step" not in self.state[weight]:
                self.state[weight]["step"] = torch.zeros(())
        adamw(
            [*weights],
            [weight.grad for weight in weights if weight.grad is not None],
            [self._state(weight, "exp_avg") for weight in weights],
            [self._state(weight, "exp_avg_sq") for weight in weights],
            [],
            [self.state[weight]["step"] for weight in weights],
            amsgrad=False,
            beta1=first,
            beta2=second,
            lr=group["lr"],
            weight_decay=group["weight_decay"],
            eps=1e-8,
            maximize=False,
        )

    def _state(self, weight: Parameter, name: str) -> Tensor:
        if name not in self.state[weight]:
            self.state[weight][name] = torch.zeros_like(weight)
        value: Tensor = self.state[weight][name]
        return value


def orthogonalise(matrices: Tensor) -> Tensor:
    """Bring the singular values of matrices, float N x rows x columns, to about 1 (0.7 to 1.2); keep the vectors.

    Singular values below a thousandth of a matrix's norm stay smaller. Newton-Schulz iteration with the coefficients
    of Jordan et al. 2024.
    """
    if matrices.shape[1] > matrices.shape[2]:
        return orthogonalise(matrices.mT).mT
    x: Tensor = matrices / matrices.norm(dim=(1, 2), keepdim=True).clamp_min(1e-7)
    a, b, c = NEWTON_SCHULZ
    for _ in range(5):
        gram = torch.bmm(x, x.mT)
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x


def _is_matrix(weight: Parameter) -> bool:
    return weight.ndim > 1 and min(weight.shape[0], weight[0].numel()) >= SMALLEST_SIDE


def _as_matrix(weight: Tensor) -> Tensor:
    """Return a weight as outputs x inputs, in the memory order of channels_last, so that nothing is copied."""
    return weight.movedim(1, -1).flatten(1)


def _as_weight(matrix: Tensor, shape: torch.Size) -> Tensor:
    weight: Tensor = matrix.view(shape[0], *shape[2:], shape[1]).movedim(-1, 1)
    return weight
