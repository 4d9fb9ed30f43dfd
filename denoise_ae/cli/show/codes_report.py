"""Show the progress of encode and decode: lines for people on stderr, or JSON lines on stdout."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, TypeVar

from denoise_ae.batch.jobs import Failed, Job
from denoise_ae.batch.planning import Plan
from denoise_ae.cli.show.records import failure, print_out
from denoise_ae.cli.show.render import is_terminal, print_error, print_line, printable, progress_bar, stderr_console
from denoise_ae.codes.codec import Codec
from denoise_ae.errors import DenoiseError

_Result = TypeVar("_Result")
"""Result of a picture that did not fail."""


class CodesReport:
    """Shows the results of encoding or decoding; errors always go to stderr.

    Args:
        codec: the model.
        quiet: print only errors for people.
        as_json: print JSON on stdout instead of lines for people.

    Attributes:
        failed: number of pictures that failed.
    """

    def __init__(self, codec: Codec, *, quiet: bool, as_json: bool) -> None:
        self.failed = 0
        self._codec = codec
        self._as_json = as_json
        self._tells = not (quiet or as_json)
        # JSON on the same terminal would mix with a bar.
        self._bar_shown = not quiet and not (as_json and is_terminal(sys.stdout))
        self._console = stderr_console()
        if self._tells:
            print_line(self._console, (f"model {codec.card.name} on {codec.device}", "dim"))

    def follow(
        self, work: Plan, results: Iterable[tuple[Job, _Result]]
    ) -> Iterator[tuple[Job, _Result | DenoiseError]]:
        """Pass on what becomes of each picture, with a bar on a terminal, and name what fails."""
        rejected = [(event.job, event.error) for event in work.rejected if isinstance(event, Failed)]
        with progress_bar(shown=self._bar_shown) as bar:
            task = bar.add_task("", total=len(rejected) + len(work.jobs))
            outcomes: Iterable[tuple[Job, _Result | DenoiseError]] = chain(rejected, results)
            for job, result in outcomes:
                bar.update(task, advance=1, description=printable(job.name))
                if isinstance(result, DenoiseError):
                    self.failed += 1
                    print_error(result.message, result.hint, self._console)
                yield job, result

    def record(self, names: dict[str, Any], outcome: dict[str, Any] | DenoiseError) -> None:
        """Print a picture's JSON line, if asked for: its names and its outcome."""
        if self._as_json:
            print_out(json.dumps(names | (failure(outcome) if isinstance(outcome, DenoiseError) else outcome)))

    def finish(self, summary: dict[str, Any], done: str, rest: str) -> None:
        """Print the summary: as JSON with the model and the failures, or as a line of `done` and `rest`."""
        card = self._codec.card
        totals = {"failed": self.failed, "model": card.name, "device": self._codec.device}
        self.record({}, {"status": "summary"} | summary | totals)
        if self._tells:
            print_line(self._console, (f"{done}: ", "bold green"), rest, f"; {self.failed} failed" * bool(self.failed))
