"""Options that several commands share."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer


class KeepOrStrip(StrEnum):
    """What to do with metadata."""

    KEEP = "keep"
    STRIP = "strip"


class Defects(StrEnum):
    """Whether hot and dead pixels are filled."""

    AUTO = "auto"
    OFF = "off"


Quality = Annotated[
    int | None, typer.Option(min=1, max=100, help="Quality of lossy formats.", show_default="near the picture's own")
]
Metadata = Annotated[
    KeepOrStrip, typer.Option(help="Keep EXIF, XMP and colour profile if the format can, or leave them out.")
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, ...; auto takes the best one available.")]
Threads = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Threads for the model; more than 4 for each CPU (but 16 on any machine) are refused.",
        show_default="the available CPUs",
    ),
]
MaxMegapixels = Annotated[float, typer.Option(min=0.0, help="Refuse larger pictures before they take memory.")]
MaxFileSize = Annotated[
    float, typer.Option(metavar="MB", min=0.0, help="Refuse longer files before they are read; in megabytes.")
]
AcceptDamaged = Annotated[
    bool,
    typer.Option(
        "--accept-damaged", help="Take damaged JPEG and JPEG 2000 as far as they can be decoded, with a warning."
    ),
]
Seed = Annotated[int, typer.Option(min=0, help="The same seed gives the same pictures.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
