"""A trial in a process of its own: the card that comes back, and what happens to a child that dies, hangs or lies."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from attack_models import MODELS, laughs
from conftest import TRY_OUT

from denoise_ae.errors import ModelError
from denoise_ae.modelfiles import trial
from denoise_ae.modelfiles.session import Session
from denoise_ae.modelfiles.trial import Limits


@pytest.mark.parametrize("name", ["rgb", "foreign-pooling", "foreign-cell"])
def test_the_card_is_the_one_that_a_session_finds(network, name):
    data = network(name).read_bytes()
    assert TRY_OUT(data, "mine") == Session(data, name="mine").card


def test_a_refusal_comes_back_with_its_hint(tmp_path):
    make, phrase = MODELS["nan"]
    with pytest.raises(ModelError, match=phrase) as caught:
        TRY_OUT(make(tmp_path), "mine")
    assert "model mine" in caught.value.message
    assert caught.value.hint


def test_what_takes_too_long_is_ended(tmp_path):
    with pytest.raises(ModelError, match="did not finish its trial run in 3 seconds") as caught:
        TRY_OUT(laughs(30)(tmp_path), "mine", Limits(seconds=3))
    assert caught.value.hint


@pytest.mark.skipif(sys.platform != "linux", reason="there is no such limit elsewhere")
def test_memory_has_an_end(tmp_path):
    data = MODELS["fills-bit-by-bit"][0](tmp_path)
    with pytest.raises(ModelError, match="memory"):
        TRY_OUT(data, "mine", Limits(megabytes=400))


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a process does not learn of its parent's end")
def test_a_trial_ends_with_the_process_that_wants_it(tmp_path):
    (tmp_path / "slow.onnx").write_bytes(laughs(30)(tmp_path))
    program = (
        "import os, pathlib, subprocess, sys\nfrom denoise_ae.modelfiles import trial\n"
        "real = subprocess.Popen.communicate\n"
        "def communicate(self, *rest, **more):\n    print(self.pid, flush=True)\n    return real(self, *rest, **more)\n"
        "subprocess.Popen.communicate = communicate\ntrial.try_out(pathlib.Path(sys.argv[1]).read_bytes(), 'mine')"
    )
    parent = subprocess.Popen([sys.executable, "-c", program, tmp_path / "slow.onnx"], stdout=subprocess.PIPE)
    child = int(parent.stdout.readline())
    parent.kill()
    parent.communicate()
    deadline = time.monotonic() + 60
    while is_running(child):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{process}/stat")
    return not (status.exists() and status.read_text().rpartition(")")[2].split()[0] == "Z")


@pytest.fixture
def child(tmp_path, monkeypatch):
    """Let a shell script be the child."""

    def be(text: str) -> None:
        script = tmp_path / "child"
        script.write_text(f"#!/bin/sh\ncat > {tmp_path}/got\n{text}\n")
        script.chmod(0o755)
        monkeypatch.setattr(trial.sys, "executable", str(script))

    return be


@pytest.mark.skipif(sys.platform == "win32", reason="needs a shell")
@pytest.mark.parametrize(
    "text",
    [
        "kill -SEGV $$",
        "exit 1",
        "echo hello",
        "echo '[\"card\"]'",
        'echo \'["card", "{}"]\'',
        "echo '[\"card\", 5]'",
        "echo '{\"card\": 5}'",
        "echo '[\"refusal\"]'",
        "head -c 100000 /dev/zero | tr '\\0' '['",
    ],
)
def test_a_child_that_dies_or_talks_nonsense_is_a_refusal_in_one_line(child, network, tmp_path, text):
    child(text)
    with pytest.raises(ModelError, match="crash") as caught:
        TRY_OUT(network("rgb").read_bytes(), "mine")
    assert "\n" not in caught.value.message
    assert (tmp_path / "got").read_bytes() == network("rgb").read_bytes()


def test_no_python_is_an_error(monkeypatch, network):
    monkeypatch.setattr(trial.sys, "executable", "/no/where")
    with pytest.raises(ModelError, match="can't be tested"):
        TRY_OUT(network("rgb").read_bytes(), "mine")
