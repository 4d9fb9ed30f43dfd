"""Attack files of all kinds are refused with one line and a hint; nothing of them runs, nothing else is read or
written, and neither memory nor time runs away. SECURITY.md says what is promised.

The files are made by code, here and in `attack_models` and `attack_pictures`.
"""

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
from attack_models import MODELS, card
from attack_pictures import HARMLESS, LIMIT, REFUSED
from PIL import Image
from processes import is_refusal
from tiny import Graph

import denoise_ae
from denoise_ae.errors import ModelError
from denoise_ae.modelfiles import catalog
from denoise_ae.modelfiles.card import ModelCard

MEASURE = """
import resource, subprocess, sys
status = subprocess.run(sys.argv[2:]).returncode
print(status, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=open(sys.argv[1], "w"))
"""
"""Runs a program from a small process, since a process counts its parent's memory as its own until it has begun."""


def watched(words: list[str], folder: Path) -> SimpleNamespace:
    """Run a program in a folder; gives status, stdout, stderr, the home that it had, and its peak memory in megabytes,
    or that of a process that it waited for."""
    home, figures = folder.parent / "home", folder.parent / "figures"
    settings = {"PYTHONPATH": str(Path(denoise_ae.__file__).parents[1]), "DENOISE_AE_HOME": str(home)}
    words = [sys.executable, "-c", MEASURE, str(figures), *words]
    done = subprocess.run(words, capture_output=True, text=True, check=True, cwd=folder, env=os.environ | settings)
    status, peak = map(int, figures.read_text().split())
    megabytes = peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)
    return SimpleNamespace(status=status, out=done.stdout, errors=done.stderr, megabytes=megabytes, home=home)


on_unix = pytest.mark.skipif(sys.platform == "win32", reason="measures memory, and makes links and pipes")


# Models

ADD = """
import json, sys
from functools import partial
from pathlib import Path
from denoise_ae.modelfiles import catalog; from denoise_ae.modelfiles import trial
from denoise_ae.errors import DenoiseError
trial.try_out = partial(trial.try_out, limits=trial.Limits(megabytes=700))
for file in sorted(Path().glob("*/*.onnx")):
    try:
        print(json.dumps([file.stem, catalog.add(file).card.name]))
    except DenoiseError as error:
        print(json.dumps([file.stem, error.message, error.hint]))
"""


@pytest.fixture(scope="module")
def added(tmp_path_factory):
    """What `models add` says of each attack, all tried in one process: name -> words; and how that process ended."""
    folder = tmp_path_factory.mktemp("models") / "work"
    for name, (make, _) in MODELS.items():
        place = folder / name
        place.mkdir(parents=True)
        (place / f"{name}.onnx").write_bytes(make(place))
    done = watched([sys.executable, "-c", ADD], folder)
    done.said = {name: words for name, *words in map(json.loads, done.out.splitlines())}
    return done


@on_unix
@pytest.mark.parametrize("name", MODELS)
def test_a_model_that_means_harm_is_refused_with_one_line_and_a_hint(added, name):
    message, hint = added.said[name]
    assert MODELS[name][1] in message
    assert name in message or "'../../sly'" in message
    assert len(message) < 500
    assert hint
    assert "\n" not in message + hint


@on_unix
def test_models_that_mean_harm_take_little_memory_and_leave_nothing(added):
    assert (added.status, added.errors) == (0, "")
    assert added.megabytes < 1000
    assert not list(added.home.rglob("*.*"))


@on_unix
def test_none_is_tried_out_where_modules_of_the_current_folder_would_be_loaded(place, network, home):
    """As `python -m` does, and a child would."""
    canary = place / "canary"
    for module in ("numpy", "onnxruntime", "json", "denoise_ae", "sitecustomize"):
        (place / f"{module}.py").write_text(f"open({str(canary)!r}, 'w')")
    words = [Path(sysconfig.get_path("scripts")) / "denoise-ae", "models", "add", network("rgb")]
    subprocess.run(words, check=True, cwd=place, capture_output=True, env=os.environ | {"DENOISE_AE_HOME": str(home)})
    assert (home / "models" / "rgb.onnx").exists()
    assert not canary.exists()


