"""How the commands print: errors as one line and a hint, on stderr, and no name that a terminal would obey."""

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
    """Return a console on stderr; rich itself honours NO_COLOR and plain pipes."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def is_terminal(stream: TextIO | None) -> bool:
    """Tell whether somebody sees what a stream shows; it is None where the process was started without it."""
    return stream is not None and stream.isatty()


def printable(text: str) -> str:
    """Escape what a file's name may hold that a terminal would obey: line ends, escape sequences, broken letters."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def print_line(console: Console, *parts: str | tuple[str, str]) -> None:
    """Print one line made of texts and (text, style) pairs, without wrapping it or reading markup in it."""
    from rich.text import Text

    clean = (printable(part) if isinstance(part, str) else (printable(part[0]), part[1]) for part in parts)
    console.print(Text.assemble(*clean), soft_wrap=True)


def print_error(message: str, hint: str = "", console: Console | None = None) -> None:
    """Print one line that says what is wrong and, where there is one, a line that says what to do."""
    console = console or stderr_console()
    print_line(console, ("error: ", "bold red"), message)
    if hint:
        print_line(console, ("hint: ", "bold"), hint)


def progress_bar(*, shown: bool) -> Progress:
    """Make a progress bar on stderr, which only a terminal gets to see."""
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
    """Print a table on stdout: as wide as the terminal, or as wide as it has to be where there is none."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=any(columns), header_style="bold", pad_edge=False)
    for number, column in enumerate(columns):
        table.add_column(column, overflow="fold", no_wrap=number == 0)
    for row in rows:
        table.add_row(*(Text("\n".join(map(printable, cell.split("\n")))) for cell in row))
    # A pipe has no width that lines would have to be broken for.
    Console(highlight=False, width=None if is_terminal(sys.stdout) else 10_000).print(table)


def json_safe(row: dict[str, Any]) -> dict[str, Any]:
    """Replace infinity, the PSNR of equal pictures, which JSON does not have."""
    return {key: None if isinstance(value, float) and not math.isfinite(value) else value for key, value in row.items()}
