"""Run a batch: decode, clean and encode at the same time, and tell what happens as events. Prints nothing.

One thread reads, decodes and estimates the noise, one cleans, one encodes and writes, or several of each; OpenCV and
onnxruntime let go of the interpreter lock while they work. A picture is decoded only when there is room for its pixels,
so that memory stays flat however many files there are and whichever of the three is slowest. The thread that asks for
the events is free for showing them and for Ctrl-C.
"""

from __future__ import annotations

import os
import queue
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from queue import SimpleQueue
from statistics import fmean
from threading import Condition, Lock, Thread
from typing import Any

from denoise_ae.batch.jobs import Cleaned, Event, Failed, Job, Planned, Progress, Skipped, Started, sweep
from denoise_ae.batch.picture_io import (
    Source,
    estimate_levels,
    explain,
    misnamed,
    read_source,
    strip,
    target_format,
    write_result,
)
from denoise_ae.batch.tasks import Settings
from denoise_ae.imagefiles import images
from denoise_ae.imagefiles.picture import Frame, Header, Picture
from denoise_ae.restoration.denoiser import Denoiser

PIXELS_IN_FLIGHT = 48_000_000
"""Pixels decoded and not yet written, together: four pictures of 12 megapixels. A larger picture goes alone."""

PICTURES_IN_FLIGHT = 16
"""The same limit for small pictures, each of which also holds a file's bytes, metadata and the like."""


def rehearse(jobs: Iterable[Job], settings: Settings | None = None) -> Generator[Event, None, None]:
    """Tell what `run` would do with jobs, and write nothing.

    Files are read, and what their headers tell against them is told; their pixels are not decoded. Standard input is
    left for the run.
    """
    limit = (settings or Settings()).max_pixels
    for job in jobs:
        replaces = job.output is not None and os.path.lexists(job.output)
        if job.source is None:
            yield Planned(job, None, replaces)
            continue
        try:
            source = read_source(job, limit)
        except Exception as error:
            yield Failed(job, explain(job, error))
        else:
            yield Planned(job, source.pixels / 1e6, replaces) if source else _already_there(job)


def run(
    jobs: Sequence[Job], denoiser: Denoiser, settings: Settings | None = None, side_by_side: int = 1
) -> Generator[Event, None, None]:
    """Do jobs, in their order.

    What killed runs have left where the results go is swept first. Whatever goes wrong with one picture is a `Failed`
    event and stops no other. Closing the iterator, as leaving ``contextlib.closing(run(...))`` or a KeyboardInterrupt
    does, ends the work after the tile at hand, and its threads with it; what is not whole by then is not written.

    All of it happens in this process: a decoder that crashes takes the caller with it.
    `denoise_ae.batch.supervisor` has it done in another process, and outlives that.

    Args:
        jobs: what to do; see `denoise_ae.batch.planning.plan`.
        denoiser: the model; not to be used elsewhere meanwhile.
        settings: how to clean and write; None: the defaults.
        side_by_side: how many pictures are read, are cleaned and are written at the same time. Those that are cleaned
            share the denoiser's threads, and each takes the memory of its own tiles.

    Yields:
        For each job `Started`, `Progress` and `Cleaned`, or `Skipped` or `Failed`; the next picture may start before
        the one before it is written, and end before it too where several are cleaned side by side.
    """
    sweep(jobs)
    yield from stream(jobs, denoiser, settings or Settings(), side_by_side)


def stream(
    jobs: Iterable[Job],
    denoiser: Denoiser,
    settings: Settings,
    side_by_side: int,
    announce: Callable[[Cleaned], None] = lambda _: None,
) -> Generator[Event, None, None]:
    """Do jobs as `run` does, but sweep nothing, and ask for the next job only when it can be read.

    Jobs are asked for in threads of their own, one at a time. Before a result is written, `announce` is called with the
    event that will tell of it.
    """
    yield from _Pipeline(jobs, denoiser, settings, side_by_side, announce).events()


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
class _Decoded:
    job: Job
    status: os.stat_result | None
    share: int
    picture: Picture
    sigmas: list[float | None]
    """Each frame's, as given or estimated; None where the model will estimate it."""


