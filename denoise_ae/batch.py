"""Run a batch: decode, clean and encode at the same time, and tell what happens as events. Prints nothing.

One thread reads, decodes and estimates the noise, one cleans, one encodes and writes; OpenCV and onnxruntime let go of
the interpreter lock while they work. A picture is decoded only when there is room for its pixels, so that memory stays
flat however many files there are and whichever of the three is slowest. The thread that asks for the events is free for
showing them and for Ctrl-C.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from threading import Condition, Thread
from typing import Any

from numpy.typing import NDArray

from denoise_ae import images
from denoise_ae.denoiser import Denoiser
from denoise_ae.headers import DEFAULT_MAX_PIXELS, Header, read_header
from denoise_ae.jobs import Cleaned, Event, Existing, Failed, Job, Progress, Skipped, Started
from denoise_ae.metadata import Metadata
from denoise_ae.pixels import upright
from denoise_ae.steps import explain, is_whole_picture, misnamed, noise_sample, read_source, write_result

PIXELS_IN_FLIGHT = 48_000_000
"""Pixels decoded and not yet written, together: four pictures of 12 megapixels. A larger picture goes alone."""

PICTURES_IN_FLIGHT = 16
"""The same limit for small pictures, each of which also holds a file's bytes, metadata and the like."""


@dataclass(frozen=True)
class Settings:
    """How every picture of a batch is cleaned and written."""

    sigma: float | None = None
    """Standard deviation of the noise in 8-bit steps; None: estimated for each picture. See `Denoiser.check_sigma`."""
    strength: float = 1.0
    """0 (leave it) to 1.5."""
    quality: int | None = None
    """Quality of lossy formats, 1 to 100; None: near the source's own."""
    keep_metadata: bool = True
    max_pixels: int = DEFAULT_MAX_PIXELS
    """Pictures with more pixels are refused before memory is taken."""


def run(jobs: Sequence[Job], denoiser: Denoiser, settings: Settings | None = None) -> Generator[Event, None, None]:
    """Do jobs, in their order.

    Whatever goes wrong with one picture is a `Failed` event and stops no other. Closing the iterator, as leaving
    ``contextlib.closing(run(...))`` or a KeyboardInterrupt does, ends the work after the tile at hand, and its threads
    with it; what is not whole by then is not written.

    Args:
        jobs: what to do; see `denoise_ae.planning.plan`.
        denoiser: the model; not to be used elsewhere meanwhile.
        settings: how to clean and write; None: the defaults.

    Yields:
        For each job `Started`, `Progress` and `Cleaned`, or `Skipped` or `Failed`; the next picture may start before
        the one before it is written.
    """
    yield from _Pipeline(jobs, denoiser, settings or Settings()).events()


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
    share: int
    picture: images.Picture
    sigma: float | None
    """As given or estimated; None where the model will estimate it."""


@dataclass(frozen=True)
class _Result:
    share: int
    pixels: NDArray[Any]
    header: Header
    metadata: Metadata | None
    event: Cleaned


class _Pipeline:
    """Three threads and the queues between them; None in a queue says that nothing more comes."""

    def __init__(self, jobs: Sequence[Job], denoiser: Denoiser, settings: Settings) -> None:
        self._jobs = jobs
        self._denoiser = denoiser
        self._settings = settings
        self._room = _Room()
        self._swept: set[Path] = set()
        # Unbounded: what they hold is bounded by the room.
        self._decoded: SimpleQueue[_Decoded | None] = SimpleQueue()
        self._results: SimpleQueue[_Result | None] = SimpleQueue()
        self._events: SimpleQueue[Event | BaseException | None] = SimpleQueue()

    def events(self) -> Iterator[Event]:
        """Start the threads, and yield what they report until the last of them is done."""
        threads = [
            Thread(target=self._stage, name=f"denoise-ae {work.__name__}", args=(work, done))
            for work, done in (
                (self._read_all, self._decoded),
                (self._clean_all, self._results),
                (self._write_all, self._events),
            )
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

    def _stage(self, work: Callable[[], None], done: SimpleQueue[Any]) -> None:
        try:
            work()
        except _Stopped:
            pass
        except BaseException as error:  # a mistake in this module: it must end the batch, not hang it
            self._room.close()
            self._events.put(error)
        finally:
            done.put(None)

    def _read_all(self) -> None:
        for job in self._jobs:
            share = 0
            try:
                if job.existing is Existing.SKIP and is_whole_picture(job):
                    self._events.put(Skipped(job, f"{job.output_name} exists"))
                    continue
                data = read_source(job)
                header = read_header(data, job.name, self._settings.max_pixels)
                share = self._room.take(header.width * header.height)
                self._decoded.put(self._decode(job, data, share))
            except Exception as error:
                self._fail(job, error, share)

    def _decode(self, job: Job, data: bytes, share: int) -> _Decoded:
        picture = images.decode(data, job.name, self._settings.max_pixels)
        sigma = self._settings.sigma
        # Here, beside the cleaning of the picture before; and to be told, where the model needs none.
        if sigma is None and not (self._denoiser.card.estimates_sigma and self._settings.strength):
            sigma = self._denoiser.estimate_sigma(noise_sample(picture))
        return _Decoded(job, share, picture, sigma)

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
            self._events.put(Progress(job, done, total))

        self._check_wanted()
        megapixels = picture.pixels.shape[0] * picture.pixels.shape[1] / 1e6
        self._events.put(Started(job, megapixels))
        begin = time.perf_counter()
        estimated = self._settings.sigma is None
        level = None if estimated and not self._denoiser.card.takes_sigma else item.sigma
        restored = self._denoiser.restore(picture.pixels, level, self._settings.strength, progress=report)
        found = restored.sigma if item.sigma is None else item.sigma
        assert found is not None
        pixels = restored.pixels
        event = Cleaned(
            job,
            megapixels,
            seconds=time.perf_counter() - begin,
            sigma=found,
            estimated=estimated,
            warnings=(*picture.warnings, *misnamed(job, picture.header)),
        )
        if self._settings.keep_metadata:
            return _Result(item.share, pixels, picture.header, picture.metadata, event)
        # What said which way up it is goes, so that the pixels have to say it.
        return _Result(item.share, upright(pixels, picture.metadata.orientation), picture.header, None, event)

    def _write_all(self) -> None:
        while (result := self._results.get()) is not None:
            job = result.event.job
            try:
                self._check_wanted()
                data = images.encode(
                    result.pixels,
                    job.file_format or result.header.format,
                    metadata=result.metadata,
                    quality=self._settings.quality,
                    like=result.header,
                    name=job.name,
                )
                write_result(job, data, self._swept)
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
