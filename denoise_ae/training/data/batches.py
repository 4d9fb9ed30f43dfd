"""The training batches as Lightning takes them: made between the steps, or by workers beside them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from lightning.pytorch import Trainer
from torch.utils.data import DataLoader, Dataset, Sampler

from denoise_ae.pixels.filters import use_one_thread
from denoise_ae.training.data.corruption import needs_processor, noise_seed, spoil
from denoise_ae.training.data.samples import TrainingBatch, TrainingData
from denoise_ae.training.recipes.recipe import Recipe

_MADE_AHEAD = 4
"""Batches that wait for each worker."""


class _Batches(Dataset[TrainingBatch]):
    def __init__(self, recipe: Recipe, data: TrainingData, steps_per_epoch: int, *, spoiled: bool) -> None:
        self._recipe, self._data, self._steps, self._spoiled = recipe, data, steps_per_epoch, spoiled

    def __getitem__(self, place: tuple[int, int]) -> TrainingBatch:
        step, index = place
        epoch = step // self._steps
        stage = self._recipe.stage_at(step, self._recipe.training.epochs * self._steps)
        pictures = self._data.batch(epoch, index, stage)
        own = self._data.own_noise(epoch, index, stage, pictures)
        seed = noise_seed(self._recipe, epoch, index)
        spoiled = spoil(pictures, self._recipe, seed) if self._spoiled and own is None else None
        return TrainingBatch(pictures, seed, own, spoiled)


class _Places(Sampler[tuple[int, int]]):
    """The steps that are left of an epoch, with the index in the epoch of this process's batch."""

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
    """Lightning's training loader: begins where the global step says, so that a run resumes in mid-epoch.

    Args:
        recipe: what is trained.
        data: where pictures come from.
        steps_per_epoch: batches of an epoch.
        workers: processes that make them meanwhile, with their noise where the device does not draw that; 0 makes them
            between the steps. The batches are the same.
    """

    def __init__(self, recipe: Recipe, data: TrainingData, steps_per_epoch: int, workers: int) -> None:
        self._places = _Places(steps_per_epoch)
        spoiled = workers > 0 and needs_processor(recipe)
        super().__init__(
            _Batches(recipe, data, steps_per_epoch, spoiled=spoiled),
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
        """Tell it whose steps it is to count; before it is asked for batches."""
        self._places.trainer = trainer

    def state_dict(self) -> dict[str, Any]:
        """Nothing to keep: batches follow from the step. Its presence tells Lightning that resuming is exact."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Nothing to restore, see `state_dict`."""


def _begin_worker(number: int) -> None:
    # A worker is a copy of a process that may have had OpenCV's threads, and waits for ever for them.
    use_one_thread()
