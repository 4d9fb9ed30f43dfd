"""Checks of options and outputs, made before any work."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from denoise_ae.errors import OutputError, UsageError

if TYPE_CHECKING:
    from denoise_ae.batch.jobs import Existing
    from denoise_ae.batch.planning import Plan
    from denoise_ae.system.files import LineFile


def parse_sigma(text: str) -> float | None:
    """Read ``auto`` (None) or a number of 8-bit steps."""
    if text == "auto":
        return None
    try:
        sigma = float(text)
    except ValueError:
        sigma = math.nan
    if not 0 <= sigma <= 255:
        raise UsageError(f"--sigma {text} is no noise level", "give auto, or a number of 8-bit steps from 0 to 255")
    return sigma


def what_exists(overwrite: bool, skip_existing: bool, in_place: bool, watch: bool) -> Existing:
    """Combine the options on existing outputs. With --in-place, --overwrite is for the report."""
    from denoise_ae.batch.jobs import Existing

    if skip_existing and (overwrite or in_place):
        other = "--overwrite" if overwrite else "--in-place"
        raise UsageError(f"{other} and --skip-existing contradict each other", "leave one of the two out")
    if in_place:
        return Existing.IN_PLACE
    return Existing.REPLACE if overwrite else Existing.SKIP if skip_existing or watch else Existing.REFUSE


def how_to_continue(existing: Existing, *, dry_run: bool) -> str:
    """Say how a batch that is interrupted is continued; nothing where every picture would be cleaned again."""
    from denoise_ae.batch.jobs import Existing

    if dry_run or existing not in (Existing.REFUSE, Existing.SKIP):
        return ""
    return f"run the same command {'again' if existing is Existing.SKIP else 'with --skip-existing'} to continue"


def check_watch(inputs: list[str], output: str | None, *, in_place: bool, dry_run: bool) -> list[Path]:
    """Check what --watch needs, and return the folders to watch."""
    from denoise_ae.batch.planning import STREAM
    from denoise_ae.system.paths import identity, is_folder

    if in_place:
        raise UsageError("--watch and --in-place would clean every picture again at each start", "give -o FOLDER")
    if dry_run:
        raise UsageError("--watch and --dry-run contradict each other", "leave one of the two out")
    for word in inputs:
        if word == STREAM or (os.path.lexists(word) and not is_folder(word)):
            raise UsageError(f"{word}: --watch takes folders", "clean single pictures without it")
    if output is None or output == STREAM:
        raise UsageError("--watch needs a folder for the results", "give -o FOLDER")
    if is_folder(output) and identity(output) in map(identity, inputs):
        raise UsageError(f"{output}: the output folder is watched itself", "give another -o; it may lie inside")
    return [Path(word) for word in inputs]


def check_streams(work: Plan, *, as_json: bool, keep_time: bool) -> None:
    """Check that standard input and output can be used as the jobs need them."""
    reads = any(job.source is None for job in work.jobs)
    writes = any(job.output is None for job in work.jobs)
    if keep_time and (reads or writes):
        raise UsageError("--keep-time is for files: a stream has no modification time", "leave it out, or name files")
    if reads and (sys.stdin is None or sys.stdin.isatty()):
        raise UsageError("nothing comes from standard input", "name the file, or pipe a picture into it")
    if writes and as_json:
        raise UsageError("the picture and --json can't both go to standard output", "give -o a file name")
    if writes and (sys.stdout is None or sys.stdout.isatty()):
        raise UsageError("standard output is a terminal, or closed", "give -o a file name, or redirect the output")


def share_threads(threads: int | None, jobs: int) -> int:
    """Return the number of threads for the model, so that with a thread for each further job they sum to `threads`."""
    from denoise_ae.system.cpus import available_cpus, check_threads

    check_threads(threads)
    total = threads or available_cpus()
    if jobs > total:
        hint = f"give --jobs {total} or less, or more --threads"
        raise UsageError(f"--jobs {jobs} exceeds the number of threads, {total}", hint)
    # Each job's own thread computes too.
    return total - jobs + 1


def report_file(
    name: str | None, work: Plan, *, overwrite: bool, append: bool, dry_run: bool
) -> AbstractContextManager[LineFile | None]:
    """Open the report; in a dry run only check that it could be opened."""
    if name is None:
        return nullcontext()
    from denoise_ae.batch.planning import STREAM
    from denoise_ae.system.files import LineFile, check_target

    if name == STREAM:
        raise UsageError("--report takes a file name", "--json prints the same lines")
    path = Path(name)
    all_jobs = [*work.jobs, *(event.job for event in work.rejected)]
    refuse_inputs(path, (job.source for job in all_jobs if job.source))
    if os.path.realpath(path) in {os.path.realpath(job.output) for job in all_jobs if job.output}:
        raise OutputError(f"{path}: the report and a result would be the same file", "choose another name")
    if not dry_run:
        return LineFile(path, overwrite, append=append)
    if path.parent.exists():  # otherwise it would be created
        check_target(path, overwrite)
    return nullcontext()


def refuse_inputs(output: Path, inputs: Iterable[Path]) -> None:
    """Check that an output is not one of the inputs, under any link or spelling.

    Raises:
        OutputError: it is.
    """
    from denoise_ae.system.paths import identity

    known = identity(output)
    if known is not None and known in map(identity, inputs):
        raise OutputError(f"{output}: the output is an input itself", "choose another name")


def check_reports(table: Path | None, chart: Path | None, inputs: Iterable[Path], *, overwrite: bool) -> None:
    """Check, before anything is measured, that a table and a chart can be written.

    Raises:
        UsageError: a file name has the wrong suffix.
        OutputError: a file is also an input, exists, or can't be written.
        PackageError: a chart needs matplotlib, which is not installed.
    """
    from denoise_ae.measure.report import CHART_FORMATS, check_matplotlib
    from denoise_ae.system.files import check_target

    known = list(inputs)
    for option, output, formats in (("--table", table, ("md",)), ("--chart", chart, CHART_FORMATS)):
        if output is None:
            continue
        if output.suffix.lower()[1:] not in formats:
            raise UsageError(
                f"{option} {output}: unsupported file format", f"end the name with .{' or .'.join(formats)}"
            )
        refuse_inputs(output, known)
        check_target(output, overwrite=overwrite)
    if chart:
        check_matplotlib()
