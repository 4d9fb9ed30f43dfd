"""``denoise-ae repair``: fill scratches, dust, text and small holes."""

from __future__ import annotations

import math
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from denoise_ae.cli import checks
from denoise_ae.cli.options import (
    AcceptDamaged,
    Debug,
    Device,
    KeepOrStrip,
    MaxFileSize,
    MaxMegapixels,
    Metadata,
    Quality,
    Quiet,
    Threads,
)
from denoise_ae.cli.signals import exit_on_sigterm
from denoise_ae.errors import UsageError


def repair(
    picture: Annotated[
        str, typer.Argument(metavar="PICTURE", help="What to repair; - reads standard input.", show_default=False)
    ],
    *,
    mask: Annotated[
        Path | None,
        typer.Option(
            metavar="MASK",
            help="A picture of the same size, gray, RGB or with alpha, white where the other one is to be repaired.",
            show_default="dust and scratches are looked for",
        ),
    ] = None,
    specks: Annotated[
        bool,
        typer.Option(
            "--specks",
            help="Fill the specks of scanned print or drawings instead; letters, their dots and thin lines stay.",
        ),
    ] = False,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE|FOLDER",
            help="Where the result goes; - writes standard output.",
            show_default="beside the picture, as NAME-fixed",
        ),
    ] = None,
    grow: Annotated[
        int, typer.Option(min=0, max=100, help="Repair so many pixels around what is marked or found, too.")
    ] = 0,
    sensitivity: Annotated[
        float,
        typer.Option(min=0.1, max=10.0, help="Without --mask: more finds fainter spots, and more that are none."),
    ] = 1.0,
    save_mask: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write what was repaired as a mask, to look at or edit.", show_default=False),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            metavar="NAME|FILE.onnx",
            help="A model that repairs; --specks takes none.",
            show_default="repair",
        ),
    ] = None,
    file_format: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="png|jpg|webp|tiff|...",
            help="Format of the result.",
            show_default="as -o is named, else as the picture is",
        ),
    ] = None,
    quality: Quality = None,
    metadata: Metadata = KeepOrStrip.KEEP,
    keep_time: Annotated[
        bool, typer.Option("--keep-time", help="Give the result its picture's modification time.")
    ] = False,
    in_place: Annotated[
        bool, typer.Option("--in-place", help="Replace the picture by its result, whole or not at all.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a result and a mask that exist.")] = False,
    device: Device = "auto",
    threads: Threads = None,
    tile: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Side of the squares that large pictures are repaired in, in pixels; less takes less memory.",
            show_default="by the model",
        ),
    ] = None,
    max_megapixels: MaxMegapixels = 500.0,
    max_file_size: MaxFileSize = 4000.0,
    accept_damaged: AcceptDamaged = False,
    quiet: Quiet = False,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print a line of JSON on standard output: file, output, status; if repaired megapixels, seconds, "
            "share of the pixels, spots or specks that were found (null with --mask), warnings; if failed error, hint.",
        ),
    ] = False,
    debug: Debug = False,
) -> None:
    """Fill scratches, dust, text and small holes of a picture, or the specks of a scan.

    Only what the mask marks is changed: every other pixel comes back as it was, in formats that store without loss. A
    picture of which nothing is marked comes back byte for byte. Without --mask narrow spots and scratches that are
    nearly white or black are looked for; look at what --save-mask writes, since wires and stars are narrow, too. Where
    they would be the strokes of print or line art, nothing is written: use --specks for scans.

    Exit status: 0 all good, 1 something failed, 2 wrong usage, 130 after Ctrl-C.
    """
    if not all(map(math.isfinite, (max_megapixels, max_file_size, sensitivity))):
        raise UsageError("--max-megapixels, --max-file-size and --sensitivity take finite numbers")
    from denoise_ae.batch import pipeline
    from denoise_ae.batch.planning import Plan
    from denoise_ae.batch.repair_file import Repairing, Repairs, plan_repair
    from denoise_ae.batch.worker import silence_native_output
    from denoise_ae.cli.show.report import BatchReport
    from denoise_ae.restoration.repairer import REPAIR_MODEL, Repairer

    if specks and model is not None:
        raise UsageError("specks are filled without a model", "leave out --model")
    repairs = Repairs(
        mask=mask,
        specks=specks,
        grow=grow,
        sensitivity=sensitivity,
        save_mask=save_mask,
        quality=quality,
        keep_metadata=metadata is KeepOrStrip.KEEP,
        keep_time=keep_time,
        max_pixels=int(max_megapixels * 1e6),
        max_bytes=int(max_file_size * 1e6),
        accept_damaged=accept_damaged,
    )
    existing = checks.what_exists(overwrite, False, in_place, False)
    job = plan_repair(picture, output, repairs, file_format, existing)
    checks.check_streams(Plan((job,)), as_json=as_json, keep_time=keep_time)
    repairer = None if specks else Repairer(model or REPAIR_MODEL, device=device, threads=threads, tile=tile)
    with (
        exit_on_sigterm(),
        silence_native_output(),
        BatchReport(quiet=quiet, as_json=as_json, debug=debug) as shown,
        closing(pipeline.run([job], Repairing(repairer, repairs))) as events,
    ):
        if repairer:
            shown.show_model(repairer.card.name, repairer.device)
        shown.expect(1)
        for event in events:
            shown.show(event)
    if shown.failures:
        raise typer.Exit(1)
