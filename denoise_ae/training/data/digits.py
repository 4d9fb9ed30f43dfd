"""MNIST's digits as training data."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from denoise_ae.errors import TrainingError
from denoise_ae.training.data.corruption import add_validation_noise, mix_seed
from denoise_ae.training.data.samples import OwnNoise, ValidationBatch
from denoise_ae.training.recipes.recipe import Recipe, Stage

MNIST_VALIDATION = 5_000
"""Training digits held out for validation."""


VALIDATION_BATCH = 500
"""Digits in a validation batch."""


class Digits:
    """MNIST's training digits, shuffled anew each epoch."""

    notes: Sequence[str] = ()

    def __init__(self, recipe: Recipe, images: np.ndarray, labels: np.ndarray | None = None) -> None:
        self._recipe = recipe
        held_out = min(MNIST_VALIDATION, len(images) // 5)
        if not held_out:
            raise TrainingError(f"{len(images)} digits are too few to train on", "at least 5 are needed")
        tensor = torch.from_numpy(np.ascontiguousarray(images)).unsqueeze(1)
        self._images, self._held_out = tensor[:-held_out], tensor[-held_out:]
        self.validation_labels = [] if labels is None else labels[-held_out:].tolist()
        self._order: tuple[int, Tensor] | None = None
        self.steps_per_epoch = max(1, len(self._images) // recipe.training.stages[0].batch)

    def batch(self, epoch: int, index: int, stage: Stage) -> Tensor:
        """See `TrainingData.batch`; an epoch longer than the data starts over."""
        if self._order is None or self._order[0] != epoch:
            shuffle = torch.Generator().manual_seed(mix_seed(self._recipe.seed, epoch))
            self._order = (epoch, torch.randperm(len(self._images), generator=shuffle))
        order = self._order[1]
        positions = torch.arange(index * stage.batch, (index + 1) * stage.batch) % len(order)
        return self._images[order[positions]].float().div_(255)

    def own_noise(self, epoch: int, index: int, stage: Stage, pictures: Tensor) -> OwnNoise | None:
        """See `TrainingData.own_noise`: they are clean."""
        return None

    def validation(self) -> list[ValidationBatch]:
        """See `TrainingData.validation`."""
        parts = torch.split(self._held_out.float().div(255), VALIDATION_BATCH)
        return [(clean, *add_validation_noise(clean, self._recipe, number)) for number, clean in enumerate(parts)]