@on_unix
def test_gigabytes_that_are_no_model_are_refused_unread(place):
    folder = place / "work"
    folder.mkdir()
    with (folder / "hole.onnx").open("wb") as file:
        file.truncate(1_900_000_000)
    Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(folder / "a.png")
    done = watched([sys.executable, "-m", "denoise_ae", "clean", "a.png", "--model", "hole.onnx"], folder)
    assert done.status == 1
    assert "model hole is not a complete ONNX file" in done.errors
    assert done.megabytes < 500


def test_a_network_that_fails_on_some_pictures_only_fails_with_those(run, save):
    """The trial's picture is gray; the logarithm of black is not finite."""
    graph = Graph()
    model = save(graph.model(graph.add("Log", "image")))
    Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save("black.png")
    status, _, errors = run("clean", "black.png", "--model", model)
    assert status == 1
    assert "NaN or infinite" in errors
    assert "Traceback" not in errors
    assert not Path("black-clean.png").exists()


def test_a_card_cannot_speak_to_the_terminal(run, save):
    model = onnx.load_from_string(card(json.dumps({"name": "\x1b[2Jsly\r", "noise": "\x1b]0;owned\x07"}))(Path()))
    status, output, _ = run("models", "show", save(model))
    assert status == 0
    assert "sly" in output
    assert not set(output) & {"\x1b", "\r", "\x07"}


# Files of any length


@on_unix
@pytest.mark.parametrize(
    ("begin", "words"),
    [
        (b"", ["long.png"]),
        (b"\x89PNG\r\n\x1a\n", ["long.png", "--dry-run"]),
        (b"", ["-", "-o", "out.png"]),
        (b"II*\0", ["-", "-o", "out.png"]),
    ],
    ids=str,
)
def test_a_file_of_any_length_takes_no_memory(place, network, begin, words):
    """Six gigabytes that lie on no disk."""
    folder = place / "work"
    folder.mkdir()
    with (folder / "long.png").open("wb") as file:
        file.write(begin)
        file.truncate(6_000_000_000)
    command = [sys.executable, "-m", "denoise_ae", "clean", *words, "--model", str(network("rgb")), "--threads", "1"]
    if words[0] == "-":
        limit = [] if not begin else ["--max-file-size", "50"]
        command = ["sh", "-c", '"$@" < long.png | cat', "sh", *command, *limit]
    done = watched(command, folder)
    assert done.status == 1 or words[0] == "-"
    assert "longer than" in done.errors if begin else "this is not a picture" in done.errors
    assert "Traceback" not in done.errors
    assert done.megabytes < 500
    assert [path.name for path in folder.iterdir()] == ["long.png"]


# The folder of the user's own models


@pytest.fixture
def mine(home, network) -> Path:
    """The folder, with a model in it."""
    catalog.add(network("rgb"), "mine")
    return home / "models"


@on_unix
def test_adding_through_a_link_copies_and_a_link_in_the_way_is_not_followed(place, network, mine):
    link, victim = place / "link.onnx", place / "victim"
    link.symlink_to(network("foreign"))
    victim.write_text("precious")
    (mine / "new.onnx").symlink_to(victim)
    added = catalog.add(link, "new")
    assert victim.read_text() == "precious"
    assert not added.path.is_symlink()
    assert added.read() == network("foreign").read_bytes()


@on_unix
@pytest.mark.parametrize("target", ["/dev/zero", "/dev/stdin", "/proc/self/mem", "pipe", "."])
def test_what_never_ends_is_no_model(place, target):
    os.mkfifo("pipe")
    Path("link.onnx").symlink_to(target)
    with pytest.raises(ModelError, match=r"model file link\.onnx"):
        catalog.add(Path("link.onnx"))


def test_what_is_larger_than_any_model_is_not_read(place):
    with Path("sparse.onnx").open("wb") as file:
        file.truncate(3 << 30)
    with pytest.raises(ModelError, match="larger than any"):
        catalog.add(Path("sparse.onnx"))


@on_unix
@pytest.mark.parametrize("target", ["/dev/zero", "pipe"])
def test_a_card_that_never_ends_is_named(run, mine, target):
    os.mkfifo(mine / "pipe")
    (mine / "sly.json").symlink_to(target)
    status, _, errors = run("models")
    assert status == 1
    assert is_refusal(errors)
    assert "sly.json" in errors


