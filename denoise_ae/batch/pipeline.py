"""Run a batch: decode, transform and encode at the same time, and tell what happens as events. Prints nothing.

One thread reads and decodes, one cleans or repairs, one encodes and writes, or several of each; OpenCV and onnxruntime
release the interpreter lock while they work. A picture is decoded only when there is room for its pixels, so that
memory stays flat however many files there are and whichever of the three is slowest. The thread that asks for the
events is free for showing them and for Ctrl-C.
"""

from __future__ import annotations

import os
import queue
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from queue import SimpleQueue
from threading import Condition, Lock, Thread
from typing import Any

from denoise_ae.batch.jobs import (
    Event,
    Existing,
    Failed,
    Job,
    OutputOptions,
    Planned,
    Progress,
    Skipped,
    Started,
    Written,
    sweep,
)
from denoise_ae.batch.picture_io import Source, explain, misnamed, read_source, save_result
from denoise_ae.batch.transforms import Prepared, Transform
from denoise_ae.errors import OutputExistsError
from denoise_ae.imagefiles import images
from denoise_ae.imagefiles.picture import Picture
from denoise_ae.system.files import claim
from denoise_ae.system.paths import status_of

PIXELS_IN_FLIGHT = 48_000_000
"""Pixels decoded and not yet written, together: four pictures of 12 megapixels. A larger picture goes alone."""

PICTURES_IN_FLIGHT = 16
"""The same limit for small pictures, each of which also holds a file's bytes, metadata and the like."""


def dry_run(jobs: Iterable[Job], options: OutputOptions | None = None) -> Generator[Event, None, None]:
    """Tell what `run` would do with jobs, as far as the headers of the files tell; write nothing.

    Standard input is not read.
    """
    options = options or OutputOptions()
    for job in jobs:
        replaces = job.output is not None and os.path.lexists(job.output)
        if job.source is None:
            yield Planned(job, None, replaces)
            continue
        try:
            source = read_source(job, options)
        except Exception as error:
            yield Failed(job, explain(job, error))
        else:
            yield Planned(job, source.pixels / 1e6, replaces) if source else _already_there(job)


def run(jobs: Sequence[Job], transform: Transform, concurrency: int = 1) -> Generator[Event, None, None]:
    """Do jobs, in their order.

    What killed runs have left where the results go is swept first. Whatever goes wrong with one picture is a `Failed`
    event and stops no other. Closing the iterator, as leaving ``contextlib.closing(run(...))`` or a KeyboardInterrupt
    does, ends the work after the tile at hand, and its threads with it; a result is then written whole or not at all.

    All of it happens in this process: a decoder that crashes takes the caller with it.
    `denoise_ae.batch.supervisor` has it done in another process, and outlives that.

    Args:
        jobs: what to do; see `denoise_ae.batch.planning.plan`.
        transform: what is done with each picture, and how it is written.
        concurrency: how many pictures are read, are worked on and are written at the same time. Those that are worked
            on share the model's threads, and each takes the memory of its own tiles.

    Yields:
        For each job `Started`, `Progress` and `Written`, or `Skipped` or `Failed`; the next picture may start before
        the one before it is written, and end before it too where several are worked on at the same time.
    """
    sweep(jobs)
    yield from stream(jobs, transform, concurrency)


def stream(
    jobs: Iterable[Job],
    transform: Transform,
    concurrency: int,
    announce: Callable[[Written], None] = lambda _: None,
) -> Generator[Event, None, None]:
    """Do jobs as `run` does, but sweep nothing, and ask for the next job only when it can be read.

    Jobs are asked for in threads of their own, one at a time. Before a result is encoded and written, `announce` is
    called with the event that will tell of it.
    """
    yield from _Pipeline(jobs, transform, concurrency, announce).events()


