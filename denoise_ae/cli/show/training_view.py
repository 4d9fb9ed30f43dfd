"""Shows a training run: a progress bar on a terminal, and a line per epoch everywhere."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.progress import BarColumn, Progress, TextColumn

from denoise_ae.cli.show.render import print_line, stderr_console
from denoise_ae.training.fitting.observer import EpochReport, Observer, RunStart, StepReport
from denoise_ae.training.recipes.description import describe_noise

_SECONDS_BETWEEN_LINES = 60.0
"""Between lines within an epoch, where there is no terminal for a bar."""

_LEFT_OUT_SHOWN = 5


class TrainingView(Observer):
    """Shows a run's start, progress and epochs on stderr.

    Args:
        quiet: show nothing.
    """

    def __init__(self, *, quiet: bool) -> None:
        self._console = stderr_console()
        self._quiet = quiet
        # Lightning announces devices, tips and its own services.
        for name in ("lightning.pytorch", "lightning.fabric"):
            logging.getLogger(name).setLevel(logging.ERROR)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[figures]}"),
            console=self._console,
            disable=quiet or not self._console.is_terminal,
            expand=True,
            transient=True,
        )
        self._task = self._bar.add_task("reading the data", total=None, figures="")
        self._fetching = ""
        self._epochs = 0
        self._last_line = time.perf_counter()

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def _say(self, *parts: str | tuple[str, str]) -> None:
        if not self._quiet:
            print_line(self._console, *parts)

    def on_download(self, name: str, received: int, total: int) -> None:
        """Update the bar; without a terminal, print a line for each file."""
        if name != self._fetching:
            self._fetching = name
            self._say(("fetching ", "bold"), name)
        size = f"{received / 1e6:.1f} of {total / 1e6:.1f} MB" if total else f"{received / 1e6:.1f} MB"
        self._bar.update(
            self._task, description=f"fetching {name}", completed=received, total=total or None, figures=size
        )

    def on_start(self, start: RunStart) -> None:
        """Print what is trained, on what, and where it is kept."""
        recipe, steps = start.recipe, start.steps_per_epoch
        self._epochs = recipe.training.epochs
        for line in start.left_out[:_LEFT_OUT_SHOWN]:
            self._say(("left out: ", "yellow"), line)
        if len(start.left_out) > _LEFT_OUT_SHOWN:
            self._say(("left out: ", "yellow"), f"{len(start.left_out) - _LEFT_OUT_SHOWN} more")
        self._say(
            ("training ", "bold"),
            f"{recipe.name}: {recipe.network.type} on {recipe.data.kind}; noise: {describe_noise(recipe)}; "
            f"{_count(self._epochs, 'epoch')}, {_count(steps, 'step')}{' each' * (self._epochs > 1)}; in {start.run}",
        )
        if start.first_step:
            self._say(f"resuming after step {start.first_step}")
        for line in start.notes:
            self._say(("found: ", "bold"), line)
        self._bar.update(
            self._task, description="epoch", total=self._epochs * steps, completed=start.first_step, figures=""
        )

    def on_step(self, report: StepReport) -> None:
        """Update the bar; without a terminal, print a line now and then."""
        left = _duration(report.seconds_left)
        self._bar.update(
            self._task,
            completed=report.step,
            description=f"epoch {report.epoch}/{self._epochs}",
            figures=f"loss {report.loss:.3g}  {report.samples_per_second:.0f} samples/s  {left} left",
        )
        now = time.perf_counter()
        if self._bar.disable and now - self._last_line > _SECONDS_BETWEEN_LINES:
            self._last_line = now
            self._say(
                f"step {report.step}/{report.total_steps}  loss {report.loss:.3g}  "
                f"{report.samples_per_second:.0f} samples/s  {left} left"
            )

    def on_epoch(self, report: EpochReport, *, best: bool) -> None:
        """Print the epoch's line."""
        self._last_line = time.perf_counter()
        # NaN in self-supervised training.
        psnr = f"  PSNR {report.val_psnr:.2f} dB (noisy {report.noisy_psnr:.2f})" if report.val_psnr > 0 else ""
        self._say(
            f"epoch {report.epoch}/{self._epochs}  training loss {report.train_loss:.4g}  validation loss "
            f"{report.val_loss:.4g}{psnr}  "
            f"{report.samples_per_second:.0f} samples/s  {_duration(report.seconds)}",
            *([("  best", "green")] if best else []),
        )

    def done(self, run: Path) -> None:
        """Print where the results are and what to do next."""
        pictures = sorted(path.name for path in run.glob("*.png"))
        self._say(("done: ", "bold green"), f"{run} holds {', '.join(pictures)} and checkpoints/best.ckpt")
        self._say(("next: ", "bold"), f"denoise-ae export {run}")


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' * (number != 1)}"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
