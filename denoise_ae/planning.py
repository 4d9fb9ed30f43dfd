"""Plan a batch: which picture becomes which file. Everything that names alone can tell is found before work starts.

A plan touches no pixels and writes nothing. What can't be done, because two pictures would become one file, because
an output is an input or exists already, is settled here by name; the rest are jobs for `denoise_ae.batch`.
"""

from __future__ import annotations

import os
import stat
import sys
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from denoise_ae.errors import ImageError, OutputError, UsageError
from denoise_ae.finding import Choice, Identity, identity, is_folder, status_of, walk_inputs
from denoise_ae.headers import FORMATS, is_image_name, written_suffix
from denoise_ae.images import format_for
from denoise_ae.jobs import Existing, Failed, Job, Skipped

DEFAULT_SUFFIX = "-clean"
"""What a result's name gets where it lies beside its source."""

STREAM = "-"
"""The word for standard input and standard output."""


@dataclass(frozen=True)
class Plan:
    """The jobs of a batch, in the order to do them, and what is settled without any work."""

    jobs: tuple[Job, ...]
    settled: tuple[Skipped | Failed, ...] = ()


def plan(
    inputs: Sequence[str | Path],
    output: str | Path | None = None,
    *,
    recursive: bool = False,
    suffix: str | None = None,
    file_format: str | None = None,
    existing: Existing = Existing.REFUSE,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
) -> Plan:
    """Decide what every input becomes.

    Folders are read in natural order; see `denoise_ae.finding.pictures_in` for what is passed over.

    Args:
        inputs: files and folders, or the one word ``-``: standard input.
        output: a file where there is one input file and `output` is neither an existing folder nor ends with a
            separator; else a folder, under which each input folder's tree is mirrored. ``-``: standard output.
            None: beside each source, or standard output for standard input.
        recursive: read sub-folders too.
        suffix: put before the ending of each result's name; None: ``-clean`` beside the source, nothing elsewhere.
        file_format: ending of the format to write, as ``png`` or ``jpg``; None: as the output is named, else as the
            source is.
        existing: what to do where an output exists. `Existing.IN_PLACE`: each picture's output is itself.
        include: see `denoise_ae.finding.Choice`; a picture named outright is skipped where it is not wanted.
        exclude: the same.

    Returns:
        The plan. Missing inputs, folders without pictures, collisions, and outputs that must not be written are
        failures in it: they do not stop the rest.

    Raises:
        UsageError: the inputs, the output and the options make no sense together.
    """
    words = [os.fspath(word) for word in inputs]
    target = None if output is None else os.fspath(output)
    if not words:
        raise UsageError("nothing to clean", "name at least one picture or folder")
    if suffix and Path(suffix).name != suffix:
        raise UsageError(f"--suffix {suffix} would change the folder", "give a part of a file name, as -clean")
    choice = Choice(include, exclude)
    if existing is Existing.IN_PLACE:
        if target is not None or suffix is not None or file_format is not None or STREAM in words:
            hint = "leave out -o, --suffix, --format and -, or --in-place"
            raise UsageError("--in-place gives each file's result its own name", hint)
        suffix = ""
    elif STREAM in words or target == STREAM or _means_file(words, target):
        if suffix is not None:
            raise UsageError("--suffix is for results in folders", "leave it out, or give -o a folder")
        single = _single_job(words, target, file_format, existing)
        if single.source and not choice.wants(Path(single.source.name)):
            return Plan((), (_unwanted(single),))
        return _settle([single], [], earlier="")

    naming = _naming(words, target, suffix, file_format)
    jobs: list[Job] = []
    settled: list[Skipped | Failed] = []
    avoid = identity(naming.folder) if naming.folder else None
    for source, found in walk_inputs(words, recursive=recursive, avoid=avoid, choice=choice):
        if isinstance(found, ImageError):
            settled.append(Failed(Job(source, None), found))
            continue
        result = source if existing is Existing.IN_PLACE else naming.output(source, root=found)
        job = Job(source, result, naming.file_format, existing)
        if choice.wants(source.relative_to(found)):
            jobs.append(job)
        else:
            settled.append(_unwanted(job))
    return _settle(jobs, settled, earlier="" if naming.folder else naming.suffix)


def _unwanted(job: Job) -> Skipped:
    return Skipped(job, "left out by --include or --exclude")


def _names_folder(target: str) -> bool:
    return target.endswith((os.sep, os.altsep or os.sep)) or is_folder(target)


def _means_file(words: list[str], target: str | None) -> bool:
    return target is not None and len(words) == 1 and not is_folder(words[0]) and not _names_folder(target)


def _asked_format(file_format: str | None) -> str | None:
    try:
        return format_for(f".{file_format}") if file_format else None
    except ImageError as error:
        raise UsageError(f"--format: {error.message}", error.hint) from error