@pytest.mark.parametrize("name", ["../mine", "/etc/passwd", "mine.onnx", "x" * 10**5])
def test_a_card_says_nothing_of_where_its_model_lies(mine, name):
    found = json.loads((mine / "mine.json").read_text())
    (mine / "mine.json").write_text(json.dumps(found | {"name": name[:200], "file": name, "path": name, "url": name}))
    model = catalog.find("mine")
    assert (model.card.name, model.path) == ("mine", mine / "mine.onnx")
    assert model.read() == (mine / "mine.onnx").read_bytes()


def test_a_model_that_differs_from_its_checksum_is_not_used(run, mine, network):
    (mine / "mine.onnx").write_bytes(network("foreign").read_bytes())
    Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save("black.png")
    status, _, errors = run("clean", "black.png", "--model", "mine")
    assert status == 1
    assert is_refusal(errors)
    assert "differs from its checksum" in errors


@pytest.mark.parametrize(
    "index", ["[" * 10**5, '{"project": "denoise-ae", "models": ["../../sly", 5, "a/b", "/x", ""]}']
)
def test_an_index_that_lies_leads_nowhere(monkeypatch, tmp_path, index):
    monkeypatch.setattr(catalog, "__file__", str(tmp_path / "denoise_ae" / "modelfiles" / "catalog.py"))
    (tmp_path / "denoise_ae" / "models").mkdir(parents=True)
    (tmp_path / "denoise_ae" / "models" / "index.json").write_text(index)
    (tmp_path / "sly.json").write_text(ModelCard("sly").to_json())
    with pytest.raises(ModelError, match="missing"):
        catalog.models()


# Pictures


@pytest.fixture(scope="module")
def cleaned(tmp_path_factory, network):
    """What `clean` says of each attack, all in one run: name -> line of JSON; and how that run ended."""
    folder = tmp_path_factory.mktemp("pictures") / "work"
    (folder / "in").mkdir(parents=True)
    for name, make in ({name: make for name, (make, _) in REFUSED.items()} | HARMLESS).items():
        (folder / "in" / f"{name}.png").write_bytes(make())
    words = ["clean", "in", "-o", "out", "--json", "--max-megapixels", str(LIMIT / 1e6), "--model", str(network("rgb"))]
    done = watched([sys.executable, "-m", "denoise_ae", *words], folder)
    lines = [json.loads(line) for line in done.out.splitlines()]
    done.said = {Path(line["file"]).stem: line for line in lines[:-1]}
    done.results = {path.stem for path in (folder / "out").iterdir()}
    return done


@on_unix
@pytest.mark.parametrize("name", REFUSED)
def test_a_picture_that_means_harm_is_refused_with_one_line_and_a_hint(cleaned, name):
    said = cleaned.said[name]
    assert said["status"] == "failed"
    assert REFUSED[name][1] in said["error"]
    assert f"{name}.png" in said["error"]
    assert said["hint"]
    assert "\n" not in said["error"] + said["hint"]
    assert name not in cleaned.results


@on_unix
@pytest.mark.parametrize("name", HARMLESS)
def test_a_picture_with_a_bomb_beside_its_pixels_is_cleaned(cleaned, name):
    assert cleaned.said[name]["status"] == "cleaned"
    assert name in cleaned.results


@on_unix
def test_pictures_that_mean_harm_take_little_memory(cleaned):
    assert cleaned.status == 1
    assert cleaned.megabytes < 500
    assert "Traceback" not in cleaned.errors


def test_brackets_in_a_name_mean_themselves_on_windows_too(run, monkeypatch, network):
    """There no shell expands patterns, and the library of the command line would, if it were left to it."""
    import typer.core

    class Windows:
        name = "nt"

        def __getattr__(self, name):
            return getattr(os, name)

    monkeypatch.setattr(typer.core, "os", Windows())
    for name in ("a[1].png", "a1.png", "~.png", "$HOME.png"):
        Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(name)
    words = ["clean", "a[1].png", "~.png", "$HOME.png", "-o", "out/", "--model", str(network("rgb"))]
    monkeypatch.setattr(sys, "argv", ["denoise-ae", *words])
    with pytest.raises(SystemExit) as end:
        denoise_ae.cli.main()
    assert not end.value.code
    assert sorted(path.name for path in Path("out").iterdir()) == ["$HOME.png", "a[1].png", "~.png"]
