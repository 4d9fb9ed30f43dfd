"""``denoise-ae export``: write a checkpoint as an ONNX model with its card, or quantise a model to int8."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from denoise_ae.cli.checks import refuse_inputs
from denoise_ae.cli.options import Debug
from denoise_ae.errors import UsageError

_INT8 = "int8"


class Kept(StrEnum):
    """What stays in float32."""

    FINEST = "finest"
    ENDS = "ends"
    NOTHING = "nothing"


def export(
    checkpoint: Annotated[
        Path | None,
        typer.Argument(
            metavar="CHECKPOINT|RUN|FILE.onnx",
            help="What to export. A FILE.onnx of an earlier denoise-ae is updated to what models hold today.",
            show_default="the newest run's best",
        ),
    ] = None,
    *,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The .onnx file; its card goes beside it.", show_default="NAME.onnx"),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="The model's name.", show_default="the recipe's, or the model's with -int8")
    ] = None,
    runs: Annotated[Path, typer.Option(help="Folder that keeps the runs.")] = Path("runs"),
    measured: Annotated[
        Path | None,
        typer.Option(help="JSON file {what was measured: dB} for the card.", show_default=False),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")] = False,
    int8: Annotated[
        bool,
        typer.Option(
            "--int8",
            help="Quantise the model to 8 bits: about twice as fast on CPUs that have instructions for it.",
            rich_help_panel=_INT8,
        ),
    ] = False,
    calibration: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Clean pictures of the kind that the model is for; noise is added to crops of them.",
            show_default=False,
            rich_help_panel=_INT8,
        ),
    ] = None,
    keep: Annotated[
        Kept | None,
        typer.Option(
            help="What stays in float32: finest keeps all behind the last up-sampling, ends only the first and last"
            " convolutions (faster, loses more).",
            show_default="finest",
            rich_help_panel=_INT8,
        ),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")] = False,
    debug: Debug = False,
) -> None:
    """Write a checkpoint as an ONNX model, once onnxruntime agrees with PyTorch on it.

    `denoise-ae clean --model that.onnx` uses it at once; `denoise-ae models add that.onnx` keeps it under its name.
    With --int8 the model, or one that was exported before, is quantised to 8 bits, and refused where that costs too
    much quality.
    """
    from denoise_ae.training import require_packages

    if int8 and calibration is None:
        raise UsageError("--int8 needs pictures to calibrate on", "give a folder of clean ones with --calibration")
    if not int8 and (calibration, keep) != (None, None):
        raise UsageError("--calibration and --keep are for --int8", "add it, or leave them out")
    require_packages()
    from denoise_ae.cli.show.render import print_line, stderr_console
    from denoise_ae.training.export import export as exporting
    from denoise_ae.training.export.renew import renew
    from denoise_ae.training.fitting.checkpoint import find_checkpoint, load_checkpoint, newest_run

    if checkpoint is not None and _is_model(checkpoint):
        source, own_name = checkpoint, checkpoint.stem
    else:
        source = find_checkpoint(checkpoint or newest_run(runs))
        own_name = load_checkpoint(source).recipe.name
    output = output or Path(f"{name or own_name + ('-int8' if int8 else '')}.onnx")
    if _is_model(source) and not overwrite:
        refuse_inputs(output, [source])
    if output.suffix != ".onnx":
        raise UsageError(f"-o {output}: a model's file ends with .onnx", f"give {output.with_suffix('.onnx')}")
    figures = _figures(measured) if measured else None
    lines = []
    if calibration is None:
        make = renew if _is_model(source) else exporting.export
        card = make(source, output, name=name, measured=figures, overwrite=overwrite)
    else:
        from denoise_ae.training.export.int8 import LARGEST_LOSS, export_int8

        with _as_model(source, own_name) as model:
            card, judgement = export_int8(
                model,
                output,
                calibration,
                name=name,
                kept=keep or Kept.FINEST,
                measured=figures,
                overwrite=overwrite,
            )
        lines.append(
            f"int8 loses {judgement.loss:.2f} dB (at most {LARGEST_LOSS:g}): {judgement.int8:.2f} dB, float32 "
            f"{judgement.float32:.2f}, on {judgement.crops} noisy crops not used for calibration"
        )
    if not quiet:
        console = stderr_console()
        print_line(
            console, ("exported: ", "bold green"), f"{output} ({output.stat().st_size / 1e6:.1f} MB) from {source}"
        )
        for line in (*lines, f"{card.network}; {card.noise}; {card.parameters:,} parameters"):
            print_line(console, line)
        use = "repair damaged.png --mask mask.png -o fixed.png" if card.takes_mask else "clean noisy.png -o clean.png"
        print_line(console, ("next: ", "bold"), f"denoise-ae {use} --model {output}")


def _is_model(path: Path | None) -> bool:
    return path is not None and path.suffix.lower() == ".onnx"


@contextmanager
def _as_model(source: Path, name: str) -> Iterator[Path]:
    """Yield the ONNX file itself, or that of a checkpoint in a temporary folder."""
    from denoise_ae.training.export.export import export as export_float

    if _is_model(source):
        yield source
        return
    with TemporaryDirectory() as folder:
        model = Path(folder) / f"{name}.onnx"
        export_float(source, model)
        yield model


def _figures(path: Path) -> dict[str, float]:
    import json

    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        return {str(label): float(value) for label, value in values.items()}
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from None
    except (ValueError, TypeError, AttributeError):
        raise UsageError(f"{path}: not a JSON object of figures in dB", 'as {"CBSD68 sigma 25": 30.9}') from None
