"""``denoise-ae clean``: noisy pictures in, clean pictures out."""

from __future__ import annotations

import math
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from denoise_ae.errors import OutputError, UsageError

if TYPE_CHECKING:
    from denoise_ae.files import LineFile
    from denoise_ae.jobs import Existing
    from denoise_ae.planning import Plan


class KeepOrStrip(StrEnum):
    """What happens to metadata."""

    KEEP = "keep"
    STRIP = "strip"


def _parse_sigma(text: str) -> float | None:
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


def _what_exists(overwrite: bool, skip_existing: bool, in_place: bool) -> Existing:
    """Join the options on outputs that exist. --overwrite beside --in-place is for the report."""
    from denoise_ae.jobs import Existing

    if skip_existing and (overwrite or in_place):
        other = "--overwrite" if overwrite else "--in-place"
        raise UsageError(f"{other} and --skip-existing contradict each other", "leave one of the two out")
    if in_place:
        return Existing.IN_PLACE
    return Existing.REPLACE if overwrite else Existing.SKIP if skip_existing else Existing.REFUSE


def _check_streams(work: Plan, *, as_json: bool, keep_time: bool) -> None:
    reads = any(job.source is None for job in work.jobs)
    writes = any(job.output is None for job in work.jobs)
    if keep_time and (reads or writes):
        raise UsageError("--keep-time is for files, and a stream has no time", "leave it out, or name files")
    if reads and (sys.stdin is None or sys.stdin.isatty()):
        raise UsageError("nothing comes from standard input", "name the file, or pipe a picture into it")
    if writes and as_json:
        raise UsageError("the picture and --json can't both go to standard output", "give -o a file name")
    if writes and (sys.stdout is None or sys.stdout.isatty()):
        raise UsageError("standard output is a terminal, or closed", "give -o a file name, or redirect the output")


def _threads(threads: int | None, jobs: int) -> int:
    """Say how many threads to give to the model, so that with those of the other pictures there are `threads`."""
    from denoise_ae.runtime import available_cpus

    at_hand = threads or available_cpus()
    if jobs > at_hand:
        hint = f"give --jobs {at_hand} or less, or more --threads"
        raise UsageError(f"--jobs {jobs} is more than there are threads to share: {at_hand}", hint)
    # Each picture's own thread computes too.
    return at_hand - jobs + 1


def _report_file(
    name: str | None, work: Plan, *, overwrite: bool, dry_run: bool
) -> AbstractContextManager[LineFile | None]:
    """Open the report; in a dry run only find out whether that could be done."""
    if name is None:
        return nullcontext()
    from denoise_ae.cli.outputs import refuse_inputs
    from denoise_ae.files import LineFile, check_target
    from denoise_ae.planning import STREAM

    if name == STREAM:
        raise UsageError("--report takes a file's name", "--json prints the same lines")
    path = Path(name)
    all_jobs = [*work.jobs, *(settled.job for settled in work.settled)]
    refuse_inputs(path, (job.source for job in all_jobs if job.source))
    if os.path.realpath(path) in {os.path.realpath(job.output) for job in all_jobs if job.output}:
        raise OutputError(f"{path}: the report would lie where a result goes", "choose another name")
    if not dry_run:
        return LineFile(path, overwrite)
    if path.parent.exists():  # else it would be made
        check_target(path, overwrite)
    return nullcontext()


