"""``denoise-ae generate``: new pictures from a variational autoencoder."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Annotated

import typer

from denoise_ae.cli.options import Debug, Device, Quiet, Seed, Threads
from denoise_ae.cli.show.records import print_out
from denoise_ae.cli.show.render import print_line, stderr_console

LARGEST_COUNT = 10_000


def generate(
    *,
    count: Annotated[int, typer.Option("-n", "--count", min=1, max=LARGEST_COUNT, help="How many pictures.")] = 64,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="The sheet of pictures; the ending sets the format.", show_default=False),
    ],
    model: Annotated[
        str | None,
        typer.Option("--model", "-m", metavar="NAME|FILE.onnx", help="A variational model.", show_default="digits-vae"),
    ] = None,
    seed: Seed = 0,
    walk: Annotated[
        int | None,
        typer.Option(
            min=3,
            max=100,
            help="Interpolate in each row from one new picture to another, in so many steps.",
            show_default=False,
        ),
    ] = None,
    spread: Annotated[
        float,
        typer.Option(
            min=0.0,
            max=3.0,
            help="Standard deviation of the codes: below 1 the pictures are more typical and more alike.",
        ),
    ] = 1.0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an output that exists.")] = False,
    device: Device = "auto",
    threads: Threads = None,
    quiet: Quiet = False,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print a line of JSON on standard output: output, status generated, pictures, columns, rows, cell "
            "(its height and width), seed, spread, model, device.",
        ),
    ] = False,
    debug: Debug = False,
) -> None:
    """Generate new pictures: draw codes from a standard normal distribution and decode them.

    They go into one sheet without gaps, which denoise-ae encode and clean accept. The model must be a variational
    autoencoder (digits-vae, or one trained by denoise-ae train --network vae): codes of others follow no known
    distribution.
    """
    from denoise_ae.batch.jobs import Existing, Job
    from denoise_ae.batch.transcode import write_decoded
    from denoise_ae.codes.codec import DEFAULT_GENERATOR, Codec, as_sheet, between
    from denoise_ae.imagefiles.formats import format_for
    from denoise_ae.system.files import check_target

    existing = Existing.REPLACE if overwrite else Existing.REFUSE
    job = Job(None, output, format_for(output), existing, title=str(output))
    if output.parent.exists():  # else it is made
        check_target(output, overwrite)
    codec = Codec(model or DEFAULT_GENERATOR, device=device, threads=threads)
    if walk:
        columns, rows = walk, math.ceil(count / walk)
        ends = codec.draw(2 * rows, seed, spread)
        codes = between(ends[:rows], ends[rows:], walk)[:count]
    else:
        columns, codes = math.ceil(math.sqrt(count)), codec.draw(count, seed, spread)
    write_decoded(job, as_sheet(codec.decode_cells(codes), columns))
    if as_json:
        facts = {"columns": columns, "rows": math.ceil(count / columns), "cell": codec.cell, "seed": seed}
        made = {"output": str(output), "status": "generated", "pictures": count, **facts, "spread": spread}
        print_out(json.dumps(made | {"model": codec.card.name, "device": codec.device}))
    elif not quiet:
        print_line(
            stderr_console(),
            ("generated: ", "bold green"),
            f"{count} picture{'s' * (count != 1)} by {codec.card.name} in {output}",
        )
