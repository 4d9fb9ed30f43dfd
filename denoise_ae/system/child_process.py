"""Build the command that starts a helper process, under Python or in the frozen app."""

from __future__ import annotations

import sys

CHILD = "--child"
"""The stand-alone program's first word when it is to be a child; the second names the module whose `main` it runs."""


def child_command(module: str, program: str) -> list[str]:
    """Return the command that starts a helper process.

    Args:
        module: the module of ours whose `main` it runs.
        program: the same as a program for Python.
    """
    if getattr(sys, "frozen", False):
        return [sys.executable, CHILD, module]
    return [sys.executable, "-P", "-c", program]
