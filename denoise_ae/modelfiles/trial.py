"""Try out a model that may be anybody's, in a process of its own with a limit on its memory and its time.

An ONNX file of a few bytes can ask for any amount of either, before the first picture as after it, and what crashes
native code takes its process with it. So a file is loaded and run here first, in a child that may die of it. What comes
back is a card in JSON or a refusal, and nothing else. The same bytes are trusted with pictures after that.
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

from denoise_ae.errors import DenoiseError, ModelError
from denoise_ae.modelfiles.card import ModelCard
from denoise_ae.system.child_process import child_command

if TYPE_CHECKING:
    from collections.abc import Sequence

THREADS = 4
"""Most threads of a trial: each takes address space, which is what is limited."""

_PROGRAM = "import sys; sys.path[:] = {path!r}; from denoise_ae.modelfiles.trial import main; main(sys.argv[1:])"
_SMALL = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}
"""Settings that keep numpy and the C library from reserving address space."""
_PR_SET_PDEATHSIG = 1
_HINT = "if you trust it, export it for smaller pictures, or make it smaller"


@dataclass(frozen=True)
class Limits:
    """What a trial may take."""

    seconds: float = 300.0
    """A network that takes longer for a few small pictures is of no use for large ones."""
    megabytes: int = 4096
    """Beside four times the file itself. Enforced on Linux alone: macOS and Windows know no such limit."""


def try_out(data: bytes, name: str, limits: Limits | None = None) -> ModelCard:
    """Load a model and run it on small pictures in a process of its own; see `denoise_ae.modelfiles.session.Session`.

    Args:
        data: the ONNX file.
        name: what to call the model in messages and in a card made here.
        limits: what it may take; None: the defaults.

    Returns:
        The card in the file, or else what trial runs show.

    Raises:
        ModelError: it is refused, see `Session`, or it takes more than it may, or it crashes.
    """
    limits = limits or Limits()
    # Modules come from where ours come from: never from the folder that we happen to be in.
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
    except (OSError, ValueError) as error:  # no Python to be had, or a name with a zero byte
        raise ModelError(f"model {name} can't be tried out: {error}", "install denoise-ae again") from None
    if -done.returncode == getattr(signal, "SIGXCPU", None):
        raise _too_slow(name, limits)
    return _read_reply(done.stdout, done.returncode, name, limits)


def _too_slow(name: str, limits: Limits) -> ModelError:
    return ModelError(f"model {name} does not get through its trial run in {limits.seconds:g} seconds", _HINT)


def _read_reply(reply: bytes, status: int, name: str, limits: Limits) -> ModelCard:
    """Read what the child wrote last; it may have died before, and what it wrote is no more trusted than the model."""
    try:
        kind, *texts = json.loads(reply)
        if kind == "card":
            return ModelCard.from_json(*texts)
        message, hint = map(str, texts)
    except (ValueError, TypeError, RecursionError):
        raise ModelError(
            f"model {name} ends its trial run with a crash (status {status}), or needs more than {limits.megabytes} MB",
            _HINT,
        ) from None
    raise ModelError(message, hint)


def main(words: Sequence[str]) -> None:
    """Be the child: read a model from standard input, write a card or a refusal to standard output.

    Args:
        words: the model's name, the megabytes of memory and the seconds of processor time that it may take, and the
            number of the process that wants to know.
    """
    name = words[0]
    megabytes, seconds, parent = map(int, words[1:])
    _end_with(parent)
    from denoise_ae.modelfiles.session import Session
    from denoise_ae.system.cpus import available_cpus

    with open(os.dup(1), "wb") as replies:  # noqa: PTH123 - what a library prints must not get into the reply
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
    """Let this process end when its parent is killed: onnxruntime lets no thread of ours look out for that."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    try:
        os.kill(parent, 0)
    except ProcessLookupError:  # it was killed before that
        os._exit(1)


def _limit(memory: int, seconds: int) -> None:
    """Limit what this process may take beyond what it has already, in bytes, and how long it may compute."""
    if sys.platform == "win32":
        return
    import resource

    def limit(kind: int, most: int) -> None:
        with suppress(OSError, ValueError):  # a stricter one is set already, or the system has none
            resource.setrlimit(kind, (most, most))

    limit(resource.RLIMIT_CPU, seconds)
    limit(resource.RLIMIT_CORE, 0)
    if sys.platform == "linux":
        taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        limit(resource.RLIMIT_AS, taken + memory)
