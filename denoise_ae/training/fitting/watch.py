"""Watches a run: speed, losses and time left for whoever looks on, figures and pictures for the run's folder."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.utilities.types import STEP_OUTPUT
from torch import Tensor

from denoise_ae.errors import TrainingError
from denoise_ae.training.data.samples import TrainingBatch
from denoise_ae.training.fitting.latent import CodeSamples
from denoise_ae.training.fitting.plots import draw_codes, draw_curves, draw_samples, draw_sheet, draw_walks
from denoise_ae.training.fitting.run_folder import RunFolder
from denoise_ae.training.recipes.recipe import Recipe, Stage

_STEPS_BETWEEN_LOOKS = 10
"""Reading the loss waits for the device, so that it is not done at every step."""

_SECONDS_BETWEEN_PICTURES = 30.0


@dataclass(frozen=True)
class Samples:
    """A few validation pictures, float NxCxHxW on [0, 1]."""

    clean: Tensor | None
    """None where nobody has it."""
    noisy: Tensor
    restored: Tensor
    codes: CodeSamples | None = None
    """Of networks with a latent code."""


@dataclass(frozen=True)
class Remarks:
    """What there is to say about the training pictures."""

    left_out: Sequence[str]
    """Files that are not trained on, each with the reason."""
    notes: Sequence[str] = ()
    """What was found out about the others."""


@dataclass(frozen=True)
class Start:
    """A run begins or goes on."""

    run: str
    recipe: Recipe
    epochs: int
    steps_per_epoch: int
    first_step: int
    left_out: Sequence[str]
    """Files that are not trained on, each with the reason."""
    notes: Sequence[str] = ()
    """What was found out about the pictures."""


@dataclass(frozen=True)
class StepReport:
    """Where the run is."""

    epoch: int
    step: int
    total_steps: int
    loss: float
    learning_rate: float
    samples_per_second: float
    seconds_left: float


@dataclass(frozen=True)
class EpochReport:
    """An epoch has ended; PSNR in dB, mean over the validation pictures, no number where nothing clean is known."""

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
        """What the best epoch has most of: PSNR, or else the negative validation loss."""
        return -self.val_loss if math.isnan(self.val_psnr) else self.val_psnr


class Observer:
    """Is told what happens in a run; the base class looks away."""

    def on_download(self, name: str, received: int, total: int) -> None:
        """A file of the training data is being fetched: bytes so far, and in all (0 where unknown)."""

    def on_start(self, start: Start) -> None:
        """Training starts."""

    def on_step(self, report: StepReport) -> None:
        """Some steps were made."""

    def on_epoch(self, report: EpochReport, *, best: bool) -> None:
        """An epoch ended; `best` says that its `quality` is the highest so far."""


class Watch(Callback):
    """Measures a run, tells its observer and fills its folder."""

    def __init__(
        self,
        run: RunFolder,
        observer: Observer,
        recipe: Recipe,
        steps_per_epoch: int,
        remarks: Remarks,
        *,
        labels: Sequence[int] = (),
    ) -> None:
        self._remarks, self._labels = remarks, labels
        self._run, self._observer, self._recipe = run, observer, recipe
        self._steps_per_epoch = steps_per_epoch
        self._total = recipe.training.epochs * steps_per_epoch
        self.best: EpochReport | None = None
        self._last_picture = float("-inf")
        self._begin()

    def _begin(self) -> None:
        self._loss_sum, self._loss_count = 0.0, 0
        self._samples, self._seconds = 0, 0.0
        self._clock = time.perf_counter()

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Say what is trained, and start the clock: a run that is resumed in mid-epoch has no start of an epoch."""
        self._begin()
        if trainer.is_global_zero:
            epochs = self._recipe.training.epochs
            self._observer.on_start(
                Start(
                    str(self._run.path),
                    self._recipe,
                    epochs,
                    self._steps_per_epoch,
                    trainer.global_step,
                    self._remarks.left_out,
                    self._remarks.notes,
                )
            )

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the epoch's clock."""
        self._begin()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: STEP_OUTPUT, batch: TrainingBatch, batch_idx: int
    ) -> None:
        """Count the batch, and every few steps look at the loss."""
        clean = batch[0]
        now = time.perf_counter()
        self._seconds += now - self._clock
        self._clock = now
        self._samples += len(clean) * trainer.world_size
        step = trainer.global_step
        if step % _STEPS_BETWEEN_LOOKS and not trainer.is_last_batch:
            return
        loss = float(outputs["loss"])  # type: ignore[index]
        if not math.isfinite(loss):
            raise TrainingError(
                f"the loss is {loss} at step {step}", "use a lower learning rate or clip_norm in the recipe"
            )
        self._loss_sum += loss
        self._loss_count += 1
        if trainer.is_global_zero:
            self._observer.on_step(
                StepReport(
                    trainer.current_epoch,
                    step,
                    self._total,
                    loss,
                    _learning_rate(trainer),
                    self._samples / max(self._seconds, 1e-9),
                    self._seconds_left(step),
                )
            )

    def _seconds_left(self, step: int) -> float:
        """Pixels that are left by the speed so far: a later stage's larger batches take longer."""
        left = sum(
            stage.batch * stage.patch**2 * max(0, end - max(step, begin)) for stage, begin, end in self._stage_spans()
        )
        here = self._recipe.stage_at(min(step, self._total - 1), self._total)
        pixels = self._samples * here.patch**2
        return left * self._seconds / max(pixels, 1)

    def _stage_spans(self) -> list[tuple[Stage, int, int]]:
        stages = self._recipe.training.stages
        starts = [round(stage.start * self._total) for stage in stages]
        return list(zip(stages, starts, [*starts[1:], self._total], strict=True))

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the epoch's figures and, not too often, the pictures."""
        if not trainer.is_global_zero:
            return
        figures = {name: float(value) for name, value in trainer.callback_metrics.items()}
        report = EpochReport(
            trainer.current_epoch,
            trainer.global_step,
            self._loss_sum / max(self._loss_count, 1),
            figures["val_loss"],
            figures.get("val_psnr", math.nan),
            figures.get("noisy_psnr", math.nan),
            _learning_rate(trainer),
            self._samples / max(self._seconds, 1e-9),
            self._seconds,
        )
        rows = self._run.append_metrics(vars(report))
        if self.best is None:  # after a resume the best may lie in an earlier session
            self.best = max(map(_from_row, rows), key=lambda earlier: earlier.quality)
        elif report.quality > self.best.quality:
            self.best = report
        self._observer.on_epoch(report, best=self.best.epoch == report.epoch)
        now = time.perf_counter()
        ending = trainer.should_stop or trainer.global_step >= self._total
        if ending or now - self._last_picture > _SECONDS_BETWEEN_PICTURES:
            self._last_picture = now
            self._run.write_picture("loss.png", draw_curves(rows))
            samples: Samples | None = pl_module.samples  # type: ignore[assignment]
            if samples is not None:
                self._run.write_picture("samples.png", draw_samples(samples.clean, samples.noisy, samples.restored))
            if samples is not None and samples.codes is not None:
                self._draw_codes(samples, samples.codes)

    def _draw_codes(self, samples: Samples, found: CodeSamples) -> None:
        assert samples.clean is not None
        self._run.write_picture("codes.png", draw_codes(found.codes.numpy(), self._labels[: len(found.codes)]))
        self._run.write_picture("walk.png", draw_walks(samples.clean, found.walks))
        if found.drawn is not None:
            self._run.write_picture("drawn.png", draw_sheet(found.drawn))


def _from_row(row: Mapping[str, float]) -> EpochReport:
    """Read a row of ``metrics.csv`` again."""
    return EpochReport(**{**row, "epoch": int(row["epoch"]), "step": int(row["step"])})  # type: ignore[arg-type]


def _learning_rate(trainer: Trainer) -> float:
    return float(trainer.optimizers[0].param_groups[0]["lr"])
