"""Print messages, tables and progress, with control characters escaped; errors go to stderr."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

INTERRUPTED = 130
"""Exit status after Ctrl-C: 128 + SIGINT."""


def stderr_console() -> Console:
    """Return a console on stderr; rich itself respects NO_COLOR and pipes."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def is_terminal(stream: TextIO | None) -> bool:
    """Return whether a stream is a terminal; it is None if the process was started without it."""
    return stream is not None and stream.isatty()


def printable(text: str) -> str:
    """Escape characters that a terminal would act on: line ends, escape sequences, invalid characters."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def print_line(console: Console, *parts: str | tuple[str, str]) -> None:
    """Print one line of texts and (text, style) pairs, without wrapping or markup."""
    from rich.text import Text

    clean = (printable(part) if isinstance(part, str) else (printable(part[0]), part[1]) for part in parts)
    console.print(Text.assemble(*clean), soft_wrap=True)


def print_error(message: str, hint: str = "", console: Console | None = None) -> None:
    """Print one line that says what is wrong, and the hint, if any, on a second line."""
    console = console or stderr_console()
    print_line(console, ("error: ", "bold red"), message)
    if hint:
        print_line(console, ("hint: ", "bold"), hint)


def progress_bar(*, shown: bool) -> Progress:
    """Make a progress bar on stderr, shown only on a terminal."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(compact=True),
        console=stderr_console(),
        transient=True,
        redirect_stdout=False,
        disable=not (shown and sys.stderr.isatty()),
    )


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table on stdout, as wide as the terminal; without a terminal, as wide as its cells."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=any(columns), header_style="bold", pad_edge=False)
    for number, column in enumerate(columns):
        table.add_column(column, overflow="fold", no_wrap=number == 0)
    for row in rows:
        table.add_row(*(Text("\n".join(map(printable, cell.split("\n")))) for cell in row))
    # A pipe has no width, so lines are not broken.
    Console(highlight=False, width=None if is_terminal(sys.stdout) else 10_000).print(table)


def json_safe(row: dict[str, Any]) -> dict[str, Any]:
    """Replace infinity, the PSNR of equal pictures, and NaN by None: JSON has neither."""
    return {key: None if isinstance(value, float) and not math.isfinite(value) else value for key, value in row.items()}
