"""Options that several commands have alike."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer


class KeepOrStrip(StrEnum):
    """What happens to metadata."""

    KEEP = "keep"
    STRIP = "strip"


Quality = Annotated[
    int | None, typer.Option(min=1, max=100, help="Quality of lossy formats.", show_default="near the picture's own")
]
Metadata = Annotated[
    KeepOrStrip, typer.Option(help="Keep EXIF, XMP and colour profile where the format can, or leave them out.")
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, ...; auto takes the best there is.")]
Threads = Annotated[int | None, typer.Option(min=1, help="Threads for the model.", show_default="the CPUs to be had")]
MaxMegapixels = Annotated[float, typer.Option(min=0.0, help="Refuse larger pictures before memory is taken.")]
Seed = Annotated[int, typer.Option(min=0, help="The same seed gives the same pictures.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show a traceback with an error.")]
