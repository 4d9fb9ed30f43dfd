"""Start a child process with a two-way connection to it, which takes the place of its standard input.

`multiprocessing` itself would start a Python, which the frozen app does not have; its connections work without it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from multiprocessing.connection import Connection, Pipe


def start_connected(command: Sequence[str], *, stderr: int | None = None) -> tuple[subprocess.Popen[bytes], Connection]:
    """Start a process that calls `connection_to_parent`.

    Its standard output is closed to it. When it ends, however it does, the connection ends too.

    Args:
        command: the program and its arguments; they are visible to every user of the machine.
        stderr: as for `subprocess.Popen`.

    Raises:
        OSError: it can't be started.
    """
    ours, theirs = Pipe()
    try:
        with theirs:
            stdin = _descriptor_of(theirs)
            try:
                return subprocess.Popen(command, stdin=stdin, stdout=subprocess.DEVNULL, stderr=stderr), ours
            finally:
                os.close(stdin)
    except BaseException:
        ours.close()
        raise


def connection_to_parent() -> Connection:
    """Take over what `start_connected` put in the place of standard input, which is empty from then on."""
    if sys.platform == "win32":
        import msvcrt
        from multiprocessing.connection import PipeConnection
        from multiprocessing.reduction import duplicate

        connection = PipeConnection(duplicate(msvcrt.get_osfhandle(0)))
    else:
        connection = Connection(os.dup(0))
    nowhere = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nowhere, 0)
    os.close(nowhere)
    return connection


def _descriptor_of(connection: Connection) -> int:
    """Return a copy of a connection's end as the file descriptor that `subprocess.Popen` takes."""
    if sys.platform == "win32":
        import msvcrt
        from multiprocessing.reduction import duplicate

        return msvcrt.open_osfhandle(duplicate(connection.fileno()), os.O_RDWR)
    return os.dup(connection.fileno())