def _single_job(words: list[str], target: str | None, file_format: str | None, existing: Existing) -> Job:
    """Plan one file into one file, where either may be a stream."""
    if len(words) > 1:
        raise UsageError("a stream holds one picture, but there are several", "give one file, or -o a folder")
    if words[0] != STREAM and is_folder(words[0]):
        raise UsageError(f"{words[0]}: a folder can't go to standard output", "give -o a folder")
    source = None if words[0] == STREAM else Path(words[0])
    asked = _asked_format(file_format)
    if target is None or target == STREAM:
        return Job(source, None, asked, existing)
    if _names_folder(target):
        raise UsageError(f"{target}: standard input has no name to use in a folder", "give -o a file name")

    output = Path(target)
    if not output.suffix or (asked and output.suffix.lower() not in FORMATS):
        return Job(source, output, asked, existing)
    try:
        named = format_for(output)
    except ImageError as error:
        raise UsageError(error.message, error.hint or "--format says what to write") from error
    if asked and asked != named:
        raise UsageError(f"--format {file_format} contradicts the output {output}", "leave one of the two out")
    return Job(source, output, named, existing)


@dataclass(frozen=True)
class _Naming:
    """How results are named that lie beside their sources or in a folder."""

    folder: Path | None
    """None: beside each source."""
    suffix: str
    ending: str
    """With its dot; empty where the format is not to change."""
    file_format: str | None

    def output(self, source: Path, root: Path) -> Path:
        """Name the result of a source that was found under `root`."""
        keeps = not self.ending or FORMATS.get(source.suffix.lower()) == self.file_format
        name = f"{source.stem}{self.suffix}{written_suffix(source.suffix) if keeps else self.ending}"
        return (self.folder / source.parent.relative_to(root) if self.folder else source.parent) / name


def _naming(words: list[str], target: str | None, suffix: str | None, file_format: str | None) -> _Naming:
    folder = Path(target) if target else None
    if folder and target and not _names_folder(target):
        if os.path.lexists(folder):
            raise UsageError(f"{target}: is a file, but the results need a folder", "give -o a folder")
        if is_image_name(folder):
            hint = f"if it is to be a folder, write {target}{os.sep}"
            raise UsageError(f"{target}: several results can't go into one file", hint)
    if folder and any(is_folder(word) and identity(word) == identity(folder) for word in words):
        if not suffix:
            raise UsageError(f"{target}: the output folder is an input folder", "give another -o, or a --suffix")
        folder = None  # this is what leaving -o out means
    if suffix is None:
        suffix = "" if folder else DEFAULT_SUFFIX
    asked = _asked_format(file_format)
    return _Naming(folder, suffix, f".{file_format}" if file_format else "", asked)


def _settle(candidates: list[Job], settled: Sequence[Skipped | Failed], *, earlier: str) -> Plan:
    """Part the jobs that can be done from those that are settled by name.

    Args:
        candidates: all jobs; one that is named twice is done once.
        settled: what is settled already.
        earlier: suffix by which earlier results, lying beside their sources, are known; empty where they lie elsewhere.
    """
    settled = list(settled)
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
            error = _clash(job, rivals) or _forbidden(job, job.output, sources) or places.closed(job.output.parent)
        if error:
            settled.append(Failed(job, error))
        else:
            jobs.append(job)
    return Plan(tuple(jobs), tuple(settled))


def _is_second(job: Job, replaced: dict[str, Job]) -> bool:
    """Tell whether a file that its result replaces was named before: through a link, say. Hard links become two."""
    if job.existing is not Existing.IN_PLACE or not job.source:
        return False
    return replaced.setdefault(os.path.realpath(job.source), job) is not job


def _unreachable(source: Path) -> ImageError | None:
    try:
        source.stat()
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
    if job.existing is Existing.IN_PLACE and not os.access(output, os.W_OK):
        return OutputError(f"{output}: is write-protected", "change its permissions, or leave out --in-place")
    if job.existing is Existing.REFUSE:
        return OutputError(f"{output}: exists already", "--overwrite replaces it, --skip-existing passes over it")
    return None


class _Places:
    """What is known of the folders that outputs go to; asked once for each."""

    def __init__(self) -> None:
        self._real: dict[Path, str] = {}

    def key(self, output: Path) -> str:
        """Return what is equal for all spellings of one output."""
        parent = output.parent
        if parent not in self._real:
            self._real[parent] = os.path.realpath(parent)
        path = os.path.join(self._real[parent], output.name)  # noqa: PTH118 - thousands of them, as text
        if sys.platform in ("win32", "darwin"):  # where A.png is a.png, however its accents are written
            return unicodedata.normalize("NFC", path).casefold()
        return path

    def closed(self, folder: Path) -> OutputError | None:
        """Say why nothing can be made in a folder, which may itself have to be made, or None."""
        place = next((place for place in (folder, *folder.parents) if os.path.lexists(place)), Path())
        if not is_folder(place):
            return OutputError(f"{place}: is not a folder, so that nothing can be written there", "give another -o")
        if not os.access(place, os.W_OK | os.X_OK):
            return OutputError(f"{place}: this folder can't be written to", "give -o another place")
        return None
