"""``denoise-ae features`` as a user types it, on MNIST look-alikes."""

import json

import numpy as np
import pytest
from idx_files import idx_bytes, write_mnist

pytest.importorskip("sklearn")

from denoise_ae.imagefiles import images


@pytest.fixture
def mnist(place):
    write_mnist(place / "mnist")
    return place / "mnist"


def test_probes_are_listed_and_the_map_is_drawn(run, place, mnist, network):
    words = ["features", "mnist", "--model", network("codec"), "--threads", 1]
    status, out, err = run(*words, "-o", "map.png")
    assert (status, err) == (0, "")
    lines = [line.split() for line in out.splitlines() if line.strip()]
    assert lines[0] == ["features", "numbers", "accuracy"]
    assert [" ".join(line[:-2]) for line in lines[1:]] == ["codes of codec", "raw pixels", "PCA-64"]
    assert [line[-2] for line in lines[1:]] == ["4", "784", "64"]
    assert [line[-1] for line in lines[1:]] == ["100.00%"] * 3, "ten look-alikes are told apart with ease"
    assert images.read_image(place / "map.png").pixels.std() > 10
    status, out, err = run(*words, "-o", "map.png")
    assert status == 1 and "map.png: exists already" in err
    status, out, _ = run(*words, "--json", "--limit", 100)
    found = json.loads(out)
    assert status == 0 and (found["training"], found["test"]) == (100, 64)
    assert [probe["numbers"] for probe in found["probes"]] == [4, 784, 64]


def test_labels_that_say_nothing_can_not_be_learnt(run, place, mnist, network):
    name = "t10k-labels-idx1-ubyte"
    (mnist / f"{name}.gz").unlink()
    (mnist / name).write_bytes(idx_bytes(np.random.default_rng(0).integers(0, 10, 64)))
    status, out, _ = run("features", "mnist", "--model", network("codec"), "--json", "--quiet")
    assert status == 0
    assert all(probe["accuracy"] < 0.4 for probe in json.loads(out)["probes"])


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["nowhere"], 1, "nowhere: no such folder"),
        (["mnist", "--model", "photo"], 1, "no latent code"),
        (["mnist", "-o", "map.txt"], 2, "unsupported file format"),
        (["one"], 1, "all training pictures show the same digit"),
    ],
)
def test_bad_words_are_one_line_and_a_hint(run, place, mnist, words, status, message):
    (place / "one").mkdir()
    for prefix in ("train", "t10k"):
        (place / "one" / f"{prefix}-images-idx3-ubyte").write_bytes(idx_bytes(np.zeros((30, 28, 28), np.uint8)))
        (place / "one" / f"{prefix}-labels-idx1-ubyte").write_bytes(idx_bytes(np.zeros(30, np.uint8)))
    ended, out, err = run("features", *words)
    assert (ended, out) == (status, ""), err
    assert message in err and "hint: " in err and "Traceback" not in err
    assert not (place / "map.txt").exists()
