"""``denoise-ae clean``: noisy pictures in, clean pictures out."""

from __future__ import annotations

import math
import signal
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from enum import StrEnum
from typing import Annotated

import typer

from denoise_ae.errors import UsageError


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


def _check_streams(reads: bool, writes: bool, as_json: bool) -> None:
    if reads and (sys.stdin is None or sys.stdin.isatty()):
        raise UsageError("nothing comes from standard input", "pipe a picture into it: denoise-ae clean - < noisy.png")
    if writes and as_json:
        raise UsageError("the picture and --json can't both go to standard output", "give -o a file name")
    if writes and (sys.stdout is None or sys.stdout.isatty()):
        raise UsageError("standard output is a terminal, or closed", "give -o a file name, or redirect the output")


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
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace results that exist.")] = False,
    skip_existing: Annotated[
        bool, typer.Option("--skip-existing", help="Pass over pictures whose result exists and is whole.")
    ] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, ...; auto takes the best there is.")] = "auto",
    threads: Annotated[
        int | None,
        typer.Option(min=1, help="Threads for the model.", show_default="the CPUs to be had"),
    ] = None,
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
            "megapixels, seconds, sigma, sigma_estimated, little_noise, warnings; if skipped reason; if failed error, "
            "hint. Then one with status summary: cleaned, skipped, failed, megapixels, seconds, model, device, "
            "interrupted.",
        ),
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show a traceback with an error.")] = False,
) -> None:
    """Clean noisy pictures.

    One picture, several, or folders. Size, channels, bit depth and, where nothing else is asked for, format stay as
    they are. Nothing is replaced without --overwrite, never a picture by its own result; a result that exists counts as
    failed, unless --skip-existing passes over it. In folders, hidden files, files not named as pictures, and the output
    folder are passed over; beside their pictures, earlier results are known by their suffix.

    Whatever goes wrong with one picture stops no other. Exit status: 0 all good, 1 something failed, 2 wrong usage, 130
    after Ctrl-C.
    """
    if overwrite and skip_existing:
        raise UsageError("--overwrite and --skip-existing contradict each other", "leave one of the two out")
    if not math.isfinite(strength) or not math.isfinite(max_megapixels):
        raise UsageError("--strength and --max-megapixels take finite numbers")
    level = _parse_sigma(sigma)

    from denoise_ae import batch
    from denoise_ae.catalog import DEFAULT_MODEL
    from denoise_ae.cli.report import BatchReport
    from denoise_ae.denoiser import Denoiser
    from denoise_ae.jobs import Existing
    from denoise_ae.planning import plan

    existing = Existing.REPLACE if overwrite else Existing.SKIP if skip_existing else Existing.REFUSE
    work = plan(inputs, output, recursive=recursive, suffix=suffix, file_format=file_format, existing=existing)
    _check_streams(
        reads=any(job.source is None for job in work.jobs),
        writes=any(job.output is None for job in work.jobs),
        as_json=as_json,
    )
    settings = batch.Settings(
        sigma=level,
        strength=strength,
        quality=quality,
        keep_metadata=metadata is KeepOrStrip.KEEP,
        max_pixels=int(max_megapixels * 1e6),
    )
    total = len(work.jobs) + len(work.settled)
    with _polite_kill(), BatchReport(total, quiet=quiet, as_json=as_json, debug=debug) as report:
        try:
            for settled in work.settled:
                report.show(settled)
            if work.jobs:
                denoiser = Denoiser(model or DEFAULT_MODEL, device=device, threads=threads, tile=tile)
                if level is not None:
                    denoiser.check_sigma(level)
                report.show_model(denoiser.card.name, denoiser.device)
                with closing(batch.run(work.jobs, denoiser, settings)) as events:
                    for event in events:
                        report.show(event)
        except KeyboardInterrupt:
            report.finish(interrupted=True)
            raise
        report.finish()
    if report.failures:
        raise typer.Exit(1)
