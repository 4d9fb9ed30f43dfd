"""``denoise-ae bench``: measure models on a folder of pictures."""

from __future__ import annotations

import json
import math
import sys
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from denoise_ae.cli.render import print_line, print_table, printable, stderr_console
from denoise_ae.errors import UsageError

if TYPE_CHECKING:
    from rich.progress import Progress

    from denoise_ae.benchmark import Measurement, Summary

SIGMAS = (15.0, 25.0, 50.0)
"""The levels that the literature reports, in 8-bit steps."""


class Level(StrEnum):
    """Whether the models are told how strong the noise is."""

    TOLD = "told"
    AUTO = "auto"


def bench(
    folders: Annotated[
        list[Path],
        typer.Argument(metavar="FOLDER", help="Clean pictures; with --pairs see above.", show_default=False),
    ],
    *,
    models: Annotated[
        list[str] | None,
        typer.Option("--model", "-m", metavar="NAME|FILE.onnx", help="May be repeated.", show_default="photo"),
    ] = None,
    sigmas: Annotated[
        list[float] | None,
        typer.Option("--sigma", help="Noise to add, in 8-bit steps; may be repeated.", show_default="15, 25 and 50"),
    ] = None,
    pairs: Annotated[bool, typer.Option("--pairs", help="Measure on real noisy and clean pictures.")] = False,
    level: Annotated[
        Level | None,
        typer.Option(help="Tell the methods the noise level, or let them estimate it.", show_default="told"),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same noise.")] = 0,
    limit: Annotated[int | None, typer.Option(min=1, help="Take only so many pictures, the first by name.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, ...; auto takes the best there is.")] = "auto",
    threads: Annotated[
        int | None, typer.Option(min=1, help="Threads for the models.", show_default="the CPUs to be had")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but the figures and errors.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with each picture's figures too.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show a traceback with an error.")] = False,
) -> None:
    """Measure models: PSNR, SSIM and megapixels a second, beside OpenCV's non-local means.

    Gaussian noise is added to clean pictures, as the literature does it: in floating point, neither clipped nor
    rounded, the same for every method. Results are clipped to black and white before they are measured, and a figure
    is the mean of the pictures' figures. Speed counts cleaning only, without reading files.

    With --pairs the pictures are real noisy ones and their clean partners: in folders noisy and clean inside FOLDER,
    or named A_noisy and A_clean (or A_real and A_mean) in FOLDER, or in two folders, the noisy one first.
    """
    from denoise_ae.benchmark import clean_cases, measure, methods, pair_cases, summarise
    from denoise_ae.catalog import DEFAULT_MODEL
    from denoise_ae.denoiser import Denoiser
    from denoise_ae.noise import check_level

    if pairs and (sigmas or level is Level.TOLD):
        raise UsageError("--pairs has real noise, of no known level", "leave out --sigma and --level told")
    if len(folders) > (2 if pairs else 1):
        raise UsageError("too many folders", "give one; or with --pairs two, noisy and clean")
    for sigma in sigmas or []:
        check_level("gaussian", sigma)
        if sigma == 0:
            raise UsageError("--sigma 0 adds no noise to measure", "for example --sigma 25")

    cases = (pair_cases(*folders) if pairs else clean_cases(folders[0]))[:limit]
    levels = [] if pairs else list(dict.fromkeys(sigmas or SIGMAS))
    told = not pairs and level is not Level.AUTO
    denoisers = {
        name: Denoiser(name, device=device, threads=threads) for name in dict.fromkeys(models or [DEFAULT_MODEL])
    }
    if not quiet:
        for name, denoiser in denoisers.items():
            print_line(stderr_console(), (f"model {name} on {denoiser.device}", "dim"))

    measured: list[Measurement] = []
    restores = methods(denoisers)
    with _bar(shown=not quiet) as bar:
        task = bar.add_task("", total=len(cases) * (len(levels) or 1) * (len(restores) + 1))
        for each in measure(cases, restores, levels, told=told, seed=seed):
            measured.append(each)
            bar.update(task, advance=1, description=printable(each.picture))

    if as_json:
        settings = {
            "folders": [str(folder) for folder in folders],
            "pairs": pairs,
            "level": (Level.TOLD if told else Level.AUTO).value,
            "seed": seed,
            "devices": {name: denoiser.device for name, denoiser in denoisers.items()},
        }
        results, pictures = ([_json_safe(asdict(each)) for each in rows] for rows in (summarise(measured), measured))
        typer.echo(json.dumps({**settings, "results": results, "pictures": pictures}, indent=2))
    else:
        print_table(("noise", "method", "pictures", "PSNR dB", "SSIM", "MP/s"), map(_row, summarise(measured)))


def _bar(*, shown: bool) -> Progress:
    """Make a progress bar on stderr, which only a terminal gets to see."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(compact=True),
        console=stderr_console(),
        transient=True,
        redirect_stdout=False,
        disable=not (shown and sys.stderr.isatty()),
    )


def _row(summary: Summary) -> tuple[str, ...]:
    """Write a summary as a row of the table."""
    speed = summary.megapixels_a_second
    return (
        "real" if summary.sigma is None else f"{summary.sigma:g}",
        summary.method,
        str(summary.pictures),
        f"{summary.psnr:.2f}",
        f"{summary.ssim:.4f}",
        "" if speed is None else f"{speed:.2f}",
    )


def _json_safe(row: dict[str, Any]) -> dict[str, Any]:
    """Replace infinity, the PSNR of equal pictures, which JSON does not have."""
    return {key: None if isinstance(value, float) and not math.isfinite(value) else value for key, value in row.items()}
