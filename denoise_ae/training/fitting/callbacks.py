"""Checkpoints on Ctrl-C and with the run's state, and the update rule of the weights' moving average."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import replace
from types import FrameType
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.utilities.types import STEP_OUTPUT
from torch import Tensor

from denoise_ae.errors import DenoiseError
from denoise_ae.training.data.samples import TrainingBatch
from denoise_ae.training.fitting.checkpoint import CHECKPOINT_KEY, RunState
from denoise_ae.training.fitting.run_folder import RunFolder


class TrainingInterruptedError(DenoiseError):
    """Training was stopped by Ctrl-C or a termination signal; a checkpoint was written first."""

    exit_status = 130


def ema_update(decay: float) -> Callable[[list[Tensor], list[Tensor], Tensor | int], None]:
    """Return the update of an exponential moving average, with a decay that starts low so that early steps fade.

    The warm-up is TensorFlow's ``num_updates`` rule: min(decay, (1 + n) / (10 + n)).
    """

    def update(means: list[Tensor], currents: list[Tensor], count: Tensor | int) -> None:
        n = float(count)
        torch._foreach_lerp_(means, currents, 1 - min(decay, (1 + n) / (10 + n)))

    return update


class CheckpointKeeper(Callback):
    """Adds the run's state to checkpoints, and writes one when a signal stops the run."""

    def __init__(self, run: RunFolder, state: RunState) -> None:
        self._run, self._state = run, state
        self._stop: int | None = None
        self._before: dict[int, Any] = {}

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Handle Ctrl-C and SIGTERM."""
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._ask_to_stop)

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Restore the signal handlers."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before.clear()

    def _ask_to_stop(self, number: int, _frame: FrameType | None) -> None:
        self._stop = number
        # A second Ctrl-C stops at once.
        signal.signal(number, self._before[number])

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: STEP_OUTPUT, batch: TrainingBatch, batch_idx: int
    ) -> None:
        """Stop in mid-epoch if asked to."""
        # After an epoch's last step its end writes a checkpoint anyway.
        if self._stop is not None and not trainer.is_last_batch:
            trainer.save_checkpoint(self._run.last)
            self._leave(trainer)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Don't start another epoch if asked to stop."""
        trainer.should_stop = trainer.should_stop or self._stop is not None

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stop after the epoch's own checkpoint if asked to."""
        if self._stop is not None:
            self._leave(trainer)

    def _leave(self, trainer: Trainer) -> None:
        raise TrainingInterruptedError(
            f"stopped at step {trainer.global_step}; the checkpoint is {self._run.last}",
            f"go on with: denoise-ae train --resume {self._run.path}",
        )

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Add the run's state and the latest validation figures."""
        figures = {
            label: float(trainer.callback_metrics[key])
            for label, key in (("validation", "val_psnr"), ("validation, noisy input", "noisy_psnr"))
            if key in trainer.callback_metrics
        }
        checkpoint[CHECKPOINT_KEY] = replace(self._state, figures=figures).to_dict()
