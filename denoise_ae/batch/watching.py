"""Watch folders, and plan pictures once their files have stopped changing. Prints nothing.

Folders are scanned; the system's events only trigger an early scan, since they get lost where there are too many, and
never come from other machines that write to the same disk.
"""

from __future__ import annotations

import logging
import math
import os
import stat
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from denoise_ae.batch.jobs import Event, Existing, Failed, Job, Skipped
from denoise_ae.batch.planning import Plan
from denoise_ae.errors import ImageError, OutputError
from denoise_ae.imagefiles.finding import NoPicturesError
from denoise_ae.system.paths import identity, is_folder, status_of

if TYPE_CHECKING:
    from watchdog.events import FileSystemEvent
    from watchdog.observers.api import BaseObserver

STILL_SECONDS = 1.0
"""A picture is complete when its size and its time have not changed for this long."""

PATIENT_SECONDS = 30.0
"""The same where something says that more will come: the file is empty, its writer has not closed it (Linux tells), or
a partial download of its name lies beside it."""

PARTIAL_SUFFIXES = (".part", ".partial", ".filepart", ".crdownload", ".download", ".tmp", ".aria2")
"""What browsers and other programs add to a picture's name until it is whole."""

RESCAN_SECONDS = 5.0
"""How often folders are read without any event."""

SCAN_SHARE = 0.2
"""Most of the time that goes into reading the folders while pictures arrive; while none do it is a fifth of that."""

FAT_SECONDS = 2
"""In such steps some file systems count a file's time."""

Mark = tuple[int, int]
"""Size and time: equal as long as a file stays as it is. Without its inode, which some network disks change at will."""

Key = tuple[Path, str]
"""A picture or a folder, and what is wrong with it, if anything."""


@dataclass(frozen=True)
class _Sight:
    """A state that a file was seen in."""

    mark: Mark
    since: float
    """When it was first seen."""


