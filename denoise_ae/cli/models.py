"""``denoise-ae models``: list installed models, show one's card, add one's own."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from denoise_ae.cli.show.render import print_table

if TYPE_CHECKING:
    from denoise_ae.modelfiles.catalog import InstalledModel

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show a traceback with an error.")]


class _ModelsGroup(TyperGroup):
    """A group in which a first word that is no command is a model's name: ``models photo`` is ``models show photo``."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401 - types of typer's own, vendored click
        return super().resolve_command(ctx, args if args[0] in self.commands else ["show", *args])


app = typer.Typer(
    cls=_ModelsGroup,
    invoke_without_command=True,
    rich_markup_mode=None,
    subcommand_metavar="[NAME | COMMAND]",
    short_help="List the models, show one, or add your own.",
)


@app.callback()
def models(context: typer.Context, as_json: Json = False, debug: Debug = False) -> None:
    """List the installed models; with a NAME, show that model's card.

    The list holds the models that came with denoise-ae and your own. Use their names with --model in other commands.
    """
    context.obj = as_json
    if context.invoked_subcommand:
        return
    from denoise_ae.modelfiles import catalog

    installed = catalog.models()
    if as_json:
        typer.echo(json.dumps([_entry(model) for model in installed], indent=2))
        return
    rows = [
        (
            model.card.name,
            "default" if model.card.name == catalog.DEFAULT_MODEL else "",
            {1: "gray", 3: "RGB"}[model.card.channels],
            model.card.noise,
            _first_psnr(model),
            "missing" if (size := _size(model)) is None else f"{size / 1e6:.1f} MB",
            model.origin,
        )
        for model in installed
    ]
    print_table(("name", "", "channels", "noise", "PSNR", "size", "origin"), rows)


@app.command()
def show(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME|FILE.onnx", show_default=False)],
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Show one model's whole card. The word show can be left out."""
    from denoise_ae.modelfiles import catalog

    model = catalog.find(name)
    if as_json or context.obj:
        typer.echo(json.dumps(_entry(model), indent=2))
        return
    card = asdict(model.card) | {"path": str(model.path), "origin": model.origin}
    print_table(("", ""), [(key.replace("_", " "), _text(value)) for key, value in card.items() if value])


@app.command()
def add(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE.onnx", show_default=False)],
    name: Annotated[
        str | None, typer.Option(help="What to call it.", show_default="as the file or its card says")
    ] = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Add a model of your own, so that --model NAME finds it.

    It can be any image-to-image ONNX file with one float input of 1 or 3 channels (N, C, H, W) and an output of the
    same size. It is tested first, then copied. Its requirements are read from its card, or else inferred by the test.
    """
    from denoise_ae.modelfiles import catalog

    model = catalog.add(file, name)
    if as_json or context.obj:
        typer.echo(json.dumps(_entry(model), indent=2))
    else:
        typer.echo(f"added {model.card.name}; use it with --model {model.card.name}")


def _entry(model: InstalledModel) -> dict[str, object]:
    from denoise_ae.modelfiles.catalog import DEFAULT_MODEL

    return {
        "name": model.card.name,
        "default": model.card.name == DEFAULT_MODEL,
        "origin": model.origin,
        "path": str(model.path),
        "bytes": _size(model),
        "card": asdict(model.card),
    }


def _size(model: InstalledModel) -> int | None:
    """Return the file's size in bytes; None if it was removed."""
    return model.path.stat().st_size if model.path.exists() else None


def _first_psnr(model: InstalledModel) -> str:
    return next((f"{decibels:.2f} dB, {what}" for what, decibels in model.card.psnr.items()), "")


def _text(value: object) -> str:
    if isinstance(value, dict):
        return "\n".join(f"{key}: {part}" for key, part in value.items())
    if isinstance(value, tuple):
        return " to ".join(f"{part:g}" for part in value)
    return "yes" if value is True else str(value)
