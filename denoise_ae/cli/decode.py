"""``denoise-ae decode``: decode latent codes to pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from denoise_ae.cli.options import Debug, Device, Quiet, Threads


def decode(
    codes_file: Annotated[
        Path, typer.Argument(metavar="FILE.npz", help="What denoise-ae encode wrote.", show_default=False)
    ],
    *,
    output: Annotated[
        str,
        typer.Option(
            "--output",
            "-o",
            metavar="FOLDER|FILE",
            help="Where the pictures go, under their own names; a file's name for a single picture.",
            show_default=False,
        ),
    ],
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            metavar="NAME|FILE.onnx",
            help="The model that made the codes.",
            show_default="the installed one that the file names",
        ),
    ] = None,
    file_format: Annotated[
        str | None,
        typer.Option("--format", metavar="png|webp|...", help="Format of the pictures.", show_default="as they were"),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace pictures that exist.")] = False,
    device: Device = "auto",
    threads: Threads = None,
    quiet: Quiet = False,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print a line of JSON for each picture on standard output: name, output, status decoded; if failed "
            "error, hint. Then one with status summary: file, decoded, failed, model, device.",
        ),
    ] = False,
    debug: Debug = False,
) -> None:
    """Decode latent codes: the pictures again, as far as the codes hold them.

    What comes out is what denoise-ae clean with the same model makes of the pictures, in 8 bits. Codes mean nothing to
    any other model than the one that made them, so that another one is refused, be it the same network trained anew.
    """
    from denoise_ae.batch.transcode import codec_of, decode_files, plan_decode
    from denoise_ae.cli.show.codes_report import CodesReport
    from denoise_ae.codes.archive import load_codes

    codes = load_codes(codes_file)
    codec = codec_of(codes, codes_file, model, device=device, threads=threads)
    work = plan_decode(codes, codes_file, output, file_format=file_format, overwrite=overwrite)
    shown = CodesReport(codec, quiet=quiet, as_json=as_json)
    for job, error in shown.follow(work, decode_files(codec, codes, work.jobs)):
        shown.record({"name": job.name, "output": str(job.output)}, error or {"status": "decoded"})
    done = len(codes.pictures) - shown.failed
    summary = {"file": str(codes_file), "decoded": done}
    shown.finish(summary, "decoded", f"{done} picture{'s' * (done != 1)} into {output}")
    if shown.failed:
        raise typer.Exit(1)
