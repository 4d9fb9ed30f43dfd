"""`clean_file`: the promises of the command line for one file, as a function."""

import dataclasses
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny import pattern

from denoise_ae import (
    DenoiseError,
    Denoiser,
    DeviceError,
    ImageError,
    ModelError,
    OutputError,
    UsageError,
    clean_file,
)


@pytest.fixture(scope="module")
def denoiser(network) -> Denoiser:
    return Denoiser(network("told"), threads=1)


@pytest.fixture
def picture(place) -> Path:
    path = Path("a.png")
    Image.fromarray(pattern(20, 30)).save(path)
    return path


def pixels(path: str | Path) -> np.ndarray:
    return np.asarray(Image.open(path))


class TestResult:
    def test_it_lies_beside_the_picture_and_says_what_was_done(self, picture, denoiser):
        done = clean_file(picture, model=denoiser)
        assert (done.output, done.megapixels) == (Path("a-clean.png"), 0.0006)
        assert (done.little_noise, done.warnings) == (False, ())
        assert done.sigma > 5
        assert np.array_equal(pixels(done.output), denoiser.clean(pixels(picture)))
        with pytest.raises(dataclasses.FrozenInstanceError):
            done.sigma = 0

    def test_names_may_be_text_a_folder_or_what_is_a_stream_elsewhere(self, picture, denoiser):
        Path("out").mkdir()
        assert clean_file("a.png", "out", denoiser).output == Path("out/a.png")
        assert clean_file("./a.png", f"new{os.sep}", denoiser).output == Path("new/a.png")
        picture.rename("-")
        assert clean_file("-", "b.png", denoiser).output == Path("b.png")
        with pytest.raises(ImageError, match="no such file"):
            clean_file("gone.png", "-", denoiser)

    def test_a_model_may_be_a_file(self, picture, network, denoiser):
        clean_file(picture, "one.png", network("told"), threads=1)
        clean_file(picture, "two.png", denoiser)
        assert Path("one.png").read_bytes() == Path("two.png").read_bytes()

    def test_options(self, picture, denoiser):
        os.utime(picture, (1_000_000_000, 1_000_000_000))
        done = clean_file(picture, "b", denoiser, sigma=12, file_format="jpg", quality=80, keep_time=True)
        assert (done.output, done.sigma) == (Path("b"), 12)
        assert Image.open("b").format == "JPEG"
        assert Path("b").stat().st_mtime == 1_000_000_000
        clean_file(picture, "same.png", denoiser, strength=0)
        assert np.array_equal(pixels("same.png"), pixels(picture))

    def test_warnings(self, picture, denoiser):
        picture.rename("a.jpg")
        (warning,) = clean_file("a.jpg", model=denoiser).warnings
        assert "PNG" in warning

    def test_what_exists(self, picture, denoiser):
        Image.fromarray(pattern(5, 5)).save("b.png")
        before = Path("b.png").read_bytes()
        with pytest.raises(OutputError, match=r"b\.png: exists already"):
            clean_file(picture, "b.png", denoiser)
        assert Path("b.png").read_bytes() == before
        clean_file(picture, "b.png", denoiser, overwrite=True)
        assert pixels("b.png").shape == (20, 30, 3)
        before = picture.read_bytes()
        with pytest.raises(OutputError, match="the input itself"):
            clean_file(picture, picture, denoiser, overwrite=True)
        assert picture.read_bytes() == before
        assert clean_file(picture, model=denoiser, in_place=True).output == picture
        assert picture.read_bytes() == Path("b.png").read_bytes()


class TestErrors:
    @pytest.mark.parametrize(
        ("options", "kind", "said"),
        [
            ({"source": "gone.png"}, ImageError, "gone.png"),
            ({"source": "."}, ImageError, "folder"),
            ({"source": "text.png"}, ImageError, "text.png"),
            ({"source": "cut.png"}, ImageError, "cut.png"),
            ({"max_pixels": 599}, ImageError, "a.png"),
            ({"output": "b.docx"}, DenoiseError, "docx"),
            ({"output": "a.png/b.png"}, OutputError, "a.png"),
            ({"file_format": "docx"}, UsageError, "docx"),
            ({"quality": 0}, UsageError, "quality"),
            ({"strength": 2}, UsageError, "strength"),
            ({"sigma": -1}, UsageError, "noise level"),
            ({"sigma": float("nan")}, UsageError, "noise level"),
            ({"overwrite": True, "in_place": True}, UsageError, "in_place"),
            ({"tile": 64}, UsageError, "denoiser"),
            ({"model": "no-such-model"}, ModelError, "no-such-model"),
            ({"model": "no-such-file.onnx"}, ModelError, "no-such-file.onnx"),
            ({"model": "file", "device": "abacus"}, DeviceError, "abacus"),
        ],
    )
    def test_each_has_its_type_and_leaves_nothing(self, picture, denoiser, network, options, kind, said):
        Path("text.png").write_text("no picture")
        Path("cut.png").write_bytes(picture.read_bytes()[:300])
        before = {path.name: path.read_bytes() for path in Path().iterdir()}
        words = {"source": picture, "output": "out.png", "model": denoiser} | options
        if words["model"] == "file":
            words["model"] = network("told")
        if words.get("in_place"):
            words["output"] = None
        with pytest.raises(kind, match=said) as raised:
            clean_file(**words)
        assert raised.value.message.count("\n") == 0
        assert {path.name: path.read_bytes() for path in Path().iterdir()} == before

    def test_a_level_for_a_model_that_takes_none(self, picture, network):
        with pytest.raises(UsageError, match="takes no noise level"):
            clean_file(picture, model=network("rgb"), sigma=10, threads=1)
