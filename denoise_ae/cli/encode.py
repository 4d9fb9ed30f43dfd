"""``denoise-ae encode``: encode pictures to latent codes."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from denoise_ae.cli.checks import refuse_inputs
from denoise_ae.cli.options import Debug, Device, MaxMegapixels, Quiet, Threads
from denoise_ae.errors import DenoiseError, UsageError

if TYPE_CHECKING:
    from denoise_ae.codes.archive import PictureCodes


def encode(
    inputs: Annotated[list[str], typer.Argument(metavar="PICTURE|FOLDER", help="What to encode.", show_default=False)],
    *,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE.npz", help="The file of codes.", show_default=False)
    ],
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            metavar="NAME|FILE.onnx",
            help="A model with a latent code; denoise-ae models NAME tells whether it has one.",
            show_default="digits",
        ),
    ] = None,
    recursive: Annotated[bool, typer.Option("--recursive", "-r", help="Read sub-folders too.")] = False,
    include: Annotated[
        list[str] | None,
        typer.Option(metavar="PATTERN", help="Encode only what fits, as in clean --help.", show_default=False),
    ] = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option(metavar="PATTERN", help="Leave out what fits, whatever --include says.", show_default=False),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file of codes that exists.")] = False,
    device: Device = "auto",
    threads: Threads = None,
    max_megapixels: MaxMegapixels = 500.0,
    quiet: Quiet = False,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print a line of JSON for each picture on standard output: file, name, status; if encoded codes, how "
            "many; if failed error, hint. Then, when the file is written, one with status summary: output, encoded, "
            "codes, numbers, failed, model, device.",
        ),
    ] = False,
    debug: Debug = False,
) -> None:
    """Encode pictures: the few numbers that an autoencoder makes of each, for denoise-ae decode or your own program.

    A model with a latent code takes pictures of one size, 28 x 28 for those of digits. A sheet whose sides are
    multiples of it is encoded cell by cell; other sizes are refused. Colour becomes gray for a model of gray pictures,
    alpha is left out.

    The file is a NumPy archive: numpy.load("codes.npz") has codes, float32, a row for each picture or cell; picture,
    the number of each row's picture; names and sizes of the pictures; model and sha256, the model that made them.

    A bad file never stops the rest. Exit status: 0 all good, 1 something failed, 2 wrong usage, 130
    after Ctrl-C.
    """
    from denoise_ae.batch.transcode import encode_files, plan_encode
    from denoise_ae.cli.show.codes_report import CodesReport
    from denoise_ae.codes.archive import Codes, save_codes
    from denoise_ae.codes.codec import DEFAULT_CODEC, Codec
    from denoise_ae.imagefiles.finding import PathFilter
    from denoise_ae.system.files import check_target

    if output.suffix.lower() != ".npz":
        raise UsageError(f"-o {output}: a file of codes ends with .npz", f"give {output.with_suffix('.npz').name}")
    if not math.isfinite(max_megapixels):
        raise UsageError("--max-megapixels takes a finite number")
    work = plan_encode(inputs, recursive=recursive, path_filter=PathFilter(include or (), exclude or ()))
    refuse_inputs(output, (job.source for job in work.jobs if job.source))
    check_target(output, overwrite)
    codec = Codec(model or DEFAULT_CODEC, device=device, threads=threads)
    shown = CodesReport(codec, quiet=quiet, as_json=as_json)
    pictures: list[PictureCodes] = []
    for job, result in shown.follow(work, encode_files(codec, work.jobs, max_pixels=int(max_megapixels * 1e6))):
        names = {"file": str(job.source), "name": (job.output or job.source or output).as_posix()}
        if isinstance(result, DenoiseError):
            shown.record(names, result)
        else:
            pictures.append(result)
            shown.record(names, {"status": "encoded", "codes": len(result.codes)})
    count = sum(len(picture.codes) for picture in pictures)
    if pictures:
        codes = Codes(tuple(pictures), codec.card.name, codec.sha256, codec.cell)
        save_codes(output, codes, overwrite=overwrite)
    told = f"{len(pictures)} picture{'s' * (len(pictures) != 1)}, {count} code{'s' * (count != 1)} of "
    shown.finish(
        {
            "output": str(output) if pictures else None,
            "encoded": len(pictures),
            "codes": count,
            "numbers": codec.card.latent,
        },
        "encoded",
        f"{told}{codec.card.latent} numbers in {output}" if pictures else "nothing, so that no file was written",
    )
    if shown.failed or not pictures:
        raise typer.Exit(1)
