"""``denoise-ae bench --latent``: what latent codes are worth."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import typer

from denoise_ae import __version__
from denoise_ae.cli.checks import check_reports
from denoise_ae.cli.show.render import json_safe, print_line, print_table, progress_bar, stderr_console
from denoise_ae.errors import UsageError

if TYPE_CHECKING:
    from denoise_ae.codes.codec import Codec


def bench_latent(
    folders: list[Path],
    models: list[str] | None,
    *,
    limit: int | None,
    device: str,
    threads: int | None,
    table: Path | None,
    chart: Path | None,
    overwrite: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Measure models' codes on MNIST's test digits, and show and write the figures; see ``bench --help``."""
    from denoise_ae.codes.codec import DEFAULT_CODEC
    from denoise_ae.measure.report import write_markdown
    from denoise_ae.system.files import write_atomic
    from denoise_ae.training.data.mnist import load_mnist

    if len(folders) > 1:
        raise UsageError("too many folders", "give one with MNIST's files, or none: they are downloaded then")
    check_reports(table, chart, (), overwrite=overwrite)
    folder = folders[0] if folders else None
    training, _ = load_mnist(folder, "train")
    pictures = load_mnist(folder, "test")[0][:limit]
    with _codecs(list(dict.fromkeys(models or [DEFAULT_CODEC])), device, threads) as codecs:
        from denoise_ae.training.latents.latent_bench import measure_latent
        from denoise_ae.training.latents.rates import QUALITIES

        with progress_bar(shown=not quiet) as bar:
            task = bar.add_task("", total=1 + 2 * (len(QUALITIES) + 1) + len(codecs))
            found, others = measure_latent(codecs, training, pictures, lambda: bar.update(task, advance=1))
    from denoise_ae.training.latents.latent_report import COLUMNS, draw_chart, notes, row

    subject = f"{len(pictures)} of MNIST's test digits; denoise-ae {__version__}"
    if as_json:
        results = [json_safe(asdict(each) | {"pays_after": each.pays_after}) for each in found]
        compared = {name: [[quality, size] for quality, size in curve] for name, curve in asdict(others).items()}
        typer.echo(json.dumps({"pictures": len(pictures), "results": results, "others": compared}, indent=2))
    else:
        print_table(COLUMNS, map(row, found))
    if not quiet:
        for note in notes(found):
            print_line(stderr_console(), (note, "dim"))
    if table:
        text = write_markdown(COLUMNS, map(row, found), [f"{subject}.", *notes(found)], texts=("model",))
        write_atomic(table, text.encode(), overwrite=overwrite)
    if chart:
        drawn = draw_chart(found, others, subject, chart.suffix.lower()[1:])
        write_atomic(chart, drawn, overwrite=overwrite)


@contextmanager
def _codecs(words: list[str], device: str, threads: int | None) -> Iterator[dict[str, tuple[Codec, int]]]:
    """Load models, and runs, which are exported for that; with the bytes of each one's file."""
    from denoise_ae.codes.codec import Codec
    from denoise_ae.modelfiles.catalog import find, is_file_name

    with TemporaryDirectory() as folder:
        found: dict[str, tuple[Codec, int]] = {}
        for word in words:
            path = Path(word)
            is_run = path.is_dir() or path.suffix.lower() == ".ckpt"
            model: str | Path = _export(path, Path(folder) / f"{len(found)}.onnx") if is_run else word
            name = path.resolve().name if is_run else path.stem if is_file_name(word) else word
            if name in found:
                raise UsageError(f"{word}: another model is called {name} too", "rename one of them")
            found[name] = Codec(model, device=device, threads=threads), find(model).path.stat().st_size
        yield found


def _export(run: Path, file: Path) -> Path:
    """Write a run's best checkpoint, or a checkpoint, as a model."""
    from denoise_ae.training import require_packages

    require_packages()
    from denoise_ae.training.export.export import export
    from denoise_ae.training.fitting.checkpoint import find_checkpoint

    export(find_checkpoint(run), file)
    return file