def process(job: Job, transform: Transform) -> Written:
    """Do a single job.

    Raises:
        DenoiseError: it can't be done; the message names the file.
    """
    with closing(run([job], transform)) as events:
        for event in events:
            if isinstance(event, Failed):
                raise event.error
            if isinstance(event, Written):
                return event
    raise ValueError(f"{job.name}: a single job is done, and not skipped")


def _already_there(job: Job) -> Skipped:
    return Skipped(job, f"{job.output_name} exists")


class _Stopped(Exception):  # noqa: N818 - no error: the way out of a thread's work
    """Nobody wants the results any more."""


class _Room:
    """Room for pixels, which are taken before they are decoded and given back when they are written."""

    def __init__(self) -> None:
        self._change = Condition()
        self._used = 0
        self.closed = False

    def take(self, pixels: int) -> int:
        """Wait until there is room; return what to give back."""
        share = max(pixels, PIXELS_IN_FLIGHT // PICTURES_IN_FLIGHT)
        with self._change:
            self._change.wait_for(lambda: self.closed or not self._used or self._used + share <= PIXELS_IN_FLIGHT)
            if self.closed:
                raise _Stopped
            self._used += share
        return share

    def give_back(self, share: int) -> None:
        with self._change:
            self._used -= share
            self._change.notify_all()

    def close(self) -> None:
        with self._change:
            self.closed = True
            self._change.notify_all()


@dataclass(frozen=True)
class _Item:
    """A picture on its way through the stages."""

    job: Job
    status: os.stat_result | None
    share: int
    """Of the room, to be given back."""
    picture: Picture
    prepared: Prepared
    original: bytes | None
    """The file itself, where it may be handed on."""
    written: Written | None = None
    """The event that will tell of the result."""


class _Stage:
    """What some threads do, until one finds nothing more to do; the last one out tells the next stage's threads."""

    def __init__(self, work: Callable[[], None], threads: int, done: SimpleQueue[Any], listeners: int) -> None:
        self.work = work
        self._busy = threads
        self._lock = Lock()
        self._done = done
        self._listeners = listeners

    def leave(self) -> None:
        with self._lock:
            self._busy -= 1
            if not self._busy:
                for _ in range(self._listeners):
                    self._done.put(None)


class _Pipeline:
    """Three stages and the queues between them; None in a queue says that nothing more comes."""

    def __init__(
        self, jobs: Iterable[Job], transform: Transform, concurrency: int, announce: Callable[[Written], None]
    ) -> None:
        self._jobs = iter(jobs)
        self._announce = announce
        self._next_job = Lock()
        self._concurrency = concurrency
        self._transform = transform
        self._options = transform.options
        self._room = _Room()
        self._claims: dict[Job, Path] = {}
        # Unbounded: what they hold is bounded by the room.
        self._decoded: SimpleQueue[_Item | None] = SimpleQueue()
        self._results: SimpleQueue[_Item | None] = SimpleQueue()
        self._events: SimpleQueue[Event | BaseException | None] = SimpleQueue()

    def events(self) -> Iterator[Event]:
        """Start the threads, and yield what they report until the last of them is done."""
        stages = (
            _Stage(self._read_all, self._concurrency, self._decoded, self._concurrency),
            _Stage(self._transform_all, self._concurrency, self._results, self._concurrency),
            _Stage(self._write_all, self._concurrency, self._events, 1),
        )
        threads = [
            Thread(target=self._take_part, name=f"denoise-ae {stage.work.__name__}", args=(stage,))
            for stage in stages
            for _ in range(self._concurrency)
        ]
        try:
            for thread in threads:
                thread.start()
            while (event := self._next_event()) is not None:
                if isinstance(event, BaseException):
                    raise event
                yield event
        finally:
            self._room.close()
            for thread in threads:
                thread.join()
            for job in [*self._claims]:
                self._release(job)

    def _next_event(self) -> Event | BaseException | None:
        while True:
            try:
                return self._events.get(timeout=0.5)
            except queue.Empty:  # waiting without end can't be interrupted by Ctrl-C on Windows
                continue

    def _take_part(self, stage: _Stage) -> None:
        try:
            stage.work()
        except _Stopped:
            pass
        except BaseException as error:  # a mistake in this module: it must end the batch, not hang it
            self._room.close()
            self._events.put(error)
        finally:
            stage.leave()

    def _read_all(self) -> None:
        while (job := self._take_job()) is not None:
            share = 0
            try:
                source = read_source(job, self._options)
                if source is None:
                    self._events.put(_already_there(job))
                    continue
                if reason := self._claim(job):
                    self._release(job)
                    self._events.put(Skipped(job, reason))
                    continue
                share = self._room.take(source.pixels)
                decoded = self._decode(job, source, share)
                del source  # not to keep the file while its pixels are cleaned
                self._decoded.put(decoded)
                del decoded
            except Exception as error:
                self._fail(job, error, share)

    def _claim(self, job: Job) -> str:
        """Claim a result that is not there yet, so that of two runs one makes it; return why it need not be made."""
        if job.existing is not Existing.SKIP or job.output is None:
            return ""
        try:
            with suppress(OSError):  # which is for who writes the result to complain of
                self._claims[job] = claim(job.output)
        except OutputExistsError:
            return f"another run makes {job.output_name}"
        return f"{job.output_name} exists" if status_of(job.output) else ""

    def _release(self, job: Job) -> None:
        if mark := self._claims.pop(job, None):
            with suppress(OSError):
                mark.unlink()

    def _take_job(self) -> Job | None:
        with self._next_job:
            self._check_wanted()
            return next(self._jobs, None)

    def _decode(self, job: Job, source: Source, share: int) -> _Item:
        options = self._options
        picture = images.decode(source.data, job.name, options.max_pixels, accept_damaged=options.accept_damaged)
        prepared = self._transform.prepare(job, picture)
        original = source.data if prepared.unchanged else None
        return _Item(job, source.status, share, picture, prepared, original)

    def _transform_all(self) -> None:
        while (item := self._decoded.get()) is not None:
            try:
                self._results.put(self._apply(item))
            except Exception as error:
                self._fail(item.job, error, item.share)
            del item  # not to keep its pixels while waiting for the next one

    def _apply(self, item: _Item) -> _Item:
        job, picture = item.job, item.picture

        def report(frame: int, done: int, total: int) -> None:
            self._check_wanted()
            self._events.put(Progress(job, frame * total + done, len(picture.frames) * total))

        self._check_wanted()
        self._events.put(Started(job, picture.header.pixels / 1e6))
        begin = time.perf_counter()
        written = item.prepared.apply(report)
        warnings = (*picture.warnings, *misnamed(job, picture.header), *written.warnings)
        return replace(item, written=replace(written, seconds=time.perf_counter() - begin, warnings=warnings))

    def _write_all(self) -> None:
        while (item := self._results.get()) is not None:
            job, written = item.job, item.written
            assert written
            try:
                self._check_wanted()
                self._announce(written)
                save_result(
                    job,
                    item.picture.frames,
                    item.picture.header,
                    self._options,
                    status=item.status,
                    original=item.original,
                )
                self._release(job)
            except Exception as error:
                if isinstance(error, OutputExistsError) and job.existing is Existing.SKIP:  # another run was faster
                    self._release(job)
                    self._room.give_back(item.share)
                    self._events.put(_already_there(job))
                else:
                    self._fail(job, error, item.share)
            else:
                self._room.give_back(item.share)
                self._events.put(written)
            del item

    def _check_wanted(self) -> None:
        if self._room.closed:
            raise _Stopped

    def _fail(self, job: Job, error: Exception, share: int) -> None:
        if isinstance(error, _Stopped):
            raise error
        self._release(job)
        self._room.give_back(share)
        self._events.put(Failed(job, explain(job, error)))