@dataclass(frozen=True)
class _Result:
    status: os.stat_result | None
    share: int
    frames: list[Frame]
    header: Header
    event: Cleaned


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
        self,
        jobs: Iterable[Job],
        denoiser: Denoiser,
        settings: Settings,
        side_by_side: int,
        announce: Callable[[Cleaned], None],
    ) -> None:
        self._jobs = iter(jobs)
        self._announce = announce
        self._next_job = Lock()
        self._crew = side_by_side
        self._denoiser = denoiser
        self._settings = settings
        self._room = _Room()
        # Unbounded: what they hold is bounded by the room.
        self._decoded: SimpleQueue[_Decoded | None] = SimpleQueue()
        self._results: SimpleQueue[_Result | None] = SimpleQueue()
        self._events: SimpleQueue[Event | BaseException | None] = SimpleQueue()

    def events(self) -> Iterator[Event]:
        """Start the threads, and yield what they report until the last of them is done."""
        stages = (
            _Stage(self._read_all, self._crew, self._decoded, self._crew),
            _Stage(self._clean_all, self._crew, self._results, self._crew),
            _Stage(self._write_all, self._crew, self._events, 1),
        )
        threads = [
            Thread(target=self._take_part, name=f"denoise-ae {stage.work.__name__}", args=(stage,))
            for stage in stages
            for _ in range(self._crew)
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
                source = read_source(job, self._settings.max_pixels)
                if source is None:
                    self._events.put(_already_there(job))
                    continue
                share = self._room.take(source.pixels)
                decoded = self._decode(job, source, share)
                del source  # not to keep the file while its pixels are cleaned
                self._decoded.put(decoded)
                del decoded
            except Exception as error:
                self._fail(job, error, share)

    def _take_job(self) -> Job | None:
        with self._next_job:
            self._check_wanted()
            return next(self._jobs, None)

    def _decode(self, job: Job, source: Source, share: int) -> _Decoded:
        picture = images.decode(source.data, job.name, self._settings.max_pixels)
        sigmas = [self._settings.sigma] * len(picture.frames)
        # Here, beside the cleaning of the picture before; and to be told, where the model needs none.
        if self._settings.sigma is None and not (self._denoiser.card.estimates_sigma and self._settings.strength):
            sigmas = estimate_levels(picture, self._denoiser)
        return _Decoded(job, source.status, share, picture, sigmas)

    def _clean_all(self) -> None:
        while (item := self._decoded.get()) is not None:
            try:
                self._results.put(self._clean(item))
            except Exception as error:
                self._fail(item.job, error, item.share)
            del item  # not to keep its pixels while waiting for the next one

    def _clean(self, item: _Decoded) -> _Result:
        job, picture = item.job, item.picture

        def report(done: int, total: int) -> None:
            self._check_wanted()
            self._events.put(Progress(job, len(found) * total + done, len(picture.frames) * total))

        self._check_wanted()
        megapixels = picture.header.pixels / 1e6
        self._events.put(Started(job, megapixels))
        begin = time.perf_counter()
        estimated = self._settings.sigma is None
        found: list[float] = []
        changes: list[float] = []
        factor = 1.0
        for frame, sigma in zip(picture.frames, item.sigmas, strict=True):
            level = None if estimated and not self._denoiser.card.takes_sigma else sigma
            # An animation keeps that of its first frame, lest it flicker.
            if self._settings.adapt and (not found or frame.duration is None):
                factor = self._denoiser.fit_factor(frame.pixels)
            restored = self._denoiser.restore(
                frame.pixels, level, self._settings.strength, factor=factor, progress=report
            )
            frame.pixels = restored.pixels
            level = restored.sigma if sigma is None else sigma
            assert level is not None
            found.append(level)
            if restored.change is not None:
                changes.append(restored.change)
            if not self._settings.keep_metadata:
                strip(frame)
        event = Cleaned(
            job,
            megapixels,
            seconds=time.perf_counter() - begin,
            sigma=fmean(found),
            estimated=estimated,
            change=fmean(changes) if changes else None,
            warnings=(*picture.warnings, *misnamed(job, picture.header)),
        )
        return _Result(item.status, item.share, picture.frames, picture.header, event)

    def _write_all(self) -> None:
        while (result := self._results.get()) is not None:
            job = result.event.job
            try:
                self._check_wanted()
                data = images.encode_frames(
                    result.frames,
                    target_format(job, result.header),
                    quality=self._settings.quality,
                    like=result.header,
                    name=job.name,
                )
                self._announce(result.event)
                write_result(job, data, result.status, keep_time=self._settings.keep_time)
            except Exception as error:
                self._fail(job, error, result.share)
            else:
                self._room.give_back(result.share)
                self._events.put(result.event)
            del result

    def _check_wanted(self) -> None:
        if self._room.closed:
            raise _Stopped

    def _fail(self, job: Job, error: Exception, share: int) -> None:
        if isinstance(error, _Stopped):
            raise error
        self._room.give_back(share)
        self._events.put(Failed(job, explain(job, error)))
