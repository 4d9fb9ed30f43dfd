"""Shows what a batch does. Imported when there is one to show: rich's progress takes a while to load."""

from __future__ import annotations

import json
import sys
import time
import traceback
from types import TracebackType
from typing import Any, Self

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Column
from rich.text import Text

from denoise_ae import jobs
from denoise_ae.cli.render import is_terminal, print_error, print_line, printable, stderr_console
from denoise_ae.errors import DenoiseError
from denoise_ae.jobs import Cleaned, Event, Failed, Job, Skipped, Started
from denoise_ae.planning import STREAM


class BatchReport:
    """Shows a batch's events: a line for each picture, a bar below them on a terminal, and what came of it at the end.

    Everything goes to stderr, but with `as_json` a JSON object for each picture, and one for the whole, go to stdout
    instead of the lines. Used as a context manager around the events.

    Args:
        total: how many pictures and folders there are to tell about.
        quiet: only errors.
        as_json: JSON on stdout; on stderr only errors.
        debug: a traceback with each error.
    """

    def __init__(self, total: int, *, quiet: bool = False, as_json: bool = False, debug: bool = False) -> None:
        self.failures: list[DenoiseError] = []
        self._total = total
        self._tells = not (quiet or as_json)
        self._as_json = as_json
        self._debug = debug
        self._console = stderr_console()
        self._cleaned = self._skipped = 0
        self._megapixels = 0.0
        self._model = self._device = ""
        self._begin = time.perf_counter()
        # Not while JSON runs over the same screen, nor where rich only believes in a terminal (FORCE_COLOR).
        shown = not quiet and is_terminal(sys.stderr) and not (as_json and is_terminal(sys.stdout))
        self._bar = Progress(
            TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, ratio=1)),
            BarColumn(bar_width=20),
            TaskProgressColumn(),
            TextColumn("{task.fields[counts]}", markup=False, table_column=Column(no_wrap=True)),
            TimeRemainingColumn(compact=True),
            console=self._console,
            transient=True,
            redirect_stdout=False,  # stdout may be a file of JSON lines or the picture itself
            disable=not shown,
            expand=True,
        )
        self._task = self._bar.add_task("", total=total, counts=f"0/{total}")

    def __enter__(self) -> Self:
        """Start the bar."""
        self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Take the bar away."""
        self._bar.stop()

    def show_model(self, name: str, device: str) -> None:
        """Say which model runs where, since ``auto`` may have chosen."""
        self._model, self._device = name, device
        self._begin = time.perf_counter()  # loading it is no part of the speed
        if self._tells:
            print_line(self._console, (f"model {name} on {device}", "dim"))

    def show(self, event: Event) -> None:
        """Show one event."""
        settled = self._cleaned + self._skipped + len(self.failures)
        if isinstance(event, Started):
            self._bar.update(self._task, description=printable(event.job.name), completed=settled)
            return
        if isinstance(event, jobs.Progress):
            # The picture before this one may still be being written: never let the bar run back.
            self._bar.update(self._task, completed=min(settled + event.done / event.total, self._total))
            return
        if isinstance(event, Cleaned):
            self._show_cleaned(event)
        elif isinstance(event, Skipped):
            self._show_skipped(event)
        else:
            self._show_failed(event)
        settled += 1
        counts = f"{settled}/{self._total}"
        if self._megapixels:
            counts += f" {self._megapixels / self._seconds():.2f} MP/s"
        self._bar.update(self._task, completed=settled, counts=counts)

    def finish(self, *, interrupted: bool = False) -> None:
        """Say how many were cleaned, skipped and failed, and name each failure."""
        if self._as_json:
            self._print_json(
                None,
                status="summary",
                cleaned=self._cleaned,
                skipped=self._skipped,
                failed=len(self.failures),
                megapixels=round(self._megapixels, 6),
                seconds=round(self._seconds(), 3),
                model=self._model,
                device=self._device,
                interrupted=interrupted,
            )
        if not self._tells:
            return
        if interrupted:
            print_line(self._console, ("interrupted: ", "bold red"), "what was not whole is not written")
        if self._total == 1:
            return
        counts = f"{self._cleaned} cleaned, {self._skipped} skipped, {len(self.failures)} failed"
        speed = f" ({self._megapixels / self._seconds():.2f} megapixels a second)" if self._megapixels else ""
        print_line(self._console, (counts, "bold"), speed)
        for error in self.failures:
            print_line(self._console, ("failed: ", "red"), error.message)

    def _show_cleaned(self, event: Cleaned) -> None:
        self._cleaned += 1
        self._megapixels += event.megapixels
        if self._as_json:
            self._print_json(
                event.job,
                status="cleaned",
                megapixels=round(event.megapixels, 6),
                seconds=round(event.seconds, 3),
                sigma=round(event.sigma, 2),
                sigma_estimated=event.estimated,
                little_noise=event.little_noise,
                warnings=list(event.warnings),
            )
        if not self._tells:
            return
        noise = f"sigma {event.sigma:.1f}{' estimated' if event.estimated else ''}"
        print_line(
            self._console,
            f"{event.job.name} -> {event.job.output_name}",
            (f"  {event.megapixels:.1f} MP in {event.seconds:.1f} s, {noise}", "dim"),
            "; little noise found" if event.little_noise else "",
        )
        for warning in event.warnings:
            print_line(self._console, ("warning: ", "yellow"), f"{event.job.name}: {warning}")

    def _show_skipped(self, event: Skipped) -> None:
        self._skipped += 1
        if self._as_json:
            self._print_json(event.job, status="skipped", reason=event.reason)
        if self._tells:
            print_line(self._console, ("skipped: ", "dim"), f"{event.job.name}: {event.reason}")

    def _show_failed(self, event: Failed) -> None:
        self.failures.append(event.error)
        if self._as_json:
            self._print_json(event.job, status="failed", error=event.error.message, hint=event.error.hint)
        print_error(event.error.message, event.error.hint, self._console)
        if self._debug:
            self._console.print(Text("".join(traceback.format_exception(event.error))), soft_wrap=True)

    def _print_json(self, job: Job | None, **values: Any) -> None:  # noqa: ANN401 - whatever JSON takes
        if job:
            names = {"file": str(job.source or STREAM), "output": str(job.output) if job.output else None}
            values = {**names, **values}
        sys.stdout.write(json.dumps(values) + "\n")
        sys.stdout.flush()

    def _seconds(self) -> float:
        return time.perf_counter() - self._begin
