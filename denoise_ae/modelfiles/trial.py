"""Test an untrusted model in a process of its own, with limits on its memory and its time.

An ONNX file of a few bytes can take any amount of either, as soon as it is loaded, and may crash native code and with
it the process. So a file is first loaded and run in a child process, which may die of it. Only a card in JSON or a
refusal comes back. After that the same bytes are trusted with pictures.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from denoise_ae.errors import REINSTALL, DenoiseError, ModelError
from denoise_ae.modelfiles.card import ModelCard
from denoise_ae.system.child_process import child_command

if TYPE_CHECKING:
    from collections.abc import Sequence

THREADS = 4
"""Most threads of a trial: each takes address space, which is limited."""

_PROGRAM = "import sys; sys.path[:] = {path!r}; from denoise_ae.modelfiles.trial import main; main(sys.argv[1:])"
_SMALL = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}
"""Keep numpy and the C library from reserving address space."""
_PR_SET_PDEATHSIG = 1
_HINT = "if you trust it, export it for smaller pictures, or make it smaller"


@dataclass(frozen=True)
class Limits:
    """Limits of a trial."""

    seconds: float = 60.0
    """For loading it, which it takes again whenever it is used, and for a few small pictures."""
    megabytes: int = 4096
    """On top of four times the file's size. Enforced on Linux only: macOS and Windows have no such limit."""


def try_out(data: bytes, name: str, limits: Limits | None = None) -> ModelCard:
    """Load a model and run it on small pictures in a process of its own; see `denoise_ae.modelfiles.session.Session`.

    Args:
        data: the ONNX file.
        name: what to call the model in messages and in a card made here.
        limits: None for the defaults.

    Returns:
        The card in the file, or else one inferred by trial runs.

    Raises:
        ModelError: it is refused, see `denoise_ae.modelfiles.session.Session`, exceeds its limits, or crashes.
    """
    limits = limits or Limits()
    # The child imports modules from where this process does, never from the current folder.
    words = child_command("trial", _PROGRAM.format(path=sys.path))
    numbers = limits.megabytes + 4 * len(data) // 1_000_000, round(limits.seconds * THREADS), os.getpid()
    words += [name, *map(str, numbers)]
    try:
        done = subprocess.run(
            words,
            input=data,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | _SMALL,
            timeout=limits.seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise _too_slow(name, limits) from None
    except (OSError, ValueError) as error:  # Python is missing, or the name has a zero byte
        raise ModelError(f"model {name} can't be tested: {error}", REINSTALL) from None
    if -done.returncode == getattr(signal, "SIGXCPU", None):
        raise _too_slow(name, limits)
    return _read_reply(done.stdout, done.returncode, name, limits)


def _too_slow(name: str, limits: Limits) -> ModelError:
    return ModelError(f"model {name} did not finish its trial run in {limits.seconds:g} seconds", _HINT)


def _read_reply(reply: bytes, status: int, name: str, limits: Limits) -> ModelCard:
    """Read the child's reply, which is no more trusted than the model; it is missing if the child died."""
    try:
        kind, *texts = json.loads(reply)
        if kind == "card":
            return ModelCard.from_json(*texts)
        message, hint = map(str, texts)
    except (ValueError, TypeError, RecursionError):
        raise ModelError(
            f"model {name} crashed in its trial run (status {status}), or needs more than {limits.megabytes} MB",
            _HINT,
        ) from None
    raise ModelError(message, hint)


def main(words: Sequence[str]) -> None:
    """Run in the child: read a model from standard input, write a card or a refusal to standard output.

    Args:
        words: the model's name, its limits in megabytes of memory and seconds of CPU time, and the parent's process ID.
    """
    name = words[0]
    megabytes, seconds, parent = map(int, words[1:])
    _end_with(parent)
    from denoise_ae.modelfiles.session import Session
    from denoise_ae.system.cpus import available_cpus

    with open(os.dup(1), "wb") as replies:  # noqa: PTH123 - output of libraries must not get into the reply
        os.dup2(2, 1)
        data = sys.stdin.buffer.read()
        _limit(megabytes << 20, seconds)
        reply: tuple[str, ...]
        try:
            card = Session(data, "cpu", min(THREADS, available_cpus()), name).card
            reply = "card", card.to_json()
        except DenoiseError as error:
            reply = "refusal", error.message, error.hint
        except MemoryError:
            reply = "refusal", f"model {name} needs more memory than {megabytes} MB in its trial run", _HINT
        replies.write(json.dumps(reply).encode())


def _end_with(parent: int) -> None:
    """Make this process end when its parent is killed: no thread of ours can watch while onnxruntime runs."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    try:
        os.kill(parent, 0)
    except ProcessLookupError:  # the parent was killed before that
        os._exit(1)


def _limit(memory: int, seconds: int) -> None:
    """Limit this process's memory, in bytes beyond what it has already, and its CPU time in seconds."""
    if sys.platform == "win32":
        return
    import resource

    def limit(kind: int, most: int) -> None:
        with suppress(OSError, ValueError):  # a stricter limit is set already, or the system has none
            resource.setrlimit(kind, (most, most))

    limit(resource.RLIMIT_CPU, seconds)
    limit(resource.RLIMIT_CORE, 0)
    if sys.platform == "linux":
        taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        limit(resource.RLIMIT_AS, taken + memory)
