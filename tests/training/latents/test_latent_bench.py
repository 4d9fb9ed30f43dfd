"""What codes are worth: bytes that can be unpacked, curves that fall, and ``bench --latent`` as a user types it."""

import csv
import io
import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from idx_files import digits, write_mnist
from PIL import Image

pytest.importorskip("sklearn")
pytest.importorskip("torch")

from small_runs import NETWORKS, save_checkpoint
from tiny import codec_card, coding

from denoise_ae.errors import ModelError
from denoise_ae.training.latents.entropy import pack, round_codes, spread_of, unpack
from denoise_ae.training.latents.latent_bench import check
from denoise_ae.training.latents.rates import (
    as_sheet,
    cheapest,
    component_curve,
    fit_components,
    mean_psnr,
    png_curve,
    project,
    webp_curve,
)

RANDOM = np.random.default_rng(0)
PICTURES, _ = digits(40, 5)


@pytest.mark.parametrize("scale", [0, 0.01, 1, 30, 1000, 1e5])
def test_packed_codes_can_be_unpacked(scale):
    codes = (RANDOM.standard_normal((500, 7)) * scale + 3).astype(np.float32)
    steps = np.linspace(0.5, 2, 7, dtype=np.float32)
    whole = round_codes(codes, steps)
    assert np.abs(whole * steps - codes).max() <= steps.max() / 2 * 1.01
    found, found_steps = unpack(pack(whole, steps))
    assert np.array_equal(found, whole)
    assert np.array_equal(found_steps, steps)


def test_packing_comes_near_to_what_a_code_holds():
    """Rounded normal numbers of deviation 4 hold 4.05 bits each; packed as bytes they would take 8."""
    whole = np.rint(RANDOM.standard_normal((20_000, 3)) * 4).astype(np.int32)
    _, counts = np.unique(whole, return_counts=True)
    shares = counts / counts.sum()
    entropy = -(shares * np.log2(shares)).sum()
    bits = 8 * len(pack(whole, np.ones(3, np.float32))) / whole.size
    assert entropy <= bits < 1.05 * entropy


def test_what_never_changes_takes_next_to_nothing():
    assert len(pack(np.full((10_000, 1), 7, np.int32), np.ones(1, np.float32))) < 50
    assert spread_of(np.zeros((3, 2), np.float32)).tolist() == [1, 1]


@pytest.mark.parametrize("together", [True, False])
def test_curves_are_those_of_files_that_can_be_read(together):
    png, webp = png_curve(PICTURES, together=together), webp_curve(PICTURES, together=together)
    for curve in (png, webp):
        assert curve[-1][0] > 60, "all grays, or without loss"
        assert len({size for _, size in curve}) > 3
    buffer = io.BytesIO()
    Image.fromarray(as_sheet(PICTURES) if together else PICTURES[0]).save(buffer, "PNG", optimize=True)
    assert png[-1][1] == pytest.approx(buffer.tell() / (len(PICTURES) if together else 1), rel=0.1)
    assert cheapest(png, 0) <= cheapest(png, 40) <= cheapest(png, 99)
    assert cheapest(png, 101) == np.inf


def test_components_give_back_what_they_hold():
    train, _ = digits(200, 6)
    components = fit_components(train, 300)
    clean = PICTURES / 255
    figures = [mean_psnr(project(components, PICTURES, count), clean) for count in (1, 3, 8)]
    assert figures == sorted(figures) and figures[-1] > figures[0] + 3
    curve = component_curve(components, PICTURES)
    assert curve[-1][0] > curve[0][0] and curve[-1][1] > curve[0][1]


@pytest.fixture
def mnist(place):
    write_mnist(place / "mnist")
    return place / "mnist"


def test_a_table_a_chart_and_json(run, place, mnist, network):
    save_checkpoint(place / "run.ckpt", NETWORKS["dense"])
    words = ["--model", network("codec"), "--model", "run.ckpt", "--limit", 30, "--threads", 1]
    status, out, err = run("bench", "--latent", "mnist", *words, "--table", "a.md", "--chart", "a.svg")
    assert status == 0, err
    lines = [line.split() for line in out.splitlines() if line.strip()]
    assert lines[0][:2] == ["model", "numbers"]
    assert [line[:2] for line in lines[1:]] == [["codec", "4"], ["run.ckpt", "64"]]
    assert "one sheet of WebP" in err and "entropy-coded by zlib" in err
    table = (place / "a.md").read_text()
    rows = [row for row in csv.reader(table.splitlines(), delimiter="|") if len(row) > 5]
    assert len(rows) == 4 and "30 of MNIST's test digits" in table
    assert b"<svg" in (place / "a.svg").read_bytes()
    status, out, err = run("bench", "--latent", "mnist", *words, "--json", "--quiet")
    assert (status, err) == (0, "")
    results = json.loads(out)["results"]
    assert [result["latent"] for result in results] == [4, 64]
    first = results[0]
    assert first["psnr"] - 0.11 < first["coded_psnr"]
    assert f"{first['psnr']:.2f}" == rows[2][3].strip()
    assert first["code_bytes"] * 30 > 4 * 30 * 0.1
    assert first["model_bytes"] == network("codec").stat().st_size
    status, _, err = run("bench", "--latent", "mnist", *words, "--table", "a.md")
    assert status == 1 and "a.md: exists already" in err


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["--sigma", "25"], 2, "without noise"),
        (["--pairs"], 2, "without noise"),
        (["mnist"], 2, "too many folders"),
        (["--model", "photo"], 1, "no latent code"),
        (["--model", "a/codec.onnx", "--model", "b/codec.onnx"], 2, "called codec too"),
        (["--model", "empty"], 1, "no checkpoint there"),
        (["--chart", "a.txt"], 2, "this ending"),
    ],
)
def test_bad_words_are_one_line_and_a_hint(run, place, mnist, words, status, message):
    for name in ("a/codec.onnx", "b/codec.onnx"):
        (place / name).parent.mkdir()
        (place / name).write_bytes(coding(codec_card()).SerializeToString())
    (place / "empty").mkdir()
    ended, out, err = run("bench", "--latent", "mnist", *words)
    assert (ended, out) == (status, ""), err
    assert message in err and "Traceback" not in err and "hint: " in err


def test_a_model_of_other_pictures_is_refused():
    for card in (codec_card(), replace(codec_card(), channels=3), replace(codec_card(), fixed_size=(14, 56))):
        codec = SimpleNamespace(card=card, cell=card.fixed_size)
        if card == codec_card():
            check("mine", codec, PICTURES)
            continue
        with pytest.raises(ModelError, match="does not encode gray pictures of 28 x 28"):
            check("mine", codec, PICTURES)


def test_without_latent_a_folder_is_needed(run):
    status, _, err = run("bench")
    assert status == 2 and "no folder of pictures" in err


def test_without_scikit_learn_it_says_what_is_missing(run, place, mnist, network, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "sklearn.decomposition", None)
    status, _, err = run("bench", "--latent", "mnist", "--model", network("codec"))
    assert status == 1 and "scikit-learn, which is not installed" in err and "denoise-ae[features]" in err
