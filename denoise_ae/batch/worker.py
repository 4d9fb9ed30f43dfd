"""Clean the jobs of a batch in this process, which may be a `denoise_ae.batch.child`."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import Self, TextIO

from denoise_ae.batch import pipeline
from denoise_ae.batch.cleaning import Cleaning
from denoise_ae.batch.jobs import Event, Job, Written, sweep
from denoise_ae.batch.tasks import Ready, Task
from denoise_ae.restoration.denoiser import Denoiser


class Worker:
    """Cleans in this process. Used as a context manager, as a `denoise_ae.batch.supervisor.Supervisor` is.

    Args:
        task: what to do with each picture.

    Attributes:
        ready: the model's name, and the device that it runs on.

    Raises:
        DenoiseError: the model can't be loaded, or does not take the task's settings; see `Denoiser`.
    """

    def __init__(self, task: Task) -> None:
        self._task = task
        denoiser = Denoiser(task.model, device=task.device, threads=task.threads, tile=task.tile)
        if task.settings.sigma is not None:
            denoiser.check_sigma(task.settings.sigma)
        if task.settings.adapt:
            denoiser.check_adapt(task.settings.sigma)
        self._cleaning = Cleaning(denoiser, task.settings)
        self.ready = Ready(denoiser.card.name, denoiser.device)

    def __enter__(self) -> Self:
        """Do nothing: the model is loaded."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Do nothing: `run` leaves nothing behind."""

    def run(self, jobs: Sequence[Job]) -> Generator[Event, None, None]:
        """Do jobs; see `denoise_ae.batch.pipeline.run`."""
        if not self._task.dry_run:
            sweep(jobs)
        return self.stream(jobs)

    def stream(
        self, jobs: Iterable[Job], announce: Callable[[Written], None] = lambda _: None
    ) -> Generator[Event, None, None]:
        """Do jobs as they come; see `denoise_ae.batch.pipeline.stream`."""
        if self._task.dry_run:
            return pipeline.dry_run(jobs, self._task.settings)
        return pipeline.stream(jobs, self._cleaning, self._task.concurrency, announce)


@contextmanager
def silence_native_output() -> Iterator[None]:
    """Silence what decoders print of damaged files to the process's own streams, beside our one line for each.

    What is written to `sys.stdout` and `sys.stderr` goes where it always does.
    """
    with ExitStack() as stack, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Pillow and numpy
        nowhere = os.open(os.devnull, os.O_WRONLY)
        stack.callback(os.close, nowhere)
        for name, number in (("stdout", 1), ("stderr", 2)):
            stream = getattr(sys, name)
            if stream is None:  # where the process was started without; its number may be another file's
                continue
            aside = os.dup(number)
            stack.callback(os.close, aside)
            if _number_of(stream) == number:
                stack.callback(setattr, sys, name, stream)
                own = open(aside, "w", 1, stream.encoding, stream.errors, closefd=False)  # noqa: SIM115 - it has no path
                setattr(sys, name, stack.enter_context(own))
            stream.flush()
            os.dup2(nowhere, number)
            stack.callback(os.dup2, aside, number)
        yield


def _number_of(stream: TextIO) -> int | None:
    """Tell which of the process's streams it writes to; None where it has been replaced by something else."""
    try:
        return stream.fileno()
    except (AttributeError, OSError):
        return None
