"""Make a recipe's optimiser."""

from __future__ import annotations

from typing import Any

from torch import nn
from torch.optim import SGD, Adam, AdamW, Optimizer

from denoise_ae.training.fitting.muon import Muon
from denoise_ae.training.recipes.recipe import Recipe


def make_optimizer(recipe: Recipe, network: nn.Module) -> Optimizer:
    """Make the optimiser for the part of the network that is trained."""
    training = recipe.training
    parameters = [
        weight
        for name, weight in network.named_parameters()
        if training.part == "all" or name.startswith("estimator.") == (training.part == "estimator")
    ]
    common: dict[str, Any] = {"lr": training.learning_rate, "weight_decay": training.weight_decay}
    if training.optimizer == "sgd":
        return SGD(parameters, momentum=training.momentum, **common)
    if training.optimizer == "muon":
        return Muon(parameters, momentum=training.momentum, betas=training.betas, **common)
    # Fused, in one pass over all parameters: one by one they take a good part of a small network's step.
    adam = (AdamW if training.optimizer == "adamw" else Adam)(parameters, betas=training.betas, fused=True, **common)
    # It could unscale the gradients of mixed precision itself, but then Lightning would not clip them.
    adam._step_supports_amp_scaling = False
    return adam
