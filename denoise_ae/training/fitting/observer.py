"""What an observer of a training run is notified of."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from denoise_ae.training.recipes.recipe import Recipe


@dataclass(frozen=True)
class RunStart:
    """A run starts or is resumed."""

    run: str
    """Its folder."""
    recipe: Recipe
    steps_per_epoch: int
    first_step: int
    """Steps made before; 0 for a new run."""
    left_out: Sequence[str]
    """Files that are not trained on, each with the reason."""
    notes: Sequence[str] = ()
    """What was measured in the pictures."""


@dataclass(frozen=True)
class StepReport:
    """Progress of a run; epochs and steps count from 1."""

    epoch: int
    step: int
    total_steps: int
    loss: float
    samples_per_second: float
    seconds_left: float


@dataclass(frozen=True)
class EpochReport:
    """An epoch has ended; its fields are the columns of ``metrics.csv``. Epochs and steps count from 1.

    PSNR in dB is the mean over the validation pictures, NaN in self-supervised training.
    """

    epoch: int
    step: int
    train_loss: float
    val_loss: float
    val_psnr: float
    noisy_psnr: float
    learning_rate: float
    samples_per_second: float
    seconds: float

    @property
    def quality(self) -> float:
        """The figure that is highest in the best epoch: PSNR, or else the negative validation loss."""
        return -self.val_loss if math.isnan(self.val_psnr) else self.val_psnr


class Observer:
    """Is notified of a run's progress; the base class ignores it."""

    def on_download(self, name: str, received: int, total: int) -> None:
        """Part of a file of training data has been downloaded: bytes so far, and in all (0 if unknown)."""

    def on_start(self, start: RunStart) -> None:
        """Training starts."""

    def on_step(self, report: StepReport) -> None:
        """Some steps were made."""

    def on_epoch(self, report: EpochReport, *, best: bool) -> None:
        """An epoch ended; `best`: its `quality` is the highest so far."""
