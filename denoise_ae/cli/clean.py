"""``denoise-ae clean``: clean noisy pictures."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from denoise_ae.cli import checks
from denoise_ae.cli.options import (
    AcceptDamaged,
    Debug,
    Defects,
    Device,
    KeepOrStrip,
    MaxFileSize,
    MaxMegapixels,
    Metadata,
    Quality,
    Quiet,
    Threads,
)
from denoise_ae.cli.show.render import INTERRUPTED
from denoise_ae.cli.signals import exit_on_sigterm
from denoise_ae.errors import DenoiseError, UsageError

if TYPE_CHECKING:
    from denoise_ae.batch.planning import Plan
    from denoise_ae.batch.supervisor import Supervisor
    from denoise_ae.batch.tasks import Task
    from denoise_ae.batch.watching import Watch
    from denoise_ae.batch.worker import Worker
    from denoise_ae.cli.show.report import BatchReport


@contextmanager
def _worker(task: Task, pictures: float) -> Iterator[Worker | Supervisor | None]:
    """Load the model: in a process of its own where what crashes with one picture would take others with it."""
    if not pictures:
        yield None
    elif pictures > 1:
        from denoise_ae.batch.supervisor import Supervisor

        with Supervisor(task) as supervisor:
            yield supervisor
    else:
        from denoise_ae.batch.worker import Worker, silence_native_output

        with Worker(task) as worker, silence_native_output():
            yield worker


def _do_round(work: Plan, worker: Worker | Supervisor | None, shown: BatchReport, watcher: Watch | None) -> None:
    """Do some jobs, and show what comes of them."""
    shown.expect(len(work.jobs) + len(work.rejected))
    for outcome in work.rejected:
        shown.show(outcome)
    if worker:
        with closing(worker.run(work.jobs)) as events:
            for event in events:
                shown.show(watcher.excuse(event) if watcher else event)


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
            "a folder's name all in it; in quotes, and as often as needed. Case-insensitive.",
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
    luma: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            max=1.5,
            help="Strength for the luminance alone: less keeps grain. With 0 the luma (BT.601) stays as it is.",
            show_default="as --strength",
        ),
    ] = None,
    chroma: Annotated[
        float | None,
        typer.Option(min=0.0, max=1.5, help="Strength for blotches of colour alone.", show_default="as --strength"),
    ] = None,
    defects: Annotated[
        Defects,
        typer.Option(
            help="Fill hot and dead pixels first: auto does so in photographs, and leaves what looks drawn alone."
        ),
    ] = Defects.AUTO,
    adapt: Annotated[
        bool,
        typer.Option(
            "--adapt",
            help="Fit what the model estimates of the noise to each picture first, for cameras' shots; takes as long "
            "as cleaning 2 megapixels.",
        ),
    ] = False,
    file_format: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="png|jpg|webp|tiff|...",
            help="Format of the results.",
            show_default="as -o is named, else as the picture is",
        ),
    ] = None,
    quality: Quality = None,
    metadata: Metadata = KeepOrStrip.KEEP,
    keep_time: Annotated[
        bool, typer.Option("--keep-time", help="Give each result its picture's modification time.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace results that exist, and the report.")] = False,
    skip_existing: Annotated[
        bool,
        typer.Option(
            "--skip-existing",
            help="Pass over pictures whose result exists; a file of its name that is no picture stays, and counts as "
            "failed.",
        ),
    ] = False,
    accept_damaged: AcceptDamaged = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Say what would be done and what would fail, as far as headers tell; no more."),
    ] = False,
    device: Device = "auto",
    threads: Threads = None,
    jobs: Annotated[
        int,
        typer.Option(
            min=1,
            help="Pictures cleaned at once. They share the threads, so that there can be no more pictures than "
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
    max_megapixels: MaxMegapixels = 500.0,
    max_file_size: MaxFileSize = 4000.0,
    quiet: Quiet = False,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print a line of JSON for each picture on standard output: file, output, status; if cleaned "
            "megapixels, seconds, sigma, sigma_estimated, little_noise, change_rms, changed_share, spared_share, "
            "hot_pixels, warnings; if planned (--dry-run) megapixels, replaces; if skipped reason; if failed error, "
            "hint. Then one with status summary: cleaned, planned, skipped, failed, megapixels, seconds, model, "
            "device, interrupted.",
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
    watch: Annotated[
        bool,
        typer.Option(
            "--watch",
            help="Stay, and clean what arrives in the folders as soon as it is complete, until Ctrl-C. Results that "
            "exist are passed over; with --overwrite a picture is cleaned again when it is newer than its result. The "
            "report goes on where it ended.",
        ),
    ] = False,
    debug: Debug = False,
) -> None:
    """Clean noisy pictures.

    One picture, several, or folders. Size, channels, bit depth and, where nothing else is asked for, format stay as
    they are. Nothing is replaced without --overwrite, and a picture by its own result only with --in-place; a result
    that exists counts as failed, unless --skip-existing passes over it. In folders, hidden files, files not named as
    pictures, and the output folder are passed over; beside their pictures, earlier results are known by their suffix.

    A bad file never stops the rest. Exit status: 0 all good, 1 something failed, 2 wrong usage, 130
    after Ctrl-C.
    """
    given = (strength, luma or 0.0, chroma or 0.0, max_megapixels, max_file_size)
    if not all(map(math.isfinite, given)):
        raise UsageError("--strength, --luma, --chroma, --max-megapixels and --max-file-size take finite numbers")
    level = checks.parse_sigma(sigma)
    if adapt and level is not None:
        raise UsageError("--sigma leaves nothing to --adapt", "give one of the two")
    existing = checks.what_exists(overwrite, skip_existing, in_place, watch)
    folders = checks.check_watch(inputs, output, in_place=in_place, dry_run=dry_run) if watch else []

    from denoise_ae.batch.planning import plan
    from denoise_ae.batch.tasks import Settings, Task
    from denoise_ae.batch.watching import Watch
    from denoise_ae.cli.show.report import BatchReport
    from denoise_ae.modelfiles.catalog import DEFAULT_MODEL

    plan_all = partial(
        plan,
        inputs,
        output,
        recursive=recursive,
        suffix=suffix,
        file_format=file_format,
        existing=existing,
        include=include or (),
        exclude=exclude or (),
    )
    watcher = Watch(folders, plan_all, recursive=recursive) if watch else None
    work = plan_all()
    checks.check_streams(work, as_json=as_json, keep_time=keep_time)
    settings = Settings(
        sigma=level,
        strength=strength,
        luma=luma,
        chroma=chroma,
        defects=defects is Defects.AUTO,
        adapt=adapt,
        quality=quality,
        keep_metadata=metadata is KeepOrStrip.KEEP,
        keep_time=keep_time,
        max_pixels=int(max_megapixels * 1e6),
        max_bytes=int(max_file_size * 1e6),
        accept_damaged=accept_damaged,
    )
    threads = checks.share_threads(threads, jobs)
    task = Task(model or DEFAULT_MODEL, device, threads, tile, settings, jobs, dry_run=dry_run)
    with (
        exit_on_sigterm(),
        _worker(task, math.inf if watch else len(work.jobs)) as worker,
        checks.report_file(report, work, overwrite=overwrite, append=watch, dry_run=dry_run) as file,
        BatchReport(
            quiet=quiet,
            as_json=as_json,
            debug=debug,
            file=file,
            endless=watch,
            to_continue=checks.how_to_continue(existing, dry_run=dry_run),
        ) as shown,
        closing(watcher.rounds() if watcher else (only for only in (work,))) as rounds,
    ):
        try:
            if worker:
                shown.show_model(worker.ready.model, worker.ready.device)
            if watcher:
                shown.wait_for(inputs)
            for work in rounds:
                _do_round(work, worker, shown, watcher)
                if watcher:
                    shown.wait_for(inputs)
        except (DenoiseError, KeyboardInterrupt, SystemExit) as error:
            shown.finish(interrupted=not isinstance(error, DenoiseError))
            if isinstance(error, KeyboardInterrupt):
                raise typer.Exit(INTERRUPTED) from None
            raise
        shown.finish()
    if shown.failures:
        raise typer.Exit(1)
