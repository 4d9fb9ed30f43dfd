"""Plan a batch: which picture becomes which file.

A plan touches no pixels and writes nothing. What can't be done is rejected by name, see `denoise_ae.batch.conflicts`;
the rest are jobs for `denoise_ae.batch.pipeline`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from denoise_ae.batch.conflicts import PlanStyle, check_conflicts
from denoise_ae.batch.jobs import Existing, Failed, Job, Skipped
from denoise_ae.errors import ImageError, UsageError
from denoise_ae.imagefiles.finding import PathFilter, walk_inputs
from denoise_ae.imagefiles.formats import format_for, format_named, is_image_name, is_written_name, written_suffix
from denoise_ae.system.paths import Identity, identity, is_folder

STREAM = "-"
"""The word for standard input and standard output."""

CLEAN_STYLE = PlanStyle()


@dataclass(frozen=True)
class Plan:
    """The jobs of a batch, in the order to do them, and what became of the inputs that need no work or allow none."""

    jobs: tuple[Job, ...]
    rejected: tuple[Skipped | Failed, ...] = ()

    def only(self) -> Job:
        """Return the job of a plan for one picture.

        Raises:
            DenoiseError: it was rejected.
        """
        for event in self.rejected:
            raise event.error if isinstance(event, Failed) else UsageError(f"{event.job.name}: {event.reason}")
        return self.jobs[0]


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
    style: PlanStyle = CLEAN_STYLE,
) -> Plan:
    """Decide what every input becomes.

    Folders are read in natural order; see `denoise_ae.imagefiles.finding.pictures_in` for what is passed over.

    Args:
        inputs: files and folders, or the one word ``-``: standard input.
        output: a file where there is one input file and `output` is neither an existing folder nor ends with a
            separator; else a folder, under which each input folder's tree is mirrored. ``-``: standard output.
            None: beside each source, or standard output for standard input.
        recursive: read sub-folders too.
        suffix: put before the ending of each result's name; None: the style's (``-clean``) beside the source, nothing
            elsewhere.
        file_format: ending of the format to write, as ``png`` or ``jpg``; None: as the output is named, else as the
            source is.
        existing: what to do where an output exists. `Existing.IN_PLACE`: each picture's output is itself.
        include: see `denoise_ae.imagefiles.finding.PathFilter`; a picture that is named outright and does
            not match is skipped.
        exclude: the same.
        style: what other commands than ``clean`` do differently.

    Returns:
        The plan. Missing inputs, folders without pictures, collisions, and outputs that must not be written are
        failures in it: they do not stop the rest.

    Raises:
        UsageError: the inputs, the output and the options make no sense together.
    """
    words = [os.fspath(word) for word in inputs]
    target = None if output is None else os.fspath(output)
    check_words(words, target)
    if suffix and Path(suffix).name != suffix:
        raise UsageError(f"--suffix {suffix} would change the folder", "give a part of a file name, as -clean")
    path_filter = PathFilter(include, exclude)
    if existing is Existing.IN_PLACE:
        if target is not None or suffix is not None or file_format is not None or STREAM in words:
            hint = "leave out -o, --suffix, --format and -, or --in-place"
            raise UsageError("--in-place gives each file's result its own name", hint)
        suffix = ""
    elif STREAM in words or target == STREAM or _means_file(words, target):
        if suffix is not None:
            raise UsageError("--suffix is for results in folders", "leave it out, or give -o a folder")
        single = _single_job(words, target, file_format, existing)
        if single.source and not path_filter.matches(Path(single.source.name)):
            return Plan((), (_excluded(single),))
        return Plan(*check_conflicts([single], style))

    naming = _naming(words, target, suffix, file_format, style)

    def make_job(source: Path, root: Path) -> Job:
        result = source if existing is Existing.IN_PLACE else naming.output(source, root)
        return Job(source, result, naming.file_format, existing)

    avoid = identity(naming.folder) if naming.folder else None
    jobs, rejected = find_jobs(words, make_job, recursive=recursive, path_filter=path_filter, avoid=avoid)
    # A picture that is named twice is cleaned once.
    doable, hindered = check_conflicts(dict.fromkeys(jobs), style, earlier="" if naming.folder else naming.suffix)
    return Plan(doable, (*rejected, *hindered))


def check_words(words: Sequence[str], target: str | None) -> None:
    """Check that there are inputs, and that neither they nor the output are empty.

    Raises:
        UsageError: it is not so.
    """
    if not words:
        raise UsageError("nothing to clean", "name at least one picture or folder")
    if "" in (*words, target):  # not the folder at hand, as pathlib takes it
        raise UsageError("an empty word names no file or folder", "is a variable empty? The folder at hand is .")


def find_jobs(
    words: list[str],
    make_job: Callable[[Path, Path], Job],
    *,
    recursive: bool,
    path_filter: PathFilter,
    avoid: Identity | None = None,
) -> tuple[list[Job], list[Skipped | Failed]]:
    """Find the pictures that inputs stand for.

    Args:
        words: see `denoise_ae.imagefiles.finding.walk_inputs`.
        make_job: makes a job of a picture and of the folder from which its place is counted.
        recursive: as for `walk_inputs`.
        path_filter: the same; pictures named outright that do not match are skipped.
        avoid: the same.

    Returns:
        The jobs, and what became of inputs that stand for none.
    """
    jobs: list[Job] = []
    rejected: list[Skipped | Failed] = []
    for source, found in walk_inputs(words, recursive=recursive, avoid=avoid, path_filter=path_filter):
        if isinstance(found, ImageError):
            rejected.append(Failed(Job(source, None), found))
        elif path_filter.matches(source.relative_to(found)):
            jobs.append(make_job(source, found))
        else:
            rejected.append(_excluded(make_job(source, found)))
    return jobs, rejected


def _excluded(job: Job) -> Skipped:
    return Skipped(job, "left out by --include or --exclude")


def names_folder(target: str) -> bool:
    """Tell whether an output is to be a folder: it exists as one, or ends with a separator."""
    return target.endswith((os.sep, os.altsep or os.sep)) or is_folder(target)


def _means_file(words: list[str], target: str | None) -> bool:
    return target is not None and len(words) == 1 and not is_folder(words[0]) and not names_folder(target)


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
    if target is None or target == STREAM:
        return Job(source, None, _asked_format(file_format), existing)
    if names_folder(target):
        raise UsageError(f"{target}: standard input has no name to use in a folder", "give -o a file name")
    return Job(source, Path(target), file_format_of(Path(target), file_format), existing)


def file_format_of(output: Path, file_format: str | None) -> str | None:
    """Tell which format a result is to have, by its name and by what --format says; None: its source's.

    Raises:
        UsageError: they contradict each other, or there is no such format.
    """
    asked = _asked_format(file_format)
    if not output.suffix or (asked and not is_written_name(output)):
        return asked
    try:
        named = format_for(output)
    except ImageError as error:
        raise UsageError(error.message, error.hint or "--format says what to write") from error
    if asked and asked != named:
        raise UsageError(f"--format {file_format} contradicts the output {output}", "leave one of the two out")
    return named


class Naming:
    """Names results that lie in a folder, or beside their sources.

    Args:
        folder: where the sources' tree is mirrored; None: beside each source.
        suffix: put before the ending of each name.
        ending: the ending that --format gives, without its dot; None: the source's.

    Attributes:
        folder: as given.
        suffix: as given.
        file_format: of the results; None: the source's.

    Raises:
        UsageError: there is no such format.
    """

    def __init__(self, folder: Path | None, suffix: str, ending: str | None) -> None:
        self.folder = folder
        self.suffix = suffix
        self.file_format = _asked_format(ending)
        self._ending = ending

    def output(self, source: Path, root: Path) -> Path:
        """Name the result of a source that was found under `root`."""
        claimed = format_named(source)
        keeps = not self._ending or (claimed is not None and claimed.name == self.file_format)
        name = f"{source.stem}{self.suffix}{written_suffix(source.suffix) if keeps else f'.{self._ending}'}"
        return (self.folder / source.parent.relative_to(root) if self.folder else source.parent) / name


def _naming(
    words: list[str], target: str | None, suffix: str | None, file_format: str | None, style: PlanStyle
) -> Naming:
    folder = Path(target) if target else None
    if folder and target and not names_folder(target):
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
        suffix = "" if folder else style.suffix
    return Naming(folder, suffix, file_format)
