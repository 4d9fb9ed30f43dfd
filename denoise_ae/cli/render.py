"""What the commands print: errors, progress and tables, on stderr unless the text is the result itself."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text


def stderr_console() -> Console:
    """Return a console on stderr; rich itself honours NO_COLOR and plain pipes."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def print_error(message: str, hint: str = "") -> None:
    """Print one line that says what is wrong and, where there is one, a line that says what to do."""
    console = stderr_console()
    console.print(Text.assemble(("error: ", "bold red"), message))
    if hint:
        console.print(Text.assemble(("hint: ", "bold"), hint))
