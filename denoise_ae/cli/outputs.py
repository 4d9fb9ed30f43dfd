"""What the commands that make a file from pictures check before they write it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from denoise_ae.errors import OutputError


def refuse_inputs(output: Path, inputs: Iterable[Path]) -> None:
    """Check that an output is none of the inputs, whatever link or spelling names it.

    Raises:
        OutputError: it is one of them.
    """
    from denoise_ae.finding import identity

    known = identity(output)
    if known is not None and known in map(identity, inputs):
        raise OutputError(f"{output}: the output is an input itself", "choose another name")
