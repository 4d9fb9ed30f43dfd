"""``denoise-ae features``: measure how well latent codes classify digits."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from denoise_ae.cli.checks import check_reports
from denoise_ae.cli.options import Debug, Device, Quiet, Threads
from denoise_ae.cli.show.render import print_table, progress_bar
from denoise_ae.errors import UsageError


def features(
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="FOLDER", help="MNIST's idx files.", show_default="MNIST, downloaded"),
    ] = None,
    *,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE.png|svg", help="Draw a map of the codes.", show_default=False),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option("--model", "-m", metavar="NAME|FILE.onnx", help="A model with a code.", show_default="digits"),
    ] = None,
    limit: Annotated[
        int, typer.Option(min=20, max=60_000, help="Training digits that the probes are fitted to.")
    ] = 10_000,
    seed: Annotated[int, typer.Option(min=0, help="Of the map.")] = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a map that exists.")] = False,
    device: Device = "auto",
    threads: Threads = None,
    quiet: Quiet = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    debug: Debug = False,
) -> None:
    """Measure how well codes, learnt without labels, tell which digit a picture shows.

    A linear probe (logistic regression) is fitted to the codes of labelled MNIST digits and, for comparison, to their
    raw pixels and to 64 principal components; the accuracy is that on the 10,000 test digits. The map (-o) shows the
    codes of 1,000 test digits by t-SNE, coloured by digit. It needs pip install 'denoise-ae[features]'.
    """
    from denoise_ae.codes.codec import DEFAULT_CODEC, Codec
    from denoise_ae.system.files import write_atomic
    from denoise_ae.training.data.mnist import load_mnist
    from denoise_ae.training.latents.features import Labelled, draw_map, probe_features

    if model == "":
        raise UsageError("--model names no model", "leave it out for digits")
    check_reports(None, output, (), overwrite=overwrite)
    word = model or DEFAULT_CODEC
    codec = Codec(word, device=device, threads=threads)
    training = Labelled(*load_mnist(folder, "train")).first(limit)
    test = Labelled(*load_mnist(folder, "test"))
    name = codec.card.name
    with progress_bar(shown=not quiet) as bar:
        task = bar.add_task("", total=3)
        found = list(probe_features(codec, name, training, test, lambda: bar.update(task, advance=1)))
    probes = [probe for probe, _ in found]
    if as_json:
        figures = {"training": len(training.labels), "test": len(test.labels)}
        typer.echo(json.dumps(figures | {"probes": [asdict(probe) for probe in probes]}, indent=2))
    else:
        rows = [(probe.features, str(probe.numbers), f"{probe.accuracy:.2%}") for probe in probes]
        print_table(("features", "numbers", "accuracy"), rows)
    if output:
        codes = found[0][1]
        title = f"codes of {name} ({codec.card.latent} numbers) by t-SNE"
        drawn = draw_map(codes, test.labels, title, output.suffix.lower()[1:], seed)
        write_atomic(output, drawn, overwrite=overwrite)
