"""``denoise-ae doctor`` as a user types it."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from fake_packages import pretend_installed

from denoise_ae import __version__, doctor
from denoise_ae.modelfiles import catalog

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(doctor, "SIDE", 64)


def test_a_sound_installation_is_shown(run, home):
    status, output, errors = run("doctor")
    assert (status, errors) == (0, "")
    for pattern in (
        rf"^denoise-ae +{re.escape(__version__)}",
        r"^Python +3\.\d+\.\d+, ",
        r"^OpenCV +\d.* \(opencv-python-headless \d",
        r"^extras +pillow-heif \d",
        r"^threads +\d+ of the machine's \d+ CPUs \(affinity mask \d+, ",
        rf"^your models +{re.escape(str(home))}.*not there yet",
        r"^photo +shipped +ok",
        r"^cpu +ok +reference +\d+\.\d\d megapixels/s",
        r"^nothing is broken$",
    ):
        assert re.search(pattern, output, re.MULTILINE), pattern
    assert "error:" not in output


def test_missing_extras_are_no_problem_but_a_hint(run, monkeypatch):
    monkeypatch.setattr(doctor, "EXTRAS", ("no-such-package",))
    status, output, _ = run("doctor")
    assert status == 0
    assert "window need them: pip install 'denoise-ae[heic,jxl,raw,desktop]'" in output


def test_json_has_the_same_and_nothing_else(run, home, network):
    catalog.add(network("rgb"), "mine")
    status, output, errors = run("doctor", "--json")
    assert (status, errors) == (0, "")
    found = json.loads(output)
    assert (found["denoise_ae"], found["ok"], found["problems"]) == (__version__, True, [])
    assert [library["name"] for library in found["libraries"]] == [
        "numpy",
        "OpenCV",
        "onnxruntime",
        "Pillow",
        "simplejpeg",
    ]
    assert all(library["version"] for library in found["libraries"])
    assert found["cpus"].keys() == {"machine", "affinity", "quota", "usable"}
    assert found["models_folder"] == str(home / "models")
    assert {"name": "mine", "origin": "user", "problems": []} in found["models"]
    cpu = found["devices"][0]
    assert (cpu["name"], cpu["state"], cpu["difference"]) == ("cpu", "ok", 0)


def test_a_damaged_model_is_named_with_a_hint_and_the_status_is_1(run, home, network):
    catalog.add(network("rgb"), "mine")
    model = home / "models" / "mine.onnx"
    model.write_bytes(model.read_bytes()[:-1])
    status, output, errors = run("doctor")
    assert (status, errors) == (1, "")
    lines = output.splitlines()
    (place,) = [number for number, line in enumerate(lines) if line.startswith("error: ")]
    assert str(model) in lines[place]
    assert lines[place + 1].startswith("hint: ")
    assert re.search(r"^mine +user +damaged", output, re.MULTILINE)
    assert re.search(r"^cpu +ok", output, re.MULTILINE), "another model is no reason not to test the devices"
    assert "nothing is broken" not in output

    status, output, errors = run("doctor", "--json")
    found = json.loads(output)
    assert (status, errors, found["ok"]) == (1, "", False)
    (problem,) = found["problems"]
    assert problem in next(model for model in found["models"] if model["name"] == "mine")["problems"]


def test_a_damaged_default_model_is_named_once_and_devices_are_not_tested(run, tmp_path, monkeypatch):
    folder = tmp_path / "models"
    folder.mkdir()
    for file in (ROOT / "models").iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    (folder / "photo.onnx").write_bytes(b"cut")
    monkeypatch.setattr(catalog, "__file__", str(tmp_path / "denoise_ae" / "modelfiles" / "catalog.py"))
    status, output, _ = run("doctor")
    assert (status, output.count("error: ")) == (1, 1)
    assert "install denoise-ae again" in output
    assert "devices: not tested" in output


@pytest.mark.skipif(sys.platform != "linux", reason="only wheels for Linux bring Qt")
def test_duplicate_packages_in_a_new_process(tmp_path):
    pretend_installed(tmp_path, "opencv-python", "onnxruntime-gpu", "PySide6")
    done = subprocess.run(
        [sys.executable, "-m", "denoise_ae", "doctor"],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (1, "")
    words = [line.split(": ")[0] for line in done.stdout.splitlines() if line.startswith(("error", "note", "hint"))]
    assert words == ["error", "hint", "note", "hint", "error", "hint"]
    assert "pip uninstall -y opencv-python-headless opencv-python && " in done.stdout
    assert "pip install onnxruntime-gpu\n" in done.stdout


@pytest.mark.parametrize("words", [["--jsn"], ["photo"]])
def test_wrong_usage_has_status_2(run, words):
    status, output, errors = run("doctor", *words)
    assert (status, output) == (2, "")
    assert words[0] in errors
