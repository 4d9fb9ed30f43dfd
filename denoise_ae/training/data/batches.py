"""The training batches as a data loader for Lightning, made between the steps or by worker processes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from lightning.pytorch import Trainer
from torch.utils.data import DataLoader, Dataset, Sampler

from denoise_ae.pixels.filters import use_one_thread
from denoise_ae.training.data.corruption import add_training_noise, needs_processor, noise_seed
from denoise_ae.training.data.samples import TrainingBatch, TrainingData
from denoise_ae.training.recipes.recipe import Recipe

_MADE_AHEAD = 4
"""Batches that each worker prepares in advance."""


class _Batches(Dataset[TrainingBatch]):
    def __init__(self, recipe: Recipe, data: TrainingData, steps_per_epoch: int, *, corrupted: bool) -> None:
        self._recipe, self._data, self._steps, self._corrupted = recipe, data, steps_per_epoch, corrupted

    def __getitem__(self, place: tuple[int, int]) -> TrainingBatch:
        step, index = place
        epoch = step // self._steps
        stage = self._recipe.stage_at(step, self._recipe.training.epochs * self._steps)
        pictures = self._data.batch(epoch, index, stage)
        own = self._data.own_noise(epoch, index, stage, pictures)
        seed = noise_seed(self._recipe, epoch, index)
        corrupted = add_training_noise(pictures, self._recipe, seed) if self._corrupted and own is None else None
        return TrainingBatch(pictures, seed, own, corrupted)


class _Places(Sampler[tuple[int, int]]):
    """The remaining steps of an epoch, each with the index of this process's batch in the epoch."""

    def __init__(self, steps_per_epoch: int) -> None:
        self._steps = steps_per_epoch
        self.trainer: Trainer | None = None

    def __len__(self) -> int:
        return self._steps

    def __iter__(self) -> Iterator[tuple[int, int]]:
        assert self.trainer is not None
        world, rank, first = self.trainer.world_size, self.trainer.global_rank, self.trainer.global_step
        for step in range(first, (first // self._steps + 1) * self._steps):
            yield step, (step % self._steps) * world + rank


class Batches(DataLoader[TrainingBatch]):
    """The training loader. It starts at the trainer's global step, so that a run resumes in mid-epoch.

    Args:
        recipe: the run's recipe.
        data: where pictures come from.
        steps_per_epoch: batches in an epoch.
        workers: processes that prepare batches, and their noise where that is drawn on the CPU; 0 makes them between
            the steps. The batches are the same.
    """

    def __init__(self, recipe: Recipe, data: TrainingData, steps_per_epoch: int, workers: int) -> None:
        self._places = _Places(steps_per_epoch)
        corrupted = workers > 0 and needs_processor(recipe)
        super().__init__(
            _Batches(recipe, data, steps_per_epoch, corrupted=corrupted),
            batch_size=None,
            sampler=self._places,
            num_workers=workers,
            prefetch_factor=_MADE_AHEAD if workers else None,
            persistent_workers=workers > 0,
            pin_memory=workers > 0 and torch.cuda.is_available(),
            worker_init_fn=_begin_worker,
            # Its own generator, so that the caller's random numbers stay as they are.
            generator=torch.Generator(),
        )

    def start(self, trainer: Trainer) -> None:
        """Set the trainer whose global step counts; needed before the first batch."""
        self._places.trainer = trainer

    def state_dict(self) -> dict[str, Any]:
        """Return nothing: batches follow from the step. That it exists tells Lightning that resuming is exact."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Nothing to restore, see `state_dict`."""


def _begin_worker(number: int) -> None:
    # A worker is forked from a process that may have started OpenCV's threads, and would wait for them for ever.
    use_one_thread()
