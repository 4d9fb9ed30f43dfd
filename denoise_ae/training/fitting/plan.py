"""The plan of a training run: its recipe, the network with its first weights, and the teacher."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from denoise_ae.training.fitting.pretrained import Pretrained, load_teacher
from denoise_ae.training.networks.autoencoder import Autoencoder
from denoise_ae.training.networks.build import build
from denoise_ae.training.recipes.recipe import Recipe


@dataclass(frozen=True)
class TrainingPlan:
    """What a run trains. The network is trained in place, so that a plan is for one run only."""

    recipe: Recipe
    network: Autoencoder
    """With drawn weights, or with those that training starts from."""
    teacher: Autoencoder | None = None
    """Its output is the target instead of the clean pictures."""
    fresh: Sequence[str] = ()
    """Parameters that the weights to start from lack, and that keep their drawn values."""
    left_out: Sequence[str] = ()
    """Parameters of those weights that the network does not have."""


def make_plan(recipe: Recipe, start: Pretrained | None = None) -> TrainingPlan:
    """Build a run's networks. The recipe's seed draws the weights; the caller's random numbers stay as they are.

    Args:
        recipe: what to train.
        start: weights to start from.

    Raises:
        ModelError: the teacher can't be read.
        TrainingError: the weights do not fit the network, or the teacher can't teach it.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        # channels_last is the fast layout of convolutions on CPUs.
        network = build(recipe.network).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        teacher = load_teacher(recipe) if recipe.training.teacher else None
    if start is None:
        return TrainingPlan(recipe, network, teacher)
    fresh, left_out = start.fresh(network), start.left_out(network)
    start.load_into(network)
    return TrainingPlan(recipe, network, teacher, fresh, left_out)
