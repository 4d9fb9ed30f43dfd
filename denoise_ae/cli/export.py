"""``denoise-ae export``: a checkpoint becomes an ONNX model and its card."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def export(
    checkpoint: Annotated[
        Path | None,
        typer.Argument(metavar="CHECKPOINT|RUN", help="What to export.", show_default="the newest run's best"),
    ] = None,
    *,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The .onnx file; its card goes beside it.", show_default="NAME.onnx"),
    ] = None,
    name: Annotated[str | None, typer.Option(help="The model's name.", show_default="the recipe's")] = None,
    runs: Annotated[Path, typer.Option(help="Folder that keeps the runs.")] = Path("runs"),
    measured: Annotated[
        Path | None,
        typer.Option(help="JSON file {what was measured: dB} for the card.", show_default=False),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show a traceback with an error.")] = False,
) -> None:
    """Write a checkpoint as an ONNX model, once onnxruntime agrees with PyTorch on it.

    `denoise-ae clean --model that.onnx` uses it at once; `denoise-ae models add that.onnx` keeps it under its name.
    """
    from denoise_ae.training import require_packages

    require_packages()
    from denoise_ae.cli.render import print_line, stderr_console
    from denoise_ae.errors import UsageError
    from denoise_ae.training import export as exporting
    from denoise_ae.training.checkpoint import find_checkpoint, load_checkpoint, newest_run

    source = find_checkpoint(checkpoint or newest_run(runs))
    output = output or Path(f"{name or load_checkpoint(source).recipe.name}.onnx")
    if output.suffix != ".onnx":
        raise UsageError(f"-o {output}: a model's file ends with .onnx", f"give {output.with_suffix('.onnx')}")
    card = exporting.export(
        source, output, name=name, measured=_figures(measured) if measured else None, overwrite=overwrite
    )
    if not quiet:
        console = stderr_console()
        print_line(
            console, ("exported: ", "bold green"), f"{output} ({output.stat().st_size / 1e6:.1f} MB) from {source}"
        )
        print_line(console, f"{card.network}; {card.noise}; {card.parameters:,} parameters")
        print_line(console, ("next: ", "bold"), f"denoise-ae clean noisy.png -o clean.png --model {output}")


def _figures(path: Path) -> dict[str, float]:
    import json

    from denoise_ae.errors import UsageError

    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        return {str(label): float(value) for label, value in values.items()}
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from None
    except (ValueError, TypeError, AttributeError):
        raise UsageError(f"{path}: not a JSON object of figures in dB", 'as {"CBSD68 sigma 25": 30.9}') from None
