"""Checkpoints, recipes and training data that mean harm are refused, and no code in them runs."""

import gzip
import io
import json
import os
import pickle
import subprocess
import sys
import tarfile
import zipfile
from copy import copy
from pathlib import Path

import numpy as np
import pytest
from attack_models import MODELS
from processes import is_refusal

from denoise_ae.errors import DenoiseError, TrainingError

# Checkpoints


class Gadget:
    """Pickled, it is a call, which unpickling makes."""

    def __init__(self, *call) -> None:
        self.call = call

    def __reduce__(self):
        return self.call[0], self.call[1:]


def calls(canary: str) -> dict[str, Gadget]:
    return {
        "system": Gadget(os.system, f"echo > {canary}"),
        "exec": Gadget(exec, f"open({canary!r}, 'w')"),
        "open": Gadget(open, canary, "w"),
        "popen": Gadget(subprocess.call, ["touch", canary]),
        "getattr": Gadget(getattr, Gadget(open, canary, "w"), "close"),
    }


def archive(pickled: bytes, **options) -> bytes:
    """An archive as torch.save writes them, with this for its pickle."""
    import torch

    out, real = io.BytesIO(), io.BytesIO()
    torch.save({"state_dict": {"w": torch.zeros(4)}}, real)
    with zipfile.ZipFile(real) as source, zipfile.ZipFile(out, "w", **options) as target:
        for name in source.namelist():
            target.writestr(name, pickled if name.endswith("data.pkl") else source.read(name))
    return out.getvalue()


def legacy(gadget: Gadget) -> bytes:
    """What torch.save wrote before archives."""
    magic = [0x1950A86A20F9469CFC6C, 1001, {"protocol_version": 1001, "little_endian": True}]
    return b"".join(pickle.dumps(part, 2) for part in (*magic, gadget, []))


def tar(gadget: Gadget) -> bytes:
    out, pickled = io.BytesIO(), pickle.dumps(gadget, 2)
    with tarfile.open(fileobj=out, mode="w") as file:
        for name in ("sys_info", "pickle", "storages", "tensors"):
            entry = tarfile.TarInfo(name)
            entry.size = len(pickled)
            file.addfile(entry, io.BytesIO(pickled))
    return out.getvalue()


def numpy_archive(gadget: Gadget) -> bytes:
    out = io.BytesIO()
    np.savez(out, weights=np.array([gadget, None], object), allow_pickle=True)
    return out.getvalue()


FORMS = {
    **{f"pickle-{protocol}": lambda gadget, p=protocol: pickle.dumps(gadget, p) for protocol in (0, 2, 4, 5)},
    "archive": lambda gadget: archive(pickle.dumps({"state_dict": gadget}, 2)),
    "archive-4": lambda gadget: archive(pickle.dumps({"state_dict": gadget}, 4)),
    "legacy": legacy,
    "tar": tar,
    "numpy-archive": numpy_archive,
}


@pytest.fixture
def load():
    """Read a checkpoint from bytes."""
    pytest.importorskip("torch")
    from denoise_ae.training.fitting.checkpoint import load_checkpoint

    def load(data: bytes):
        Path("evil.ckpt").write_bytes(data)
        return load_checkpoint(Path("evil.ckpt"))

    return load


def assert_refused(load, data: bytes, phrase: str) -> None:
    with pytest.raises(TrainingError, match=phrase) as caught:
        load(data)
    assert "evil.ckpt" in caught.value.message
    assert caught.value.hint
    assert "\n" not in caught.value.message + caught.value.hint


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("call", calls(""))
def test_code_in_a_checkpoint_does_not_run(place, load, form, call):
    assert_refused(load, FORMS[form](calls("canary")[call]), "not a checkpoint that can be trusted")
    assert not Path("canary").exists()


def test_the_gadgets_work_where_nothing_stops_them(place):
    for number, gadget in enumerate(calls("").keys()):
        pickle.loads(pickle.dumps(calls(f"canary{number}")[gadget]))
    found = subprocess.run(["ls"], capture_output=True, text=True, check=True).stdout
    assert found.count("canary") >= 4


