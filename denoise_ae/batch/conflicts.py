"""Reject jobs whose outputs collide, exist or can't be written, by names and links alone, before work starts.

A job that is rejected stops no other. Touches no pixels and writes nothing.
"""

from __future__ import annotations

import os
import stat
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from denoise_ae.batch.jobs import Existing, Failed, Job, Skipped
from denoise_ae.errors import ImageError, OutputError
from denoise_ae.system.files import not_ordinary
from denoise_ae.system.paths import Identity, identity, is_folder, is_link, status_of


@dataclass(frozen=True)
class PlanStyle:
    """What plans differ in from one command to another."""

    suffix: str = "-clean"
    """What a result's name gets where it lies beside its source and no suffix is given."""
    if_outputs_collide: str = "give --suffix or another --format, or clean them one by one into separate folders"
    if_output_exists: str = "--overwrite replaces it, --skip-existing passes over it"
    if_output_is_input: str = "give another -o, or a --suffix; --in-place alone replaces pictures by their results"
    outputs_are_files: bool = True
    """False: they are entries of one file, which can only collide with each other."""


def check_conflicts(
    candidates: Iterable[Job], style: PlanStyle, *, also_read: Sequence[Path] = (), earlier: str = ""
) -> tuple[tuple[Job, ...], tuple[Skipped | Failed, ...]]:
    """Split jobs into those that can be done and those that can't, or need not be.

    Args:
        candidates: all jobs.
        style: of their plan.
        also_read: files, beside the sources, that no output may replace.
        earlier: suffix by which earlier results, lying beside their sources, are known; empty where they lie elsewhere.

    Returns:
        The jobs that can be done, in their order, and what became of the others.
    """
    rejected: list[Skipped | Failed] = []
    candidates = list(candidates)
    stems = {(job.source.parent, job.source.stem) for job in candidates if job.source}
    present: list[Job] = []
    replaced: dict[str, Job] = {}
    for job in candidates:
        origin = job.source.stem.removesuffix(earlier) if job.source else ""
        if job.source and (missing := _unreachable(job.source)):
            rejected.append(Failed(job, missing))
        elif job.source and origin != job.source.stem and (job.source.parent, origin) in stems:
            rejected.append(Skipped(job, f"looks like an earlier result, made from {origin}"))
        elif _is_second(job, replaced):
            rejected.append(Skipped(job, "another name of a file that is cleaned already"))
        else:
            present.append(job)

    sources: dict[Identity | None, Job | None] = {identity(job.source): job for job in present if job.source}
    sources |= {identity(path): None for path in also_read}
    key = _Places().key if style.outputs_are_files else str
    owners: dict[str, list[Job]] = {}
    for job in present:
        if job.output:
            owners.setdefault(key(job.output), []).append(job)
    rivals = {id(job): group[index - 1] for group in owners.values() for index, job in enumerate(group)}

    jobs: list[Job] = []
    for job in present:
        error = None
        if job.output and (rival := rivals[id(job)]) is not job:
            message = f"{job.name}: {job.output_name} would come from {rival.name} too"
            error = OutputError(message, style.if_outputs_collide)
        elif job.output and style.outputs_are_files:
            error = _forbidden(job, job.output, sources, style) or _unwritable(job, job.output)
        if error:
            rejected.append(Failed(job, error))
        else:
            jobs.append(job)
    return tuple(jobs), tuple(rejected)


def _is_second(job: Job, replaced: dict[str, Job]) -> bool:
    """Tell whether a file to be replaced was named before: through a link, say. Hard links become two files."""
    if job.existing is not Existing.IN_PLACE or not job.source:
        return False
    return replaced.setdefault(os.path.realpath(job.source), job) is not job


def _unreachable(source: Path) -> ImageError | None:
    try:
        if not stat.S_ISREG(source.stat().st_mode):
            return not_ordinary(source)
    except FileNotFoundError:
        reason = "is a link to nothing" if is_link(source) else "no such file or folder"
        return ImageError(f"{source}: {reason}", "check the spelling; quote a name with spaces")
    except (OSError, ValueError) as error:
        return ImageError(f"{source}: {getattr(error, 'strerror', None) or error}")
    return None


def _forbidden(
    job: Job, output: Path, sources: dict[Identity | None, Job | None], style: PlanStyle
) -> OutputError | None:
    """Return why a file that exists must not be replaced, if so."""
    if not os.path.lexists(output):
        return None
    status = status_of(output)
    if status and (known := identity(output)) in sources:
        owner = sources[known]
        if not owner or job.existing is not Existing.IN_PLACE:
            whose = "the output is the input itself" if owner is job else f"its output {output} is another input"
            return OutputError(f"{job.name}: {whose}", style.if_output_is_input)
    if status and not stat.S_ISREG(status.st_mode):
        return OutputError(f"{output}: is not an ordinary file, so that it can't be replaced", "give another -o")
    if job.existing is Existing.REFUSE:
        return OutputError(f"{output}: exists already", style.if_output_exists)
    return None


def _unwritable(job: Job, output: Path) -> OutputError | None:
    """Return why a file can't be written, if so; its folder may have to be made."""
    place = next((place for place in output.parents if os.path.lexists(place)), Path())
    if not is_folder(place):
        return OutputError(f"{place}: is not a folder, so that nothing can be written there", "give another -o")
    if not os.access(place, os.W_OK | os.X_OK):
        return OutputError(f"{place}: this folder can't be written to", "give -o another place")
    for path in (output, place / output.name):
        try:
            path.lstat()
        except FileNotFoundError:
            pass
        except (OSError, ValueError) as error:  # too long for this file system, mostly
            return OutputError(f"{output}: {getattr(error, 'strerror', None) or error}", "choose another name")
    replaces = job.existing in (Existing.IN_PLACE, Existing.REPLACE) and status_of(output) is not None
    if replaces and not os.access(output, os.W_OK):
        return OutputError(f"{output}: is write-protected", "change its permissions, or give -o another place")
    return None


class _Places:
    """Tells outputs apart, however they are spelled; resolves each folder once."""

    def __init__(self) -> None:
        self._real: dict[Path, str] = {}

    def key(self, output: Path) -> str:
        """Return what is equal for all spellings of one output, and for links to it."""
        parent = output.parent
        if parent not in self._real:
            self._real[parent] = os.path.realpath(parent)
        path = os.path.join(self._real[parent], output.name)  # noqa: PTH118 - thousands of them, as text
        if is_link(output):
            path = os.path.realpath(path)
        if sys.platform in ("win32", "darwin"):  # where A.png is a.png, however its accents are written
            return unicodedata.normalize("NFC", path).casefold()
        return path
