"""Plan a batch: which picture becomes which file.

A plan touches no pixels and writes nothing. What can't be done is settled by name, see `denoise_ae.batch.conflicts`;
the rest are jobs for `denoise_ae.batch.pipeline`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from denoise_ae.batch.conflicts import settle
from denoise_ae.batch.jobs import Existing, Failed, Job, Skipped
from denoise_ae.errors import ImageError, UsageError
from denoise_ae.imagefiles.finding import Choice, walk_inputs
from denoise_ae.imagefiles.formats import format_for, format_named, is_image_name, is_written_name, written_suffix
from denoise_ae.system.paths import identity, is_folder

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

    Folders are read in natural order; see `denoise_ae.imagefiles.finding.pictures_in` for what is passed over.

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
        include: see `denoise_ae.imagefiles.finding.Choice`; a picture named outright is skipped where it is not wanted.
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
    if "" in (*words, target):  # not the folder at hand, as pathlib takes it
        raise UsageError("an empty word names no file or folder", "is a variable empty? The folder at hand is .")
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
        return Plan(*settle([single]))

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
    doable, hindered = settle(jobs, earlier="" if naming.folder else naming.suffix)
    return Plan(doable, (*settled, *hindered))


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
    if not output.suffix or (asked and not is_written_name(output)):
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
        claimed = format_named(source)
        keeps = not self.ending or (claimed is not None and claimed.name == self.file_format)
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
