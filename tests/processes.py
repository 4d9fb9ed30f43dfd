"""The command line in processes of its own, for tests that disturb it."""

import os
import re
import secrets
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
from PIL import Image

import denoise_ae

MARK = "DENOISE_AE_TEST_MARK"
"""An environment variable by which all processes of a run are known, children of children too."""

WAIT = 60
"""Seconds after which a process that should have ended is taken for stuck."""


class Run:
    """A ``clean`` that was started on one thread, with standard output and errors to be read.

    Args:
        model: file of the model.
        words: the command's own, after the model.
        before: words before the command: another program that starts it.
        options: see `subprocess.Popen`.
    """

    def __init__(self, model: Path, *words, before=(), **options):
        self.mark = secrets.token_hex(8)
        environment = {**os.environ, "PYTHONPATH": str(Path(denoise_ae.__file__).parents[1]), MARK: self.mark}
        command = [*before, sys.executable, "-m", "denoise_ae", "clean", "--threads", "1", "--model", model, *words]
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
        self.process = subprocess.Popen(
            [word if isinstance(word, bytes) else str(word) for word in command],
            env=environment,
            start_new_session=True,
            **streams,
        )

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        for process in self.living():
            os.kill(process, signal.SIGKILL)
        self.process.wait()
        for stream in (self.process.stdout, self.process.stderr):
            if stream:
                stream.close()

    def living(self) -> list[int]:
        """Its processes that run, the first one too."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if f"{MARK}={self.mark}".encode() in (folder / "environ").read_bytes().split(b"\0"):
                    found.append(int(folder.name))
            except OSError:  # ended, or another user's
                pass
        return found

    def send(self, number: signal.Signals, *, to: str = "all") -> None:
        """Send a signal to ``all`` of its processes, to the ``first`` alone or to the ``others``."""
        first = self.process.pid
        chosen = [first] if to == "first" else [pid for pid in self.living() if to == "all" or pid != first]
        for process in chosen:
            with suppress(ProcessLookupError):
                os.kill(process, number)

    def wait_for_start(self) -> None:
        """Wait until the first picture is done. Needs ``--json``."""
        self.process.stdout.readline()

    def end(self) -> tuple[int, str, str]:
        """Wait for the end of all its processes; return exit status, standard output and errors."""
        output, errors = self.process.communicate(timeout=WAIT)
        assert wait_until(lambda: not self.living()), "a process outlives its parent"
        return self.process.returncode, (output or b"").decode(), (errors or b"").decode()


def wait_until(condition) -> bool:
    """Wait for a condition; tell whether it came true."""
    end = time.monotonic() + WAIT
    while not condition() and time.monotonic() < end:
        time.sleep(0.002)
    return condition()


def write_pictures(folder: Path, names, seed: int = 0, size=(48, 36)) -> dict[str, bytes]:
    """Write noise as pictures, no two of them alike; return them."""
    random = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        pixels = random.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / name, quality=90)
    return content(folder)


def write_files(folder: Path, files: dict[str, bytes]) -> None:
    """Make a folder hold these files and nothing else."""
    folder.mkdir(exist_ok=True)
    for path in folder.iterdir():
        path.unlink()
    for name, data in files.items():
        (folder / name).write_bytes(data)


def content(folder: Path) -> dict[str, bytes]:
    """The files of a folder, temporary ones too."""
    return {path.name: path.read_bytes() for path in Path(folder).iterdir() if path.is_file()}


def is_refusal(errors: str) -> bool:
    """Tell whether this is one line that says what is wrong and one that says what to do."""
    return re.fullmatch(r"error: [^\n]+\nhint: [^\n]+\n", errors) is not None
