"""How processes of ours are started: by Python, or by the stand-alone program, which has no Python beside it."""

from __future__ import annotations

import sys

CHILD = "--child"
"""The stand-alone program's first word when it is to be a child; the second names the room whose `main` it runs."""


def words_for(room: str, program: str) -> list[str]:
    """Return the command that starts a child.

    Args:
        room: the module of ours whose `main` it runs.
        program: the same as a program for Python.
    """
    if getattr(sys, "frozen", False):
        return [sys.executable, CHILD, room]
    return [sys.executable, "-P", "-c", program]
