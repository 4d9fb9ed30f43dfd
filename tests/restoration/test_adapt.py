"""What `clean --adapt` fits to a picture, and what comes of it."""

import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from scenes import noise, scene

from denoise_ae import Denoiser, UsageError, clean_file
from denoise_ae.imagefiles import images
from denoise_ae.measure.benchmark import methods
from denoise_ae.measure.metrics import psnr
from denoise_ae.noise.profile import measure_noise
from denoise_ae.restoration.adapt import FACTORS, best_factor, measured_level


@pytest.fixture(scope="module")
def photo():
    return Denoiser("photo", threads=2)


def shot():
    """Soft noise on a soft picture, stronger than the model takes it for; and the clean picture."""
    picture = scene(384)
    return (picture + noise(4, 8, 1.4, 0.6, side=384)).clip(0, 1).astype(np.float32), picture


@pytest.mark.parametrize("wanted", FACTORS)
def test_the_best_factor_is_the_one_whose_result_is_nearest_to_the_clean_picture(wanted):
    """A network that blends with the clean picture, and is right at one factor alone."""
    clean = np.full((4, 3, 64, 64), 0.5, np.float32)
    noisy = clean + np.random.default_rng(0).normal(0, 0.05, clean.shape).astype(np.float32)
    parts = list(noisy.transpose(0, 2, 3, 1))
    model = measure_noise(parts)
    assert model is not None
    assert measured_level(model, parts) == pytest.approx(0.05, rel=0.1)

    def restore(pictures, factor):
        left = abs(np.log2(factor / wanted))
        return clean + left * (pictures - clean)

    assert best_factor(restore, parts, model) == wanted


def test_a_shot_that_the_model_takes_too_little_from_gains(photo):
    noisy, clean = shot()
    factor = photo.fit_factor(noisy)
    assert factor > 1
    plain, adapted = photo.restore(noisy), photo.restore(noisy, factor=factor)
    assert adapted.sigma == pytest.approx(factor * plain.sigma, rel=1e-3)
    assert psnr(adapted.pixels, clean) > psnr(plain.pixels, clean) + 0.2
    assert (photo.clean(noisy, adapt=True) == adapted.pixels).all()
    assert (methods({"photo": photo}, adapt=True)["photo"](noisy, None) == adapted.pixels).all()


def test_white_noise_that_the_model_knows_stays_as_it_was(photo):
    picture = scene(384)
    noisy = (picture + noise(6, 20, side=384)).clip(0, 1).astype(np.float32)
    plain, adapted = photo.clean(noisy), photo.clean(noisy, adapt=True)
    assert psnr(adapted, picture) > psnr(plain, picture) - 0.1


@pytest.mark.parametrize(
    "picture",
    [
        np.full((200, 200, 3), 90, np.uint8),
        np.full((3, 5), 90, np.uint8),
        np.zeros((64, 64, 4), np.uint8),
        np.random.default_rng(0).integers(0, 256, (40, 300, 3), np.uint8),
        np.random.default_rng(0).integers(0, 65536, (90, 70), np.uint16),
    ],
    ids=["constant", "tiny", "hidden", "noise", "gray"],
)
def test_any_picture_comes_back_in_its_shape(photo, picture):
    result = photo.clean(picture, adapt=True)
    assert result.shape == picture.shape and result.dtype == picture.dtype
    if picture.max() == picture.min():
        assert (result == picture).all()


def test_what_leaves_nothing_to_adapt_is_refused(photo):
    with pytest.raises(UsageError, match="nothing to adapt"):
        photo.clean(np.zeros((32, 32), np.uint8), 10, adapt=True)
    with pytest.raises(UsageError, match="photo-gaussian estimates no noise level"):
        Denoiser("photo-gaussian").fit_factor(np.zeros((32, 32), np.uint8))


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "denoise_ae", "clean", *map(str, arguments)], capture_output=True, text=True, check=False
    )


def test_the_command_and_the_function_do_the_same(tmp_path, photo):
    noisy, _ = shot()
    pixels = np.rint(255 * noisy).astype(np.uint8)
    for name in ("a.png", "b.png"):
        Image.fromarray(pixels).save(tmp_path / name)
    done = run(tmp_path / "a.png", tmp_path / "b.png", "-o", f"{tmp_path}/out/", "--adapt", "--json")
    assert done.returncode == 0, done.stderr
    wanted = photo.clean(pixels, adapt=True)
    for name in ("a.png", "b.png"):
        assert (images.read_image(tmp_path / "out" / name).pixels == wanted).all()
    told = json.loads(done.stdout.splitlines()[0])
    assert told["sigma"] > photo.restore(pixels).sigma
    found = clean_file(tmp_path / "a.png", tmp_path / "c.png", adapt=True)
    assert found.sigma == pytest.approx(told["sigma"], abs=0.005)  # as it is printed


def test_an_animation_keeps_the_factor_of_its_first_frame(tmp_path, photo, monkeypatch):
    asked = []

    def fit(self, image):
        asked.append(image.shape)
        return 1.0

    monkeypatch.setattr(Denoiser, "fit_factor", fit)
    frames = [Image.fromarray(np.full((20, 20, 3), value, np.uint8)) for value in (10, 90, 200)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:], duration=50)
    clean_file(tmp_path / "a.gif", tmp_path / "b.gif", photo, adapt=True)
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [(["--sigma", "10"], "nothing to --adapt"), (["--model", "digits"], "estimates no noise level")],
)
def test_the_command_refuses_with_a_hint(tmp_path, options, words):
    Image.fromarray(np.zeros((28, 28), np.uint8)).save(tmp_path / "a.png")
    done = run(tmp_path / "a.png", "-o", tmp_path / "b.png", "--adapt", *options)
    assert done.returncode in (1, 2) and words in done.stderr and "hint" in done.stderr
    assert not (tmp_path / "b.png").exists()
