"""``denoise-ae bench``: measure models on a folder of pictures."""

from __future__ import annotations

import json
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from denoise_ae import __version__
from denoise_ae.cli.checks import check_reports
from denoise_ae.cli.options import Debug, Device
from denoise_ae.cli.show.render import json_safe, print_line, print_table, printable, progress_bar, stderr_console
from denoise_ae.errors import UsageError

if TYPE_CHECKING:
    from denoise_ae.measure.benchmark import Measurement

SIGMAS = (15.0, 25.0, 50.0)
"""The levels that the literature reports, in 8-bit steps."""

DEFAULT_BASELINE = "nlm"


class Level(StrEnum):
    """How the methods get the noise level."""

    TOLD = "told"
    AUTO = "auto"
    ADAPT = "adapt"


def bench(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(metavar="FOLDER", help="Clean pictures; see above for --pairs.", show_default=False),
    ] = None,
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
        typer.Option(
            help="Give the methods the noise level, let them estimate it, or estimate it as clean --adapt does.",
            show_default="told",
        ),
    ] = None,
    baselines: Annotated[
        list[str] | None,
        typer.Option("--baseline", metavar="NAME", help="May be repeated (above).", show_default="nlm"),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same noise.")] = 0,
    limit: Annotated[int | None, typer.Option(min=1, help="Measure only the first N pictures by name.")] = None,
    device: Device = "auto",
    threads: Annotated[
        int | None, typer.Option(min=1, help="Threads for the models.", show_default="the available CPUs")
    ] = None,
    table: Annotated[
        Path | None, typer.Option(metavar="FILE.md", help="Also write the table as Markdown.", show_default=False)
    ] = None,
    chart: Annotated[
        Path | None,
        typer.Option(metavar="FILE.png|svg", help="Draw PSNR against megapixels a second.", show_default=False),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a table or chart that exists.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but the figures and errors.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with each picture's figures too.")] = False,
    debug: Debug = False,
) -> None:
    """Measure PSNR, SSIM and speed of models, and of well-known denoisers for comparison.

    Gaussian noise is added to clean pictures as in the literature: in floating point, neither clipped nor rounded, and
    the same for every method. Results are clipped to black and white before they are measured, and figures are averaged
    over the pictures. Speed is that of cleaning alone, without reading files.

    With --pairs the pictures are real noisy ones and their clean partners: in folders noisy and clean inside FOLDER,
    or named A_noisy and A_clean (or A_real and A_mean) in FOLDER, or in two folders, the noisy one first.

    The denoisers to compare with (--baseline); all but nlm need pip install 'denoise-ae[bench]':

    \b
    nlm      OpenCV's non-local means
    wavelet  scikit-image's wavelet shrinkage
    tv       scikit-image's total variation
    bm3d     BM3D by its authors, slow
    all      those of them that are installed
    none     only the models
    """  # noqa: D301 - \b is click's mark for lines that are not to be wrapped
    from denoise_ae.measure.baselines import choose
    from denoise_ae.measure.benchmark import clean_cases, measure, methods, pair_cases, summarise
    from denoise_ae.measure.report import COLUMNS, draw_chart, markdown, row
    from denoise_ae.modelfiles.catalog import DEFAULT_MODEL
    from denoise_ae.restoration.denoiser import Denoiser
    from denoise_ae.system.files import write_atomic

    places = folders or []
    _check_words(places, sigmas or [], level, pairs=pairs)
    found = pair_cases(*places) if pairs else clean_cases(places[0])
    inputs = [path for case in found for path in (case.clean, case.noisy) if path]
    check_reports(table, chart, inputs, overwrite=overwrite)
    cases = found[:limit]
    known, absent = choose(baselines or [DEFAULT_BASELINE])
    levels = [] if pairs else list(dict.fromkeys(sigmas or SIGMAS))
    known_level = not pairs and level in (None, Level.TOLD)
    denoisers = {
        name: Denoiser(name, device=device, threads=threads) for name in dict.fromkeys(models or [DEFAULT_MODEL])
    }
    if not quiet:
        for name, denoiser in denoisers.items():
            print_line(stderr_console(), (f"model {name} on {denoiser.device}", "dim"))
        for title, reason in absent.items():
            print_line(stderr_console(), ("absent: ", "bold yellow"), f"{title}: {reason}")

    measured: list[Measurement] = []
    restores = methods(denoisers, known, adapt=level is Level.ADAPT)
    with progress_bar(shown=not quiet) as bar:
        task = bar.add_task("", total=len(cases) * (len(levels) or 1) * (len(restores) + 1))
        for each in measure(cases, restores, levels, known_level=known_level, seed=seed):
            measured.append(each)
            bar.update(task, advance=1, description=printable(each.picture))

    summaries = summarise(measured)
    if as_json:
        settings = {
            "folders": [str(folder) for folder in places],
            "pairs": pairs,
            "level": (level or (Level.AUTO if pairs else Level.TOLD)).value,
            "seed": seed,
            "devices": {name: denoiser.device for name, denoiser in denoisers.items()},
            "absent": absent,
        }
        results, pictures = ([json_safe(asdict(each)) for each in rows] for rows in (summaries, measured))
        typer.echo(json.dumps({**settings, "results": results, "pictures": pictures}, indent=2))
    else:
        print_table(COLUMNS, map(row, summaries))

    names = " and ".join(folder.resolve().name for folder in places)
    how = "given" if known_level else "estimated, and adapted" if level is Level.ADAPT else "estimated"
    subject = f"{names}: {len(cases)} picture{'s' * (len(cases) > 1)}, noise level {how}"
    if table:
        devices = " and ".join(sorted({denoiser.device for denoiser in denoisers.values()}))
        notes = [f"{subject}{'' if pairs else f', seed {seed}'}; denoise-ae {__version__}, models on {devices}"]
        notes += [f"Not measured: {title}: {reason}" for title, reason in absent.items()]
        write_atomic(table, markdown(summaries, notes).encode(), overwrite=overwrite)
    if chart:
        write_atomic(chart, draw_chart(summaries, denoisers, subject, chart.suffix.lower()[1:]), overwrite=overwrite)


def _check_words(folders: list[Path], sigmas: list[float], level: Level | None, *, pairs: bool) -> None:
    """Check that folders and options fit together."""
    from denoise_ae.noise.corruptions import check_level

    if not folders:
        raise UsageError("no folder of pictures to measure on", "name one")
    if pairs and (sigmas or level is Level.TOLD):
        raise UsageError("the level of --pairs' real noise is unknown", "leave out --sigma and --level told")
    if len(folders) > (2 if pairs else 1):
        raise UsageError("too many folders", "give one; or with --pairs two, noisy and clean")
    for sigma in sigmas:
        check_level("gaussian", sigma)
        if sigma == 0:
            raise UsageError("--sigma 0 adds no noise to measure", "for example --sigma 25")
