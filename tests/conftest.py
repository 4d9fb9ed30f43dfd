"""Shared by all tests: a home of their own, the command line, and the tiny networks as files."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import onnx
import pytest
from qt import WHY_NOT
from tiny import NETWORKS

from denoise_ae.cli import main
from denoise_ae.modelfiles import trial
from denoise_ae.modelfiles.session import Session

# Several test processes share the cores: PyTorch threads that wait for each other there take many times as long.
os.environ.setdefault("OMP_NUM_THREADS", "1")

TRY_OUT = trial.try_out

if not WHY_NOT:
    pytest_plugins = ["pytestqt.plugin"]


@pytest.fixture(autouse=True)
def home(tmp_path_factory, monkeypatch) -> Path:
    """An empty folder in place of the user's data folder; no test may see or touch the real one."""
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("DENOISE_AE_HOME", str(folder))
    return folder


@pytest.fixture(scope="session", autouse=True)
def trials_at_home() -> Iterator[None]:
    """Try files out in this process, which saves a third of a second each; `real_trials` is as it is for users."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trial, "try_out", lambda data, name: Session(data, "cpu", name=name).card)
        yield


@pytest.fixture
def real_trials(monkeypatch) -> None:
    """Try files out in a process of their own."""
    monkeypatch.setattr(trial, "try_out", TRY_OUT)


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    """An empty folder to work in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(place, capfd) -> Callable[..., tuple[int, str, str]]:
    """Run a command in that folder; gives (exit status, stdout, stderr)."""

    def run(*words):
        with pytest.raises(SystemExit) as end:
            main([str(word) for word in words])
        return int(end.value.code or 0), *capfd.readouterr()

    return run


@pytest.fixture(scope="session")
def network(tmp_path_factory) -> Callable[[str], Path]:
    """Path of one of `NETWORKS` by name."""
    folder = tmp_path_factory.mktemp("networks")

    def path(name: str) -> Path:
        file = folder / f"{name}.onnx"
        if not file.exists():
            onnx.save(NETWORKS[name](), file)
        return file

    return path


@pytest.fixture
def save(tmp_path) -> Callable[..., Path]:
    """Write a network made by a test to a file."""

    def write(model: onnx.ModelProto, name: str = "network") -> Path:
        file = tmp_path / f"{name}.onnx"
        file.write_bytes(model.SerializeToString())
        return file

    return write
