"""Settle by name which jobs of a batch can be done: everything that names and links alone can tell, before work starts.

Two pictures would become one file; an output is an input, exists already or can't be written: such jobs fail here, one
by one, and the others go on. Touches no pixels and writes nothing.
"""

from __future__ import annotations

import os
import stat
import sys
import unicodedata
from pathlib import Path

from denoise_ae.batch.jobs import Existing, Failed, Job, Skipped
from denoise_ae.errors import ImageError, OutputError
from denoise_ae.system.files import not_ordinary
from denoise_ae.system.paths import Identity, identity, is_folder, status_of


def settle(candidates: list[Job], *, earlier: str = "") -> tuple[tuple[Job, ...], tuple[Skipped | Failed, ...]]:
    """Part the jobs that can be done from those that are settled by name.

    Args:
        candidates: all jobs; one that is named twice is done once.
        earlier: suffix by which earlier results, lying beside their sources, are known; empty where they lie elsewhere.

    Returns:
        The jobs that can be done, in their order, and what became of the others.
    """
    settled: list[Skipped | Failed] = []
    candidates = list(dict.fromkeys(candidates))
    stems = {(job.source.parent, job.source.stem) for job in candidates if job.source}
    present: list[Job] = []
    replaced: dict[str, Job] = {}
    for job in candidates:
        origin = job.source.stem.removesuffix(earlier) if job.source else ""
        if job.source and (missing := _unreachable(job.source)):
            settled.append(Failed(job, missing))
        elif job.source and origin != job.source.stem and (job.source.parent, origin) in stems:
            settled.append(Skipped(job, f"looks like an earlier result, made from {origin}"))
        elif _is_second(job, replaced):
            settled.append(Skipped(job, "another name of a file that is cleaned already"))
        else:
            present.append(job)

    sources = {identity(job.source): job for job in present if job.source}
    places = _Places()
    keys = {job: places.key(job.output) for job in present if job.output}
    owners: dict[str, list[Job]] = {}
    for job, key in keys.items():
        owners.setdefault(key, []).append(job)

    jobs: list[Job] = []
    for job in present:
        error = None
        if job.output:
            rivals = [other for other in owners[keys[job]] if other is not job]
            error = _clash(job, rivals) or _forbidden(job, job.output, sources) or _unwritable(job, job.output)
        if error:
            settled.append(Failed(job, error))
        else:
            jobs.append(job)
    return tuple(jobs), tuple(settled)


def _is_second(job: Job, replaced: dict[str, Job]) -> bool:
    """Tell whether a file that its result replaces was named before: through a link, say. Hard links become two."""
    if job.existing is not Existing.IN_PLACE or not job.source:
        return False
    return replaced.setdefault(os.path.realpath(job.source), job) is not job


def _unreachable(source: Path) -> ImageError | None:
    try:
        if not stat.S_ISREG(source.stat().st_mode):
            return not_ordinary(source)
    except FileNotFoundError:
        reason = "is a link to nothing" if source.is_symlink() else "no such file or folder"
        return ImageError(f"{source}: {reason}", "check the spelling; quote a name with spaces")
    except (OSError, ValueError) as error:
        return ImageError(f"{source}: {getattr(error, 'strerror', None) or error}")
    return None


def _clash(job: Job, rivals: list[Job]) -> OutputError | None:
    if not rivals:
        return None
    hint = "give --suffix or another --format, or clean them one by one into separate folders"
    return OutputError(f"{job.name}: {job.output_name} would come from {rivals[0].name} too", hint)


def _forbidden(job: Job, output: Path, sources: dict[Identity | None, Job]) -> OutputError | None:
    """Say why what lies at an output's name must stay, or None."""
    if not os.path.lexists(output):
        return None
    status = status_of(output)
    owner = sources.get(identity(output)) if status else None
    if owner is not None and job.existing is not Existing.IN_PLACE:
        whose = "the output is the input itself" if owner is job else f"its output {output} is another input"
        hint = "give another -o, or a --suffix; --in-place alone replaces pictures by their results"
        return OutputError(f"{job.name}: {whose}", hint)
    if status and not stat.S_ISREG(status.st_mode):
        return OutputError(f"{output}: is not an ordinary file, so that it can't be replaced", "give another -o")
    if job.existing is Existing.REFUSE:
        return OutputError(f"{output}: exists already", "--overwrite replaces it, --skip-existing passes over it")
    return None


def _unwritable(job: Job, output: Path) -> OutputError | None:
    """Say why nothing can be written under an output's name, whose folder may itself have to be made, or None."""
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
    replaces = job.existing in (Existing.IN_PLACE, Existing.REPLACE) and output.exists()
    if replaces and not os.access(output, os.W_OK):
        return OutputError(f"{output}: is write-protected", "change its permissions, or give -o another place")
    return None


class _Places:
    """Tells outputs apart, however they are spelled; asks for each folder once."""

    def __init__(self) -> None:
        self._real: dict[Path, str] = {}

    def key(self, output: Path) -> str:
        """Return what is equal for all spellings of one output, and for links to it."""
        parent = output.parent
        if parent not in self._real:
            self._real[parent] = os.path.realpath(parent)
        path = os.path.join(self._real[parent], output.name)  # noqa: PTH118 - thousands of them, as text
        if output.is_symlink():
            path = os.path.realpath(path)
        if sys.platform in ("win32", "darwin"):  # where A.png is a.png, however its accents are written
            return unicodedata.normalize("NFC", path).casefold()
        return path