class Watch:
    """Plans pictures as they arrive in folders.

    A picture is due once its file has not changed for a second, and again whenever it has changed since. One that is
    renamed is a new picture; one that vanishes before it is due is forgotten.

    Results that exist: where the plan's jobs skip them, a picture that changes after it was cleaned fails, because its
    result is in the way. Where they replace them, it is cleaned again; but when it is first seen, a picture is skipped
    whose result is whole and not older, so that a second watch does nothing new.

    Args:
        folders: which ones.
        plan: plans everything that lies in them, see `denoise_ae.batch.planning.plan`.
        recursive: whether it reads sub-folders.

    Raises:
        ImageError: there is no such folder.
    """

    def __init__(self, folders: Sequence[Path], plan: Callable[[], Plan], *, recursive: bool = False) -> None:
        for folder in folders:
            if not is_folder(folder):
                raise ImageError(f"{folder}: there is no such folder to watch", "check the spelling, or make it first")
        self._folders = {folder: identity(folder) for folder in folders}
        self._plan = plan
        self._recursive = recursive
        self._sights: dict[Key, _Sight] = {}
        self._taken: dict[Key, Mark] = {}
        self._wake = threading.Event()
        self._lock = threading.Lock()
        self._open: set[str] = set()

    def rounds(self) -> Generator[Plan]:
        """Wait for pictures, and yield a plan for those that are due, without end.

        Raises:
            ImageError: a folder is gone.
            UsageError: nothing can be planned any more; the output folder has become a file, say.
        """
        observer = self._observe()
        try:
            while True:
                self._wake.clear()
                begin = time.monotonic()
                work, due = self._look(begin)
                if work.jobs or work.rejected:
                    yield work
                    continue
                spent = time.monotonic() - begin
                time.sleep(max(0.1, spent / SCAN_SHARE))
                self._wait(min(due, begin + max(RESCAN_SECONDS, spent / SCAN_SHARE**2)))
        finally:
            if observer:
                observer.stop()
                observer.join()

    def excuse(self, event: Event) -> Event:
        """Turn a failure into a skip where the picture has changed, so that it is due again, or has vanished.

        Args:
            event: what came of a job of the last round.
        """
        if isinstance(event, Failed) and event.job.source:
            taken = self._taken.get((event.job.source, ""))
            status = status_of(event.job.source)
            if status is None or (taken and _mark(status) != taken):
                return Skipped(event.job, "changed or vanished before it was cleaned")
        return event

    def _look(self, now: float) -> tuple[Plan, float]:
        """Scan the folders; return what is due now, and when the next picture will be if it does not change."""
        for folder, known in self._folders.items():
            if identity(folder) != known:
                raise ImageError(f"{folder}: the watched folder is gone", "it was removed, renamed or replaced")
        sights: dict[Key, _Sight] = {}
        present: set[Key] = set()
        answers: list[Job | Skipped | Failed] = []
        due = math.inf
        for item, key, mark in self._present():
            alone = (key[0], "")
            present |= {key, alone}
            if mark in (self._taken.get(key), self._taken.get(alone)):
                continue
            sight = self._sights.get(key)
            if sight is None or sight.mark != mark:
                sight = _Sight(mark, now)
            ready = sight.since + self._patience(key[0], sight, now)
            if ready > now:
                sights[key] = sight
                due = min(due, ready)
            else:
                answers.append(self._judge(item, changed=alone in self._taken) if isinstance(item, Job) else item)
                self._taken[key] = mark
        self._sights = sights
        self._taken = {key: mark for key, mark in self._taken.items() if key in present}
        with self._lock:
            self._open = set(filter(os.path.lexists, self._open))
        jobs = tuple(answer for answer in answers if isinstance(answer, Job))
        return Plan(jobs, tuple(answer for answer in answers if not isinstance(answer, Job))), due

    def _present(self) -> Iterator[tuple[Job | Skipped | Failed, Key, Mark]]:
        """Yield what the folders hold, as planned, with its key and its mark."""
        work = self._plan()
        for item in (*work.jobs, *work.rejected):
            job = item if isinstance(item, Job) else item.job
            error = item.error if isinstance(item, Failed) else None
            status = status_of(job.source) if job.source else None
            # It may have vanished meanwhile, and a folder may be empty.
            if job.source and status and not isinstance(error, NoPicturesError):
                # A folder's own time says nothing about what is wrong with it.
                mark = (1, 0) if stat.S_ISDIR(status.st_mode) else _mark(status)
                yield item, (job.source, error.message if error else ""), mark

    def _patience(self, source: Path, sight: _Sight, now: float) -> float:
        """Return for how many seconds a picture must not change to be due."""
        if now - sight.since < STILL_SECONDS:
            return STILL_SECONDS
        with self._lock:
            more = str(source) in self._open
        more = more or sight.mark[0] == 0 or any(os.path.lexists(f"{source}{end}") for end in PARTIAL_SUFFIXES)
        return PATIENT_SECONDS if more else STILL_SECONDS

    def _judge(self, job: Job, *, changed: bool) -> Job | Failed:
        """Decide what becomes of a picture that is due, by what its result looks like."""
        if job.existing is Existing.SKIP and changed and job.output and os.path.lexists(job.output):
            message = f"{job.output}: exists already, made before {job.source} changed"
            return Failed(job, OutputError(message, "--overwrite cleans such pictures again"))
        if job.existing is Existing.REPLACE and not changed and _is_current(job):
            return replace(job, existing=Existing.RENEW)
        return job

    def _wait(self, end: float) -> None:
        """Wait until something happens in the folders, or the end is reached."""
        # Waiting long in one piece can't be interrupted by Ctrl-C on Windows.
        while (left := end - time.monotonic()) > 0 and not self._wake.wait(min(left, 0.5)):
            pass

    def _observe(self) -> BaseObserver | None:
        """Have the system trigger scans; None where it has no room for that, so that only time does."""
        from watchdog import events
        from watchdog.observers import Observer

        # It logs when events are lost, which means nothing here, and by default would appear on stderr.
        logging.getLogger("watchdog").addHandler(logging.NullHandler())
        watch = self

        class Handler(events.FileSystemEventHandler):
            def on_any_event(self, event: FileSystemEvent) -> None:
                watch._notice(event)

        wanted: list[type[FileSystemEvent]] = [
            *(events.FileCreatedEvent, events.FileModifiedEvent, events.FileMovedEvent, events.FileDeletedEvent),
            *(events.FileClosedEvent, events.DirCreatedEvent, events.DirMovedEvent, events.DirDeletedEvent),
        ]
        try:
            observer = Observer()
            for folder in self._folders:
                observer.schedule(Handler(), folder, recursive=self._recursive, event_filter=wanted)
            observer.start()
        except OSError:  # a limit of the system, such as Linux's number of watches
            return None
        return observer

    def _notice(self, event: FileSystemEvent) -> None:
        if sys.platform == "linux":  # alone tells when a file is closed
            path = str(Path(os.fsdecode(event.src_path)))
            with self._lock:
                if event.event_type == "modified":
                    self._open.add(path)
                else:
                    self._open.discard(path)
        self._wake.set()


def _mark(status: os.stat_result) -> Mark:
    return status.st_size, status.st_mtime_ns


def _is_current(job: Job) -> bool:
    """Tell whether a job's result exists and is not older than its picture."""
    picture, result = (status_of(path) if path else None for path in (job.source, job.output))
    return picture is not None and result is not None and result.st_mtime + FAT_SECONDS >= picture.st_mtime
