"""``denoise-ae decode``: the pictures that latent codes stand for."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from denoise_ae.cli.options import Debug, Device, Quiet, Threads
from denoise_ae.cli.outputs import refuse_inputs
from denoise_ae.cli.render import print_error, print_line, printable, progress_bar, stderr_console
from denoise_ae.errors import DenoiseError


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
    debug: Debug = False,
) -> None:
    """Decode latent codes: the pictures again, as far as the codes hold them.

    What comes out is what denoise-ae clean with the same model makes of the pictures, in 8 bits. Codes mean nothing to
    any other model than the one that made them, so that another one is refused, be it the same network trained anew.
    """
    from denoise_ae.codes import load_codes
    from denoise_ae.coding import codec_of, decode_files, find_targets
    from denoise_ae.errors import UsageError

    if not output:
        raise UsageError("an empty word names no folder", "is a variable empty? The folder at hand is .")
    codes = load_codes(codes_file)
    codec = codec_of(codes, codes_file, model, device=device, threads=threads)
    targets = find_targets(codes, output, file_format=file_format, overwrite=overwrite)
    for target in targets:
        refuse_inputs(target.output, [codes_file])
    console = stderr_console()
    if not quiet:
        print_line(console, (f"model {codec.card.name} on {codec.device}", "dim"))
    failed = 0
    with progress_bar(shown=not quiet) as bar:
        task = bar.add_task("", total=len(targets))
        for target, event in zip(targets, decode_files(codec, targets, overwrite=overwrite), strict=True):
            bar.update(task, advance=1, description=printable(target.picture.name))
            if isinstance(event, DenoiseError):
                failed += 1
                print_error(event.message, event.hint, console)
    done = len(targets) - failed
    if not quiet:
        print_line(
            console,
            ("decoded: ", "bold green"),
            f"{done} picture{'s' * (done != 1)} into {output}",
            f"; {failed} failed" if failed else "",
        )
    if failed:
        raise typer.Exit(1)
