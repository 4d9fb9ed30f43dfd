"""Options that several commands have alike."""

from __future__ import annotations

from typing import Annotated

import typer

Device = Annotated[str, typer.Option(help="auto, cpu, cuda, ...; auto takes the best there is.")]
Threads = Annotated[int | None, typer.Option(min=1, help="Threads for the model.", show_default="the CPUs to be had")]
Seed = Annotated[int, typer.Option(min=0, help="The same seed gives the same pictures.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show a traceback with an error.")]
