"""``denoise-ae encode``: the latent code of each picture."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from denoise_ae.cli.options import Debug, Device, MaxMegapixels, Quiet, Threads
from denoise_ae.cli.outputs import refuse_inputs
from denoise_ae.cli.render import print_error, print_line, printable, progress_bar, stderr_console
from denoise_ae.errors import DenoiseError, UsageError

if TYPE_CHECKING:
    from denoise_ae.codes import PictureCodes


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
    debug: Debug = False,
) -> None:
    """Encode pictures: the few numbers that an autoencoder makes of each, for denoise-ae decode or your own program.

    A model with a latent code takes pictures of one size, 28 x 28 for those of digits. A sheet whose sides are
    multiples of it is encoded cell by cell; other sizes are refused. Colour becomes gray for a model of gray pictures,
    alpha is left out.

    The file is a NumPy archive: numpy.load("codes.npz") has codes, float32, a row for each picture or cell; picture,
    the number of each row's picture; names and sizes of the pictures; model and sha256, the model that made them.

    Whatever goes wrong with one picture stops no other. Exit status: 0 all good, 1 something failed, 2 wrong usage, 130
    after Ctrl-C.
    """
    from denoise_ae.codec import DEFAULT_CODEC, Codec
    from denoise_ae.codes import Codes, save_codes
    from denoise_ae.coding import encode_files, find_sources
    from denoise_ae.files import check_target
    from denoise_ae.finding import Choice

    if output.suffix.lower() != ".npz":
        raise UsageError(f"-o {output}: a file of codes ends with .npz", f"give {output.with_suffix('.npz').name}")
    if not math.isfinite(max_megapixels):
        raise UsageError("--max-megapixels takes a finite number")
    if "" in inputs:
        raise UsageError("an empty word names no file or folder", "is a variable empty? The folder at hand is .")
    sources = find_sources(inputs, recursive=recursive, choice=Choice(include or (), exclude or ()))
    refuse_inputs(output, (source.path for source in sources))
    check_target(output, overwrite)
    codec = Codec(model or DEFAULT_CODEC, device=device, threads=threads)
    console = stderr_console()
    if not quiet:
        print_line(console, (f"model {codec.card.name} on {codec.device}", "dim"))
    pictures: list[PictureCodes] = []
    failed = 0
    with progress_bar(shown=not quiet) as bar:
        task = bar.add_task("", total=len(sources))
        for source, event in zip(
            sources, encode_files(codec, sources, max_pixels=int(max_megapixels * 1e6)), strict=True
        ):
            bar.update(task, advance=1, description=printable(source.name))
            if isinstance(event, DenoiseError):
                failed += 1
                print_error(event.message, event.hint, console)
            else:
                pictures.append(event)
    if pictures:
        codes = Codes(tuple(pictures), codec.card.name, codec.sha256, codec.cell)
        save_codes(output, codes, overwrite=overwrite)
        if not quiet:
            count = sum(len(picture.codes) for picture in pictures)
            print_line(
                console,
                ("encoded: ", "bold green"),
                f"{len(pictures)} picture{'s' * (len(pictures) != 1)}, {count} code{'s' * (count != 1)} of "
                f"{codes.latent} numbers in {output}",
                f"; {failed} failed" if failed else "",
            )
    if failed or not pictures:
        raise typer.Exit(1)
