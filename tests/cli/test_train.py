"""``train`` and ``export`` as a user types them, from MNIST look-alikes or pictures to a cleaned file."""

import io
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

pytest.importorskip("torch")

from idx_files import write_mnist
from PIL import Image

from denoise_ae.cli import main
from denoise_ae.cli.show.training_view import TrainingView
from denoise_ae.imagefiles import images


def run(*words, folder, timeout=120):
    return subprocess.run(
        [sys.executable, "-m", "denoise_ae", *map(str, words)],
        cwd=folder,
        env={**os.environ, "DENOISE_AE_HOME": str(folder / "home"), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with MNIST look-alikes, pictures and one finished run on each."""
    folder = tmp_path_factory.mktemp("place")
    write_mnist(folder / "mnist")
    (folder / "pictures").mkdir()
    rng = np.random.default_rng(0)
    for i in range(4):
        pixels = np.kron(rng.integers(0, 256, (10, 12, 3)), np.ones((8, 8, 1))).astype(np.uint8)
        Image.fromarray(pixels).save(folder / "pictures" / f"{i}.jpg", quality=95)
    return folder


@pytest.fixture(scope="module")
def digits_run(place):
    return run("train", "--noise", "0.3", "--data", "mnist", "--epochs", 2, folder=place)


def test_train_with_noise_alone_trains_the_digits_autoencoder(digits_run, place):
    assert digits_run.returncode == 0, digits_run.stderr
    assert digits_run.stdout == ""
    for word in (
        "conv on mnist",
        "gaussian, sigma 76.5 of 255 (0.3)",
        "2 epochs, ",
        "epoch 2/2",
        "PSNR",
        "samples/s",
        "denoise-ae export runs",
    ):
        assert word in digits_run.stderr
    (folder,) = (place / "runs").glob("digits-*")
    names = {path.name for path in folder.iterdir()}
    pictures = {"codes.png", "loss.png", "samples.png", "walk.png"}
    assert names == {"checkpoints", "environment.json", "metrics.csv", "recipe.toml", *pictures}
    for name in pictures:
        assert images.read_image(folder / name).pixels.std() > 10, name


@pytest.fixture(scope="module")
def digits_model(digits_run, place):
    return run("export", folder=place)


def test_export_with_nothing_else_and_clean_with_it(digits_model, place):
    assert digits_model.returncode == 0, digits_model.stderr
    assert (place / "digits.onnx").exists() and (place / "digits.json").exists()
    noisy = np.random.default_rng(0).integers(0, 256, (28, 56), dtype=np.uint8)
    Image.fromarray(noisy).save(place / "noisy.png")
    done = run("clean", "noisy.png", "-o", "clean.png", "--model", "digits.onnx", folder=place)
    assert done.returncode == 0, done.stderr
    cleaned = images.read_image(place / "clean.png").pixels
    assert cleaned.shape == noisy.shape
    assert not np.array_equal(cleaned, noisy)
    again = run("export", folder=place)
    assert again.returncode == 1
    assert "digits.onnx" in again.stderr and "--overwrite" in again.stderr


def test_train_goes_on_from_an_exported_model(digits_model, place):
    words = ["--noise", "0.2", "--data", "mnist", "--steps-per-epoch", 1, "--epochs", 1, "--name", "further"]
    done = run("train", "--from", "digits.onnx", *words, folder=place)
    assert done.returncode == 0, done.stderr
    assert (
        "starting from digits (sha256 " in done.stderr
        and "gaussian, sigma 51 of 255 (0.2), clipped to [0, 1]; 1 epoch, 1 step; in" in done.stderr
    )
    assert "starting fresh" not in done.stderr
    (folder,) = (place / "runs").glob("further-*")
    done = run("export", folder, "-o", "further.onnx", folder=place)
    assert done.returncode == 0, done.stderr
    assert "from digits (sha256 " in json.loads((place / "further.json").read_text())["recipe"]


def test_photographs_train_and_resume_from_the_command_line(place):
    words = ["--data", "pictures", "--noise", "0.1", "--steps-per-epoch", 2, "--batch", 2, "--patch", 32]
    helped = ["--teacher", "photo-gaussian", "--workers", 1]
    done = run("train", *words, *helped, "--epochs", 1, "--name", "mine", folder=place)
    assert done.returncode == 0, done.stderr
    (folder,) = (place / "runs").glob("mine-*")
    done = run("train", "--resume", folder, "--epochs", 2, folder=place)
    assert done.returncode == 0, done.stderr
    assert "resuming after step 2" in done.stderr
    assert "epoch 2/2" in done.stderr and "epoch 1/2" not in done.stderr
    done = run("export", folder, "-o", "photo.onnx", "--name", "elsewhere", folder=place)
    assert done.returncode == 0, done.stderr
    done = run("clean", "pictures/0.jpg", "-o", "cleaned.jpg", "--model", "photo.onnx", folder=place)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT to send to one process")
def test_ctrl_c_leaves_a_checkpoint_and_says_how_to_go_on(place):
    words = ["train", "--data", "pictures", "--noise", "0.1", "--batch", "1", "--patch", "16", "--name", "stopped"]
    process = subprocess.Popen(
        [sys.executable, "-m", "denoise_ae", *words],
        cwd=place,
        stderr=subprocess.PIPE,
        text=True,
    )
    lines = []
    for line in process.stderr:
        lines.append(line)
        if line.startswith("training"):
            time.sleep(1)
            process.send_signal(signal.SIGINT)
            break
    rest = process.communicate(timeout=60)[1]
    assert process.returncode == 130, rest
    assert "stopped at step" in rest and "denoise-ae train --resume" in rest and "Traceback" not in rest
    (folder,) = (place / "runs").glob("stopped-*")
    done = run("export", folder, "-o", "stopped.onnx", folder=place)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["--noise", "-1"], 2, "not a level of noise"),
        (["--noise", "nan"], 2, "not a level of noise"),
        (["--noise", "0.3", "--noise-type", "fog"], 2, "fog"),
        (["--noise", "2", "--noise-type", "mask", "--data", "mnist"], 2, "out of range"),
        (["--data", "nowhere"], 1, "nowhere"),
        (["--data", "empty"], 1, "no picture to train on"),
        (["--data", "small"], 1, "smaller than a patch"),
        (["--recipe", "nowhere.toml"], 2, "nowhere.toml"),
        (["--recipe", "odd.toml"], 2, "training.epoch: unknown key"),
        (["--epochs", "0"], 2, "training.epochs"),
        (["--network", "unet", "--data", "mnist"], 2, "photographs are for the unet"),
        (["--resume", "nowhere"], 1, "nowhere"),
        (["--resume", "evil.ckpt"], 1, "evil.ckpt"),
        (["--resume", "runs", "--noise", "0.3"], 2, "its own recipe"),
        (["--resume", "runs", "--from", "photo"], 2, "its own recipe"),
        (["--from", "evil.ckpt"], 1, "evil.ckpt"),
        (["--from", "nowhere.onnx"], 1, "nowhere.onnx"),
        (["--from", "nobody"], 1, "no model named nobody"),
        (["--from", "digits.onnx", "--latent", "7"], 2, "network.latent is 7"),
        (["--from", "digits.onnx", "--recipe", "photo.toml"], 2, "network.type is unet"),
        (["--logger", "wandb"], 2, "wandb"),
        (["--beta", "2", "--data", "mnist"], 2, "beta is for the vae"),
        (["--beta", "-1", "--network", "vae", "--data", "mnist"], 2, "training.beta"),
        (["--latent", "0", "--network", "vae", "--data", "mnist"], 2, "network.latent"),
        (["--skip", "--network", "vae", "--data", "mnist"], 2, "a vae has no skip connections"),
        (["--accelerator", "quantum", "--data", "mnist"], 2, "quantum"),
        (["--data", "pictures", "--patch", "16", "--teacher", "nowhere.onnx"], 1, "nowhere.onnx"),
        (["--data", "pictures", "--patch", "16", "--teacher", "photo"], 1, "photo can't teach"),
        (["--teacher", "photo", "--data", "mnist"], 2, "teacher is for a unet"),
    ],
)
def test_bad_input_is_one_line_and_a_hint(digits_model, place, words, status, message, monkeypatch, capsys):
    """In this process, since importing torch sixteen times takes minutes."""
    (place / "empty").mkdir(exist_ok=True)
    (place / "small").mkdir(exist_ok=True)
    Image.fromarray(np.zeros((20, 20, 3), np.uint8)).save(place / "small" / "a.png")
    (place / "odd.toml").write_text("[training]\nepoch = 3\n")
    (place / "photo.toml").write_text('[network]\ntype = "unet"\n[data]\nkind = "photos"\n')
    (place / "evil.ckpt").write_bytes(b"cos\nsystem\n(S'touch evil-was-here'\ntR.")
    monkeypatch.chdir(place)
    with pytest.raises(SystemExit) as end:
        main(["train", *words])
    shown = capsys.readouterr()
    assert end.value.code == status, shown.err
    assert message in shown.err
    assert shown.out == ""
    assert sum(line.startswith("error:") for line in shown.err.splitlines()) == 1
    assert not (place / "evil-was-here").exists()


def test_export_without_a_run(tmp_path):
    done = run("export", folder=tmp_path)
    assert done.returncode == 1
    assert "no run" in done.stderr and "denoise-ae train" in done.stderr


def test_one_bad_picture_does_not_stop_training(place):
    mixed = place / "mixed"
    mixed.mkdir()
    (mixed / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 cut")
    (mixed / "good.jpg").write_bytes((place / "pictures" / "0.jpg").read_bytes())
    words = ["--noise", "0.1", "--steps-per-epoch", 1, "--batch", 1, "--patch", 16, "--epochs", 1, "--name", "mixed"]
    done = run("train", "--data", "mixed", *words, folder=place)
    assert done.returncode == 0, done.stderr
    assert "left out" in done.stderr and "broken.jpg" in done.stderr


class Terminal(io.StringIO):
    """A stderr that says it is a terminal."""

    def isatty(self):
        return True


@pytest.mark.parametrize("stream", [io.StringIO, Terminal])
def test_a_download_is_shown(stream, monkeypatch):
    """MNIST is fetched on first use: people must see that, with a bar or without."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("sys.stderr", stream())
    with TrainingView(quiet=False) as view:
        view.on_download("train-images-idx3-ubyte.gz", 4_000_000, 9_912_422)
        view._bar.refresh()
        shown = view._console.file.getvalue()
    assert shown.count("fetching train-images-idx3-ubyte.gz") >= 1
    assert ("4.0 of 9.9 MB" in shown) == (stream is Terminal)


def test_a_variational_one_trains_in_half_precision_draws_new_digits_and_is_exported(place):
    words = ["--network", "vae", "--latent", 3, "--beta", 0.5, "--noise", 0, "--steps-per-epoch", 4, "--epochs", 2]
    done = run("train", *words, "--data", "mnist", "--name", "draws", "--precision", "bf16-mixed", folder=place)
    assert done.returncode == 0, done.stderr
    (folder,) = (place / "runs").glob("draws-*")
    for name in ("codes.png", "drawn.png", "walk.png"):
        assert images.read_image(folder / name).pixels.std() > 10, name
    recipe = (folder / "recipe.toml").read_text()
    assert "beta = 0.5" in recipe and "latent = 3" in recipe
    done = run("export", folder, "-o", "draws.onnx", folder=place)
    assert done.returncode == 0, done.stderr
    assert {key: json.loads((place / "draws.json").read_text())[key] for key in ("latent", "variational")} == {
        "latent": 3,
        "variational": True,
    }
    done = run("generate", "-n", 9, "-o", "grid.png", "--model", "draws.onnx", folder=place)
    assert done.returncode == 0, done.stderr
    assert images.read_image(place / "grid.png").pixels.shape == (84, 84)
