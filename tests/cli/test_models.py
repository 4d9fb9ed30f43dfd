"""``denoise-ae models`` as a user types it: list, show, add."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tiny import NETWORKS

import denoise_ae


@pytest.fixture
def models(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(Path(denoise_ae.__file__).parents[1]))

    def run(*words, status=0):
        words = [sys.executable, "-m", "denoise_ae", "models", *map(str, words)]
        result = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
        assert result.returncode == status, result.stderr
        assert "Traceback" not in result.stderr
        return result.stdout if status == 0 else result.stderr

    return run


def test_a_foreign_model_is_added_listed_shown_and_not_replaced(models, network):
    assert "--model mine" in models("add", network("foreign-pooling"), "--name", "mine")
    listed = next(line for line in models().splitlines() if line.startswith("mine"))
    assert "RGB" in listed
    assert listed.rstrip().endswith("user")

    shown = models("mine")
    assert re.search(r"size multiple +8", shown), "found by a trial run"
    assert "receptive field" in shown
    assert shown == models("show", "mine")

    card = json.loads(models("mine", "--json"))
    assert card == json.loads(models("--json", "mine"))
    assert card == next(entry for entry in json.loads(models("--json")) if entry["name"] == "mine")
    assert (card["origin"], card["default"], card["card"]["size_multiple"]) == ("user", False, 8)
    assert card["bytes"] == network("foreign-pooling").stat().st_size

    assert "mine" in models("add", network("rgb"), "--name", "mine", status=1)
    assert json.loads(models("mine", "--json")) == card


def test_a_model_of_ours_brings_its_name_and_card(models, network):
    assert json.loads(models("add", network("told"), "--json"))["card"]["takes_sigma"]
    assert "takes sigma" in models("told")


def test_a_file_is_shown_without_being_added(models, network):
    assert "13" in models(network("gray"))
    assert not [entry for entry in json.loads(models("--json")) if entry["origin"] == "user"]


def test_what_is_no_model_is_refused_with_the_reason_and_not_kept(models, tmp_path):
    whole = NETWORKS["rgb"]().SerializeToString()
    (tmp_path / "cut.onnx").write_bytes(whole[: len(whole) // 2])
    assert "cut" in models("add", "cut.onnx", status=1)
    assert "gone.onnx" in models("add", "gone.onnx", status=1)
    assert not [entry for entry in json.loads(models("--json")) if entry["origin"] == "user"]


def test_an_unknown_name_says_what_is_close(models, network):
    models("add", network("rgb"), "--name", "portraits")
    error = models("portrait", status=1)
    assert "portrait" in error.splitlines()[0]
    assert "portraits" in error.splitlines()[1]


def test_help_shows_all_ways(models):
    text = models("--help")
    for word in ("NAME", "show", "add", "--json"):
        assert word in text
    assert "FILE.onnx" in models("add", "--help")


def test_a_wrong_option_is_wrong_usage(models):
    assert "--jason" in models("--jason", status=2)