def claims_more() -> bytes:
    """An archive whose entries all are the same megabyte."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        file.writestr("archive/data/0", bytes(1 << 20))
        for number in range(1, 2000):
            entry = copy(file.filelist[0])
            entry.filename = f"archive/data/{number}"
            file.filelist.append(entry)
            file.NameToInfo[entry.filename] = entry
    return out.getvalue()


def safetensors() -> bytes:
    header = json.dumps({"w": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}}).encode()
    return (2**60).to_bytes(8, "little") + header + bytes(16)


@pytest.mark.parametrize(
    ("make", "phrase"),
    [
        (lambda: archive(bytes(200 << 20), compression=zipfile.ZIP_DEFLATED, compresslevel=1), "compressed"),
        (claims_more, "more than it holds"),
        (safetensors, "not a zip file"),
        (lambda: b"\x1f\x8b" + bytes(1000), "not a zip file"),
        (lambda: b"", "not a zip file"),
        (lambda: archive(b"")[:-30], "not a zip file"),
        (lambda: archive(b""), "trusted"),
        (lambda: archive(pickle.dumps([[]], 2)), "not a checkpoint of denoise-ae"),
        (lambda: archive(pickle.dumps({"denoise_ae": 5, "state_dict": []}, 2)), "not a checkpoint of denoise-ae"),
    ],
)
def test_what_is_no_checkpoint_is_refused(place, load, make, phrase):
    assert_refused(load, make(), phrase)


def test_a_recipe_of_a_huge_network_takes_no_memory(place, load):
    import torch

    recipe = {"network": {"type": "conv", "widths": [4096, 4096, 4096]}}
    out = io.BytesIO()
    raw = {"denoise_ae": {"recipe": recipe, "folders": []}, "state_dict": {}, "global_step": 1, "epoch": 0}
    torch.save(raw, out)
    checkpoint = load(out.getvalue())
    with pytest.raises(TrainingError, match="do not fit"):
        checkpoint.network()


@pytest.mark.parametrize("words", [["export"], ["train", "--from"], ["train", "--resume"]])
def test_the_command_line_says_so_in_one_line(run, words):
    pytest.importorskip("torch")
    Path("evil.ckpt").write_bytes(pickle.dumps(calls("canary")["open"]))
    status, output, errors = run(*words, "evil.ckpt")
    assert (status, output) == (1, "")
    assert is_refusal(errors)
    assert not Path("canary").exists()


# Models, training data and recipes


@pytest.mark.skipif(sys.platform == "win32", reason="makes links")
@pytest.mark.parametrize("name", MODELS)
def test_training_starts_from_no_model_that_means_harm(place, name):
    pytest.importorskip("torch")
    from denoise_ae.training.fitting.pretrained import load_pretrained

    folder = place / "work"
    folder.mkdir()
    (folder / "evil.onnx").write_bytes(MODELS[name][0](folder))
    with pytest.raises(DenoiseError, match="evil") as caught:
        load_pretrained(str(folder / "evil.onnx"))
    assert "\n" not in caught.value.message + caught.value.hint


def test_digits_that_grow_without_end_are_refused(place, monkeypatch):
    from denoise_ae.training.data import mnist

    monkeypatch.setattr(mnist, "LARGEST", 1_000_000)
    Path("train-images-idx3-ubyte.gz").write_bytes(gzip.compress(bytes(20 << 20)))
    with pytest.raises(TrainingError, match="more than 1000000 bytes"):
        mnist.read_idx(Path("train-images-idx3-ubyte.gz"))


@pytest.mark.parametrize(
    "text",
    [
        "a = " + "[" * 20_000,
        "a = " + "{b = " * 20_000,
        "seed = " + "9" * 10_000,
        "#" * 10**6,
        ".".join("a" * 2_000) + " = 1",
        "name = '../../sly'",
        "\0\1\2\xff",
        "[training]\nlearning_rate = nan",
        "[network]\nwidths = [1000000, 1000000, 1000000]",
        "[network]\nlatent = 1000000000000",
    ],
    ids=lambda text: text[:25],
)
def test_a_recipe_that_means_harm_is_wrong_usage(run, text):
    pytest.importorskip("torch")
    Path("evil.toml").write_text(text, encoding="latin-1")
    status, _, errors = run("train", "--recipe", "evil.toml")
    assert status == 2
    assert is_refusal(errors)
    assert len(errors) < 1000
