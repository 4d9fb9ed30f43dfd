"""What the commands that make a file from pictures check before they write it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from denoise_ae.errors import OutputError, UsageError


def refuse_inputs(output: Path, inputs: Iterable[Path]) -> None:
    """Check that an output is none of the inputs, whatever link or spelling names it.

    Raises:
        OutputError: it is one of them.
    """
    from denoise_ae.system.paths import identity

    known = identity(output)
    if known is not None and known in map(identity, inputs):
        raise OutputError(f"{output}: the output is an input itself", "choose another name")


def check_reports(table: Path | None, chart: Path | None, inputs: Iterable[Path], *, overwrite: bool) -> None:
    """Refuse, before the long measuring starts, files that can't be written after it."""
    from denoise_ae.measure.report import CHART_FORMATS, check_matplotlib
    from denoise_ae.system.files import check_target

    known = list(inputs)
    for option, output, formats in (("--table", table, ("md",)), ("--chart", chart, CHART_FORMATS)):
        if output is None:
            continue
        if output.suffix.lower()[1:] not in formats:
            raise UsageError(
                f"{option} {output}: this ending stands for no format of it", f"end it with .{' or .'.join(formats)}"
            )
        refuse_inputs(output, known)
        check_target(output, overwrite=overwrite)
    if chart:
        check_matplotlib()
