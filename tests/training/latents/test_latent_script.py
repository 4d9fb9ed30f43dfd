"""What codes are worth: `train/bench/latent.py` on MNIST look-alikes; bytes can be unpacked, and curves fall."""

import io
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from idx_files import digits, write_mnist
from PIL import Image

pytest.importorskip("sklearn")
pytest.importorskip("torch")

from small_runs import NETWORKS, save_checkpoint
from tiny import codec_card, coding

from denoise_ae.errors import ModelError, PackageError
from denoise_ae.training.latents.features import check_model, fit_components

SCRIPTS = Path(__file__).parents[3] / "train" / "bench"
RANDOM = np.random.default_rng(0)
PICTURES, _ = digits(40, 5)


@pytest.fixture
def curves(monkeypatch):
    """What the script imports, as a module."""
    monkeypatch.syspath_prepend(SCRIPTS)
    import latent_curves

    return latent_curves


@pytest.mark.parametrize("scale", [0, 0.01, 1, 30, 1000, 1e5])
def test_packed_codes_can_be_unpacked(curves, scale):
    codes = (RANDOM.standard_normal((500, 7)) * scale + 3).astype(np.float32)
    steps = np.linspace(0.5, 2, 7, dtype=np.float32)
    whole = curves.round_codes(codes, steps)
    assert np.abs(whole * steps - codes).max() <= steps.max() / 2 * 1.01
    found, found_steps = curves.unpack(curves.pack(whole, steps))
    assert np.array_equal(found, whole)
    assert np.array_equal(found_steps, steps)


def test_packing_comes_near_to_what_a_code_holds(curves):
    """Rounded normal numbers of deviation 4 hold 4.05 bits each; packed as bytes they would take 8."""
    whole = np.rint(RANDOM.standard_normal((20_000, 3)) * 4).astype(np.int32)
    _, counts = np.unique(whole, return_counts=True)
    shares = counts / counts.sum()
    entropy = -(shares * np.log2(shares)).sum()
    bits = 8 * len(curves.pack(whole, np.ones(3, np.float32))) / whole.size
    assert entropy <= bits < 1.05 * entropy


def test_what_never_changes_takes_next_to_nothing(curves):
    assert len(curves.pack(np.full((10_000, 1), 7, np.int32), np.ones(1, np.float32))) < 50
    assert curves.spread_of(np.zeros((3, 2), np.float32)).tolist() == [1, 1]


@pytest.mark.parametrize("together", [True, False])
def test_curves_are_those_of_files_that_can_be_read(curves, together):
    png, webp = curves.png_curve(PICTURES, together=together), curves.webp_curve(PICTURES, together=together)
    for curve in (png, webp):
        assert curve[-1][0] > 60, "all grays, or without loss"
        assert len({size for _, size in curve}) > 3
    buffer = io.BytesIO()
    Image.fromarray(curves.as_sheet(PICTURES) if together else PICTURES[0]).save(buffer, "PNG", optimize=True)
    assert png[-1][1] == pytest.approx(buffer.tell() / (len(PICTURES) if together else 1), rel=0.1)
    assert curves.cheapest(png, 0) <= curves.cheapest(png, 40) <= curves.cheapest(png, 99)
    assert curves.cheapest(png, 101) == np.inf


def test_components_give_back_what_they_hold(curves):
    train, _ = digits(200, 6)
    components = fit_components(train, 300)
    clean = PICTURES / 255
    figures = [curves.mean_psnr(curves.project(components, PICTURES, count), clean) for count in (1, 3, 8)]
    assert figures == sorted(figures) and figures[-1] > figures[0] + 3
    curve = curves.component_curve(components, PICTURES)
    assert curve[-1][0] > curve[0][0] and curve[-1][1] > curve[0][1]


@pytest.fixture
def script(place):
    """Run the script on look-alikes, as a user does; gives (exit status, stdout, stderr)."""
    write_mnist(place / "mnist")

    def run(*words):
        command = [sys.executable, SCRIPTS / "latent.py", "--mnist", "mnist", "--threads", "1", *map(str, words)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        return done.returncode, done.stdout, done.stderr

    return run


def test_a_table_and_a_chart(script, place, network):
    save_checkpoint(place / "run.ckpt", NETWORKS["dense"])
    status, out, err = script(network("codec"), "run.ckpt", "--limit", 30, "--chart", "a.svg")
    assert status == 0, err
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in out.splitlines() if line.startswith("|")]
    assert rows[0][:2] == ["model", "numbers"] and len(rows) == 4
    assert [row[:2] for row in rows[2:]] == [["codec", "4"], ["run.ckpt", "64"]]
    assert all(len(row) == len(rows[0]) for row in rows)
    exact, pca, coded, size = map(float, rows[2][2:6])
    assert exact - 0.11 < coded and pca > 5
    assert size * 30 > 4 * 30 * 0.1
    assert "30 of MNIST's test digits" in out and "entropy-coded by zlib" in out
    assert b"<svg" in (place / "a.svg").read_bytes()


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["photo"], 1, "no latent code"),
        (["a/codec.onnx", "b/codec.onnx"], 1, "called codec too"),
        (["empty"], 1, "no checkpoint there"),
        (["digits", "--chart", "a.txt"], 2, "end it with .png or .svg"),
    ],
)
def test_bad_words_are_one_line_and_a_hint(script, place, words, status, message):
    for name in ("a/codec.onnx", "b/codec.onnx"):
        (place / name).parent.mkdir()
        (place / name).write_bytes(coding(codec_card()).SerializeToString())
    (place / "empty").mkdir()
    ended, out, err = script(*words)
    assert (ended, out) == (status, ""), err
    assert message in err and "Traceback" not in err


def test_a_model_of_other_pictures_is_refused():
    for card in (codec_card(), replace(codec_card(), channels=3), replace(codec_card(), fixed_size=(14, 56))):
        codec = SimpleNamespace(card=card, cell=card.fixed_size)
        if card == codec_card():
            check_model("mine", codec, PICTURES)
            continue
        with pytest.raises(ModelError, match="does not encode gray pictures of 28 x 28"):
            check_model("mine", codec, PICTURES)


def test_without_scikit_learn_it_says_what_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.decomposition", None)
    with pytest.raises(PackageError, match="scikit-learn, which is not installed") as caught:
        fit_components(PICTURES, 8)
    assert "denoise-ae[features]" in caught.value.hint
