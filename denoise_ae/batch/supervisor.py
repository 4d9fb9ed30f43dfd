"""Run a batch in a worker process, and restart it after a crash, which fails one picture and no other.

A damaged or hostile file may crash the native code of a decoder, and the system kills what takes too much memory. No
`except` helps against that. So a child process cleans the pictures of a batch. It asks for one job after the other and
tells its events; no pixels pass. When it dies, the jobs that it had not finished are suspects. A new child gets them
one at a time: the one that it dies of, too, has failed. Then it goes on with the rest.

Nothing has to be put right after a crash, because results appear whole or not at all: temporary files are swept, and
what was written in the very last moment is known, since the child announces what it is about to write. So a child that
is not needed any more is killed, whatever it does.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Self

from denoise_ae.batch.jobs import Event, Failed, Job, Outcome, Progress, Started, Written, sweep
from denoise_ae.batch.tasks import JobRequested, Message, Ready, ResultAnnounced, Task
from denoise_ae.errors import DenoiseError, ImageError
from denoise_ae.system.child_process import child_command
from denoise_ae.system.connection import start_connected
from denoise_ae.system.files import same_state
from denoise_ae.system.paths import status_of

PATIENCE_SECONDS = 30 * 60
"""A child that tells nothing for so long, not even that a tile is clean, is taken to be stuck, and killed."""

_WAIT_SECONDS = 0.5
_LAST_WORDS_SECONDS = 5.0
"""How long a child that has closed its connection may take to end by itself."""

_PROGRAM = "import sys; sys.path[:] = {path!r}; from denoise_ae.batch.child import main; main()"


class Supervisor:
    """Runs batches in a worker process, and restarts it after a crash. Used as a context manager.

    Args:
        task: what to do with each picture.

    Attributes:
        ready: the model's name, and the device that it runs on.

    Raises:
        DenoiseError: the model can't be loaded, or does not take the task's settings; see `Denoiser`.
    """

    ready: Ready

    def __init__(self, task: Task) -> None:
        self._task = task
        self._child: _Child | None = None
        self._job_requested = False
        self._cancelled = False
        self._given: dict[Job, os.stat_result | None] = {}
        self._announced: dict[Job, Written] = {}
        self._start()

    def __enter__(self) -> Self:
        """Do nothing: the child runs."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """End the child."""
        self._end()

    def run(self, jobs: Sequence[Job]) -> Generator[Event, None, None]:
        """Do jobs, as `denoise_ae.batch.pipeline.run` does; may be called again when it is through.

        A job whose child died is `Failed`. Closing the iterator, as a KeyboardInterrupt does, ends the child.
        """
        if not self._task.dry_run:
            sweep(jobs)
        if self._child and not self._child.is_alive():  # it died with nothing to do, of which no picture is guilty
            self._end()
        waiting = deque(jobs)
        suspects: set[Job] = set()
        try:
            while (waiting or self._given) and not self._cancelled:
                child = self._child or self._start()
                if self._job_requested and waiting and not (suspects and self._given):
                    self._send_job(child, waiting.popleft())
                message = child.next_message()
                if message is None and self._cancelled:
                    return
                if message is None:
                    events, left = self._handle_crash(child)
                    waiting.extendleft(reversed(left))
                    suspects.update(left)
                else:
                    events = self._note(message)
                for event in events:
                    if isinstance(event, Outcome):
                        suspects.discard(event.job)
                    yield event
        finally:
            if self._given:
                self._end()

    def cancel(self) -> None:
        """End the child from any thread. `run` ends at once without further events, and does nothing any more."""
        self._cancelled = True
        if child := self._child:
            child.kill()

    def _start(self) -> _Child:
        child = _Child(self._task)
        try:
            message = child.next_message()
            if isinstance(message, Ready):
                self.ready = message
                self._child = child
                return child
        finally:
            if self._child is None:
                child.end()
        if isinstance(message, DenoiseError):
            raise message
        hint = "if memory is short, give it more; otherwise try another model"
        raise DenoiseError(f"model {self._task.model}: the process that loaded it {child.exit_reason}", hint)

    def _send_job(self, child: _Child, job: Job) -> None:
        self._given[job] = _result(job)
        self._job_requested = False
        child.send(job)

    def _note(self, message: Message) -> list[Event]:
        """Take note of a message, and return the event in it."""
        if isinstance(message, JobRequested):
            self._job_requested = True
        elif isinstance(message, ResultAnnounced):
            self._announced[message.event.job] = message.event
        elif isinstance(message, Outcome):
            del self._given[message.job]
            self._announced.pop(message.job, None)
            return [message]
        elif isinstance(message, Started | Progress):
            return [message]
        return []

    def _handle_crash(self, child: _Child) -> tuple[list[Event], list[Job]]:
        """Clear up after a child that died: return the outcomes that are known, and the jobs to try again."""
        requested, given, announced = self._job_requested, self._given.copy(), self._announced.copy()
        self._end()
        if not (requested or given):
            raise DenoiseError(f"the process that cleans the pictures {child.exit_reason}", "try again")
        known: list[Event] = []
        left = []
        for job, before in given.items():
            if job in announced and _is_written(job, before):
                known.append(announced[job])
            elif len(given) == 1:
                message = f"{job.name}: the process that cleaned it {child.exit_reason}"
                known.append(Failed(job, ImageError(message, child.advice)))
            else:
                left.append(job)
        return known, left

    def _end(self) -> None:
        """End the child, and free the folders that it wrote to of what it left."""
        if self._child is None:
            return
        child, self._child = self._child, None
        child.end()
        sweep([*self._given])
        self._given.clear()
        self._announced.clear()
        self._job_requested = False


class _Child:
    """A process with a worker in it, and the connection to it.

    Attributes:
        stuck: whether it was killed because it told nothing any more.
    """

    def __init__(self, task: Task) -> None:
        # Modules come from where ours come from: never from the folder that we happen to be in.
        command = child_command("worker", _PROGRAM.format(path=sys.path))
        errors = subprocess.DEVNULL if sys.stderr is None else None
        with _blocking_signals():
            self._process, self._connection = start_connected(command, stderr=errors)
        self._ended = False
        self.stuck = False
        self.send(task)

    def is_alive(self) -> bool:
        """Tell whether the process runs."""
        return self._process.poll() is None

    def send(self, message: Task | Job) -> None:
        """Hand something over; what dies of it, or before, is told by `next_message`."""
        with suppress(OSError):
            self._connection.send(message)

    def next_message(self) -> Message | None:
        """Wait for a message; None: there will be no more."""
        waits = 0
        while not self._ended:
            try:
                # Waiting without end could not be interrupted by Ctrl-C on Windows.
                if self._connection.poll(_WAIT_SECONDS):
                    message: Message = self._connection.recv()
                    return message
            except Exception:  # its end, or a message that a crash cut off
                self._ended = True
                return None
            waits += 1  # not what the clock says, since both processes may have been stopped for hours
            if waits * _WAIT_SECONDS > PATIENCE_SECONDS:
                self.stuck = True
                self._process.kill()
        return None

    def kill(self) -> None:
        """End the process at once, and leave the rest to who waits for its messages."""
        self._process.kill()

    def end(self) -> None:
        """End the process at once, unless it is ending by itself."""
        try:
            if self._ended:
                with suppress(subprocess.TimeoutExpired):
                    self._process.wait(_LAST_WORDS_SECONDS)
        finally:
            self._process.kill()
            self._process.wait()
            self._connection.close()

    @property
    def exit_reason(self) -> str:
        """How it ended, to go on with after "the process that ..."."""
        status = self._process.returncode
        if self.stuck:
            return f"did nothing for {PATIENCE_SECONDS / 60:g} minutes and was killed"
        try:
            return f"was killed by {signal.Signals(-status).name}"
        except ValueError:
            return f"ended with exit status {status}"

    @property
    def advice(self) -> str:
        """What to do about a picture that it ended with."""
        if self._process.returncode == -9 and not self.stuck:  # what the kernel sends where memory runs out
            return "if memory ran out: a smaller --tile and fewer --jobs need less"
        return "the file may be damaged: get it again from its source"


@contextmanager
def _blocking_signals() -> Iterator[None]:
    """Let a process that is started here ignore the signals that end us; we end it ourselves.

    Ctrl-C and a closed terminal reach all processes of a terminal, a service manager's SIGTERM all of a service. A
    child that died of it before us would be taken for a crash. Windows has no such mask: the child ignores Ctrl-C.
    """
    if sys.platform == "win32":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _result(job: Job) -> os.stat_result | None:
    return status_of(job.output) if job.output else None


def _is_written(job: Job, before: os.stat_result | None) -> bool:
    now = _result(job)
    return now is not None and (before is None or not same_state(before, now))