@contextmanager
def _polite_kill() -> Iterator[None]:
    """Let SIGTERM end the work as Ctrl-C does, with no temporary file left, and not at once."""
    before = signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def clean(
    inputs: Annotated[
        list[str],
        typer.Argument(metavar="PICTURE|FOLDER", help="What to clean; - reads standard input.", show_default=False),
    ],
    *,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE|FOLDER",
            help="Where the results go: the file's name for one picture; a folder, made when missing, if it exists as "
            "one, ends with /, or there is more than one picture; - writes standard output.",
            show_default="beside each picture",
        ),
    ] = None,
    recursive: Annotated[
        bool, typer.Option("--recursive", "-r", help="Read sub-folders too; their tree is kept under the output.")
    ] = False,
    suffix: Annotated[
        str | None,
        typer.Option(
            help="Goes before the ending of each result's name.",
            show_default="-clean beside the picture, nothing in an output folder",
        ),
    ] = None,
    in_place: Annotated[
        bool,
        typer.Option("--in-place", help="Replace each picture by its result, whole or not at all; permissions stay."),
    ] = False,
    include: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATTERN",
            help="Clean only what fits: *.png fits names, 2024/*.png paths under the input folder, ** any folders, and "
            "a folder's name all in it; in quotes, and as often as needed. Big and small letters are the same.",
            show_default=False,
        ),
    ] = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option(metavar="PATTERN", help="Leave out what fits, whatever --include says.", show_default=False),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            metavar="NAME|FILE.onnx",
            help="The model; denoise-ae models lists them.",
            show_default="the one for photographs",
        ),
    ] = None,
    sigma: Annotated[
        str,
        typer.Option(
            metavar="auto|NUMBER",
            help="How noisy the picture is: standard deviation in 8-bit steps, 0 to 255, for models that take a level.",
        ),
    ] = "auto",
    strength: Annotated[
        float, typer.Option(min=0.0, max=1.5, help="How much of the noise to take away; 0 leaves every pixel.")
    ] = 1.0,
    file_format: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="png|jpg|webp|tiff|...",
            help="Format of the results.",
            show_default="as -o is named, else as the picture is",
        ),
    ] = None,
    quality: Annotated[
        int | None,
        typer.Option(min=1, max=100, help="Quality of lossy formats.", show_default="near the picture's own"),
    ] = None,
    metadata: Annotated[
        KeepOrStrip, typer.Option(help="Keep EXIF, XMP and colour profile where the format can, or leave them out.")
    ] = KeepOrStrip.KEEP,
    keep_time: Annotated[
        bool, typer.Option("--keep-time", help="Give each result its picture's modification time.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace results that exist, and the report.")] = False,
    skip_existing: Annotated[
        bool, typer.Option("--skip-existing", help="Pass over pictures whose result exists and is whole.")
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Say what would be done and what would fail, as far as headers tell; no more."),
    ] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, ...; auto takes the best there is.")] = "auto",
    threads: Annotated[
        int | None,
        typer.Option(min=1, help="Threads for the model.", show_default="the CPUs to be had"),
    ] = None,
    jobs: Annotated[
        int,
        typer.Option(
            min=1,
            help="Pictures cleaned side by side. They share the threads, so that there can be no more pictures than "
            "threads, and each takes its own memory: for many small pictures.",
        ),
    ] = 1,
    tile: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Side of the squares that large pictures are cleaned in, in pixels; less takes less memory.",
            show_default="by the model",
        ),
    ] = None,
    max_megapixels: Annotated[
        float, typer.Option(min=0.0, help="Refuse larger pictures before memory is taken.")
    ] = 500.0,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print a line of JSON for each picture on standard output: file, output, status; if cleaned "
            "megapixels, seconds, sigma, sigma_estimated, little_noise, warnings; if planned (--dry-run) megapixels, "
            "replaces; if skipped reason; if failed error, hint. Then one with status summary: cleaned, planned, "
            "skipped, failed, megapixels, seconds, model, device, interrupted.",
        ),
    ] = False,
    report: Annotated[
        str | None,
        typer.Option(
            metavar="FILE.jsonl",
            help="Write the same line for each picture, but no summary, to a file, as soon as the picture is done.",
            show_default=False,
        ),
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show a traceback with an error.")] = False,
) -> None:
    """Clean noisy pictures.

    One picture, several, or folders. Size, channels, bit depth and, where nothing else is asked for, format stay as
    they are. Nothing is replaced without --overwrite, and a picture by its own result only with --in-place; a result
    that exists counts as failed, unless --skip-existing passes over it. In folders, hidden files, files not named as
    pictures, and the output folder are passed over; beside their pictures, earlier results are known by their suffix.

    Whatever goes wrong with one picture stops no other. Exit status: 0 all good, 1 something failed, 2 wrong usage, 130
    after Ctrl-C.
    """
    existing = _what_exists(overwrite, skip_existing, in_place)
    if not math.isfinite(strength) or not math.isfinite(max_megapixels):
        raise UsageError("--strength and --max-megapixels take finite numbers")
    level = _parse_sigma(sigma)

    from denoise_ae import batch
    from denoise_ae.catalog import DEFAULT_MODEL
    from denoise_ae.cli.report import BatchReport
    from denoise_ae.denoiser import Denoiser
    from denoise_ae.planning import plan

    work = plan(
        inputs,
        output,
        recursive=recursive,
        suffix=suffix,
        file_format=file_format,
        existing=existing,
        include=include or (),
        exclude=exclude or (),
    )
    _check_streams(work, as_json=as_json, keep_time=keep_time)
    settings = batch.Settings(
        sigma=level,
        strength=strength,
        quality=quality,
        keep_metadata=metadata is KeepOrStrip.KEEP,
        keep_time=keep_time,
        max_pixels=int(max_megapixels * 1e6),
    )
    threads = _threads(threads, jobs)
    denoiser = None
    if work.jobs:
        denoiser = Denoiser(model or DEFAULT_MODEL, device=device, threads=threads, tile=tile)
        if level is not None:
            denoiser.check_sigma(level)
    total = len(work.jobs) + len(work.settled)
    with (
        _polite_kill(),
        _report_file(report, work, overwrite=overwrite, dry_run=dry_run) as file,
        BatchReport(total, quiet=quiet, as_json=as_json, debug=debug, file=file) as shown,
    ):
        try:
            for settled in work.settled:
                shown.show(settled)
            if denoiser:
                shown.show_model(denoiser.card.name, denoiser.device)
                if dry_run:
                    pending = batch.rehearse(work.jobs, settings)
                else:
                    pending = batch.run(work.jobs, denoiser, settings, jobs)
                with closing(pending) as events:
                    for event in events:
                        shown.show(event)
        except KeyboardInterrupt:
            shown.finish(interrupted=True)
            raise
        shown.finish()
    if shown.failures:
        raise typer.Exit(1)
