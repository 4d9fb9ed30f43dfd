"""Show what a batch does, on the terminal and as JSON. Imported late: rich's progress takes a while to load."""

from __future__ import annotations

import json
import sys
import time
import traceback
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Self

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Column
from rich.text import Text

from denoise_ae.batch import jobs
from denoise_ae.batch.jobs import Cleaned, Event, Failed, Job, Outcome, Planned, Repaired, Skipped, Started, Written
from denoise_ae.cli.show.records import print_out, record
from denoise_ae.cli.show.render import is_terminal, print_error, print_line, printable, stderr_console
from denoise_ae.errors import DenoiseError
from denoise_ae.system.files import LineFile


class BatchReport:
    """Shows a batch's events: a line for each picture, a bar below them on a terminal, and what came of it at the end.

    Everything goes to stderr, but with `as_json` a JSON object for each picture, and one for the whole, go to stdout
    instead of the lines. Used as a context manager around the events.

    Args:
        quiet: only errors.
        as_json: JSON on stdout; on stderr only errors.
        debug: a traceback with each error.
        file: where a line of JSON for each picture goes too; None: nowhere.
        endless: whether only an interruption ends it.
        to_continue: how an interrupted batch is continued; empty where it can't be.
    """

    def __init__(
        self,
        *,
        quiet: bool = False,
        as_json: bool = False,
        debug: bool = False,
        file: LineFile | None = None,
        endless: bool = False,
        to_continue: str = "",
    ) -> None:
        self.failures: list[DenoiseError] = []
        self._total = 0
        self._endless = endless
        self._to_continue = to_continue
        self._tells = not (quiet or as_json)
        self._as_json = as_json
        self._debug = debug
        self._file = file
        self._console = stderr_console()
        self._cleaned = self._planned = self._skipped = self._finished = 0
        self._parts: dict[Job, float] = {}
        self._megapixels = 0.0
        self._model = self._device = ""
        self._worked = 0.0
        self._since: float | None = None
        # Not while JSON runs over the same screen, nor where rich only believes in a terminal (FORCE_COLOR), nor on one
        # that can't go back in a line, where rich would leave an empty one.
        shown = not quiet and is_terminal(sys.stderr) and not self._console.is_dumb_terminal
        shown = shown and not (as_json and is_terminal(sys.stdout))
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
        self._task = self._bar.add_task("", total=0, counts="")

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
        self._tell((f"model {name} on {device}", "dim"))

    def expect(self, count: int) -> None:
        """Say how many more pictures and folders there are to tell about; from now on time counts as work."""
        self._total += count
        self._since = time.perf_counter()
        self._bar.update(self._task, total=self._total, counts=f"{self._finished}/{self._total}")

    def wait_for(self, folders: Iterable[str]) -> None:
        """Say that nothing is to be done until pictures arrive in folders."""
        told = f"watching {', '.join(folders)}; Ctrl-C ends it"
        if self._since is None:
            self._tell((told, "dim"))
        else:
            self._worked, self._since = self._seconds(), None
        self._bar.update(self._task, description=printable(told))

    def show(self, event: Event) -> None:
        """Show one event."""
        if isinstance(event, Started):
            self._bar.update(self._task, description=printable(event.job.name))
            return
        if isinstance(event, jobs.Progress):
            self._parts[event.job] = event.done / event.total
            self._bar.update(self._task, completed=self._completed())
            return
        self._keep(event)
        if isinstance(event, Written):
            self._tell_written(event)
        elif isinstance(event, Planned):
            self._tell_planned(event)
        elif isinstance(event, Skipped):
            self._skipped += 1
            self._tell(("skipped: ", "dim"), f"{event.job.name}: {event.reason}")
        else:
            self._tell_failed(event)
        self._parts.pop(event.job, None)
        self._finished += 1
        counts = f"{self._finished}/{self._total}"
        if self._megapixels:
            counts += f" {self._megapixels / self._seconds():.2f} MP/s"
        self._bar.update(self._task, completed=self._completed(), counts=counts)

    def _completed(self) -> float:
        """Count the pictures that are done, and the parts of those that are being cleaned or written."""
        return self._finished + sum(self._parts.values())

    def _keep(self, event: Outcome) -> None:
        """Write an event's line of JSON wherever one is wanted."""
        if self._as_json or self._file:
            line = record(event)
            if self._file:
                self._file.write(line)
            if self._as_json:
                print_out(line)

    def finish(self, *, interrupted: bool = False) -> None:
        """Say how many pictures were cleaned, skipped and failed, and name each failure."""
        if self._as_json:
            summary = {
                "status": "summary",
                "cleaned": self._cleaned,
                "planned": self._planned,
                "skipped": self._skipped,
                "failed": len(self.failures),
                "megapixels": round(self._megapixels, 6),
                "seconds": round(self._seconds(), 3),
                "model": self._model,
                "device": self._device,
                "interrupted": interrupted,
            }
            print_out(json.dumps(summary))
        if interrupted and not self._endless:
            done = f"{self._cleaned + self._planned + self._skipped} of {self._total} done"
            rest = f"; {self._to_continue}" if self._to_continue else ""
            print_line(self._console, ("Interrupted. ", "bold red"), f"{done}{rest}.")
        if not self._tells:
            return
        if self._total == 1 and not self._endless:
            return
        done = f"{self._planned} would be cleaned" if self._planned else f"{self._cleaned} cleaned"
        counts = f"{done}, {self._skipped} skipped, {len(self.failures)} failed"
        speed = f" ({self._megapixels / self._seconds():.2f} megapixels a second)" if self._megapixels else ""
        print_line(self._console, (counts, "bold"), speed)
        for error in self.failures:
            print_line(self._console, ("failed: ", "red"), error.message)

    def _tell_written(self, event: Written) -> None:
        self._cleaned += 1
        self._megapixels += event.megapixels
        self._tell(
            f"{event.job.name} -> {event.job.output_name}",
            (f"  {event.megapixels:.1f} MP in {event.seconds:.1f} s, ", "dim"),
            *_found_in(event),
        )
        for warning in event.warnings:
            self._tell(("warning: ", "yellow"), f"{event.job.name}: {warning}")

    def _tell_planned(self, event: Planned) -> None:
        self._planned += 1
        self._tell(
            ("would clean: ", "dim"),
            f"{event.job.name} -> {event.job.output_name}",
            "" if event.megapixels is None else (f"  {event.megapixels:.1f} MP", "dim"),
            "; replaces the file there" if event.replaces else "",
        )

    def _tell_failed(self, event: Failed) -> None:
        self.failures.append(event.error)
        print_error(event.error.message, event.error.hint, self._console)
        if self._debug:
            self._console.print(Text("".join(traceback.format_exception(event.error))), soft_wrap=True)

    def _tell(self, *parts: str | tuple[str, str]) -> None:
        if self._tells:
            print_line(self._console, *parts)

    def _seconds(self) -> float:
        """Return how long work has gone on, without the time spent waiting for pictures."""
        return self._worked + (0.0 if self._since is None else time.perf_counter() - self._since)


def _found_in(event: Written) -> Iterator[str | tuple[str, str]]:
    """Say what was found in a picture, and done about it."""
    if isinstance(event, Cleaned):
        yield f"sigma {event.sigma:.1f}{' estimated' if event.estimated else ''}", "dim"
        yield "; little noise found" if event.little_noise else ""
        noticeably = f"{100 * event.changed_share:.2g} % of the pixels by more than 8"
        yield f"; changed by {event.applied_rms:.1f} rms, {noticeably}"
        yield f"; {event.hot_pixels} hot pixels filled" if event.hot_pixels else ""
    elif isinstance(event, Repaired):
        filled = f"{100 * event.share:.2f} % of the pixels"
        yield f"{filled} filled" if event.spots is None else f"found {event.spots} spots, {filled}"
        yield "" if event.share else "; nothing to repair"
