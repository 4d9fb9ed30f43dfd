"""Measures a training run: progress for the observer, figures and pictures for the run's folder."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.utilities.types import STEP_OUTPUT

from denoise_ae.errors import TrainingError
from denoise_ae.training.data.samples import TrainingBatch, TrainingData
from denoise_ae.training.fitting.latent import CodeSamples
from denoise_ae.training.fitting.module import Samples
from denoise_ae.training.fitting.observer import EpochReport, Observer, RunStart, StepReport
from denoise_ae.training.fitting.plots import draw_codes, draw_curves, draw_samples, draw_sheet, draw_walks
from denoise_ae.training.fitting.run_folder import RunFolder
from denoise_ae.training.recipes.recipe import Recipe, Stage

_STEPS_BETWEEN_REPORTS = 10
"""Reading the loss waits for the device, so that it is not done at every step."""

_SECONDS_BETWEEN_PICTURES = 30.0


class RunMonitor(Callback):
    """Measures a run, notifies its observer and fills its folder.

    Args:
        run: the run's folder.
        observer: is notified.
        recipe: the run's recipe.
        data: what is trained on.
        left_out: files that are not, each with the reason.
        steps_per_epoch: batches in an epoch.
    """

    def __init__(
        self,
        run: RunFolder,
        observer: Observer,
        recipe: Recipe,
        data: TrainingData,
        *,
        left_out: Sequence[str],
        steps_per_epoch: int,
    ) -> None:
        self._data, self._left_out = data, left_out
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
        """Report what is trained, and start the clock: resumed in mid-epoch, a run has no start of an epoch."""
        self._begin()
        if trainer.is_global_zero:
            steps, first = self._steps_per_epoch, trainer.global_step
            start = RunStart(str(self._run.path), self._recipe, steps, first, self._left_out, self._data.notes)
            self._observer.on_start(start)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the epoch's clock."""
        self._begin()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: STEP_OUTPUT, batch: TrainingBatch, batch_idx: int
    ) -> None:
        """Count the batch, and every few steps read the loss."""
        clean = batch[0]
        now = time.perf_counter()
        self._seconds += now - self._clock
        self._clock = now
        self._samples += len(clean) * trainer.world_size
        step = trainer.global_step
        if step % _STEPS_BETWEEN_REPORTS and not trainer.is_last_batch:
            return
        loss = float(outputs["loss"])  # type: ignore[index]
        if not math.isfinite(loss):
            raise TrainingError(
                f"the loss is {loss} at step {step}", "use a lower learning rate or clip_norm in the recipe"
            )
        self._loss_sum += loss
        self._loss_count += 1
        if trainer.is_global_zero:
            epoch, speed = trainer.current_epoch + 1, self._samples / max(self._seconds, 1e-9)
            self._observer.on_step(StepReport(epoch, step, self._total, loss, speed, self._seconds_left(step)))

    def _seconds_left(self, step: int) -> float:
        """Estimate from the pixels left and the speed so far: a later stage's larger batches take longer."""
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
        """Write the epoch's figures, and the pictures if the last ones are not recent."""
        if not trainer.is_global_zero:
            return
        figures = {name: float(value) for name, value in trainer.callback_metrics.items()}
        report = EpochReport(
            trainer.current_epoch + 1,
            trainer.global_step,
            self._loss_sum / max(self._loss_count, 1),
            figures["val_loss"],
            figures.get("val_psnr", math.nan),
            figures.get("noisy_psnr", math.nan),
            float(trainer.optimizers[0].param_groups[0]["lr"]),
            self._samples / max(self._seconds, 1e-9),
            self._seconds,
        )
        rows = self._run.append_metrics(vars(report))
        if self.best is None:  # a resumed run may have been best before
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
        self._run.write_picture(
            "codes.png", draw_codes(found.codes.numpy(), self._data.validation_labels[: len(found.codes)])
        )
        self._run.write_picture("walk.png", draw_walks(samples.clean, found.walks))
        if found.drawn is not None:
            self._run.write_picture("drawn.png", draw_sheet(found.drawn))


def _from_row(row: Mapping[str, float]) -> EpochReport:
    """Convert a row of ``metrics.csv`` back."""
    return EpochReport(**{**row, "epoch": int(row["epoch"]), "step": int(row["step"])})  # type: ignore[arg-type]
