"""What is drawn comes back as it was; a network's own estimate is bounded where white noise can be measured."""

import json

import numpy as np
import pytest
from PIL import Image, ImageDraw

from denoise_ae import Denoiser
from denoise_ae.cli import main
from denoise_ae.modelfiles.graph import LARGEST_ESTIMATE
from denoise_ae.pixels.masked import MaskedImage
from denoise_ae.restoration.guard import find_drawn, measure_guard


def checkers(size=2, side=192):
    """Fields of `size` pixels in two colours, uint8."""
    y, x = np.mgrid[:side, :side] // size
    return np.where(((x + y) % 2)[..., None], np.uint8([40, 90, 150]), np.uint8([210, 200, 120]))


def dithered(side=192):
    """A gray ramp in black and white, its error diffused, as RGB."""
    ramp = Image.fromarray(np.tile(np.linspace(40, 215, side).astype(np.uint8), (side, 1)))
    return np.array(ramp.convert("1").convert("RGB"))


def page(side=192):
    """Lines of print on paper, uint8."""
    image = Image.new("RGB", (side, side), (250, 248, 240))
    for line in range(4, side - 12, 13):
        ImageDraw.Draw(image).text((4, line), "The quick brown fox, 0123456789", fill=(20, 20, 30))
    return np.array(image)


def shot(side=192):
    """A soft scene, uint8."""
    y, x = np.mgrid[:side, :side] / side
    return np.rint(np.stack([60 + 100 * x, 80 + 80 * y, 120 + 40 * np.sin(9 * x)], -1)).astype(np.uint8)


def noisy(picture, level, seed=0):
    noise = np.random.default_rng(seed).normal(0, level, picture.shape)
    return np.rint(picture + noise).clip(0, 255).astype(np.uint8)


def psnr(a, b):
    return 10 * np.log10(255**2 / np.square(a.astype(float) - b).mean())


@pytest.fixture(scope="module")
def denoiser():
    return Denoiser("photo", threads=2)


DRAWN = {"checkers": checkers, "dithered": dithered, "page": page}


@pytest.mark.parametrize("kind", DRAWN)
def test_what_is_drawn_comes_back_as_it_was(denoiser, kind):
    picture = DRAWN[kind]()
    restored = denoiser.restore(picture)
    assert np.abs(restored.pixels.astype(int) - picture).max() <= 1


@pytest.mark.parametrize("kind", ["checkers", "dithered"])
def test_it_is_told_that_something_was_spared(denoiser, kind):
    assert denoiser.restore(DRAWN[kind]()).spared_share > 0.5


def test_a_level_that_is_told_cleans_what_is_drawn_too(denoiser):
    picture = dithered()
    restored = denoiser.restore(picture, 40.0)
    assert restored.spared_share == 0
    assert np.abs(restored.pixels.astype(int) - picture).mean() > 8


@pytest.mark.parametrize("level", [1.5, 6, 20])
@pytest.mark.parametrize("channels", [1, 3])
def test_noise_leaves_nothing_to_spare(level, channels):
    for picture in (checkers(), page(), shot()):
        given = noisy(picture if channels == 3 else picture.mean(-1), level)
        assert find_drawn(MaskedImage(given)).mean() < 0.01


def test_a_picture_within_a_drawing_is_cleaned(denoiser):
    clean = checkers(4, 384)
    clean[96:288, 96:288] = shot()
    given = clean.copy()
    given[96:288, 96:288] = noisy(shot(), 12)
    restored = denoiser.restore(given).pixels
    inside, outside = (slice(128, 256),) * 2, (slice(0, 64),)
    assert psnr(restored[inside], clean[inside]) > psnr(given[inside], clean[inside]) + 6
    np.testing.assert_array_equal(restored[outside], clean[outside])


def test_a_window_of_the_desktop_gets_the_same(denoiser):
    picture = np.hstack([checkers(3, 384)[:, :192], noisy(np.vstack([shot(), shot()]), 10)])
    whole = denoiser.clean(picture, defects=False)
    window = slice(100, 260), slice(150, 330)
    residual = denoiser.residual(MaskedImage(picture, join_gray=True), window)
    part = np.rint(picture[window] + 255 * residual.pixels).clip(0, 255)
    assert np.abs(part - whole[window]).max() <= 1


def test_white_noise_bounds_the_estimate():
    found = measure_guard(MaskedImage(noisy(shot(), 8)))
    assert 12 < 255 * found.largest(1.0) < 17
    assert measure_guard(MaskedImage(shot())).largest(1.0) == LARGEST_ESTIMATE


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("shape", [(1, 1), (3, 50), (9, 7), (192, 190)])
def test_every_depth_and_size(kind, shape):
    scale = {np.uint8: 1, np.uint16: 257, np.float32: np.float32(1 / 255)}[kind]
    drawn = checkers()[: shape[0], : shape[1]].astype(kind) * kind(scale)
    cells = find_drawn(MaskedImage(drawn))
    assert cells.shape == (-(-shape[0] // 8), -(-shape[1] // 8))
    assert min(shape) < 3 or cells.min() > 0.5
    noise = np.random.default_rng(0).random((*shape, 3), np.float32)
    assert find_drawn(MaskedImage(noise)).max() == 0


def test_transparent_pixels_do_not_count():
    picture = np.dstack([noisy(shot(), 8), np.full((192, 192), 255, np.uint8)])
    picture[:96, :, 3] = 0
    assert find_drawn(MaskedImage(picture))[14:].max() == 0


class TestTheCommandLine:
    def told(self, folder, capsys, *options):
        with pytest.raises(SystemExit) as ended:
            main(["clean", str(folder / "drawn.png"), "-o", str(folder / "clean.png"), "--json", *options])
        assert ended.value.code == 0
        return json.loads(capsys.readouterr().out.splitlines()[0])

    def test_what_was_left_alone_is_told(self, tmp_path, capsys):
        Image.fromarray(dithered()).save(tmp_path / "drawn.png")
        told = self.told(tmp_path, capsys)
        assert told["spared_share"] > 0.5
        assert "drawn" in told["warnings"][0]
        assert "--sigma" in told["warnings"][0]

    def test_a_level_that_is_given_spares_nothing(self, tmp_path, capsys):
        Image.fromarray(dithered()).save(tmp_path / "drawn.png")
        told = self.told(tmp_path, capsys, "--sigma", "30")
        assert told["spared_share"] == 0
        assert told["warnings"] == []

    def test_a_palette_is_told(self, tmp_path, capsys):
        few = Image.fromarray(noisy(shot(), 10)).quantize(64, dither=Image.Dither.FLOYDSTEINBERG)
        few.save(tmp_path / "drawn.png")
        assert self.told(tmp_path, capsys)["warnings"]
