"""``denoise-ae desktop``: the window."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from denoise_ae.cli.options import Debug
from denoise_ae.errors import PackageError
from denoise_ae.modelfiles.catalog import DEFAULT_MODEL


def desktop(
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[FILES]", help="A picture to open, or several and folders for the batch list."),
    ] = None,
    model: Annotated[
        str, typer.Option("--model", "-m", metavar="NAME", help="The installed model to begin with.")
    ] = DEFAULT_MODEL,
    device: Annotated[
        str, typer.Option(help="auto, cpu, cuda, dml, coreml or openvino; auto takes the best one available.")
    ] = "auto",
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads.", show_default="the available CPUs")] = None,
    debug: Debug = False,
) -> None:
    """Open a window: before and after with a divider, settings that show at once, and a batch list.

    Needs the extra desktop: pip install 'denoise-ae[desktop]'.
    """
    try:
        from denoise_ae.desktop.app import start
    except ImportError as error:
        if isinstance(error, ModuleNotFoundError) and (error.name or "").startswith("PySide6"):
            hint = "pip install 'denoise-ae[desktop]'"
            raise PackageError("the window needs PySide6, which is not installed", hint) from error
        hint = "install the library that it names, or clean without a window: denoise-ae clean"
        raise PackageError(f"the window can't be loaded: {error}", hint) from error
    from denoise_ae.desktop.picture.settings import PictureSettings

    status = start(files or [], PictureSettings(model), device=device, threads=threads)
    if status:
        raise typer.Exit(status)
