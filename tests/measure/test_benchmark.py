"""What the benchmark measures, with denoisers whose result is known."""

import math
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from denoise_ae.errors import ImageError
from denoise_ae.measure.baselines import BASELINES
from denoise_ae.measure.benchmark import NOISY, Measurement, clean_cases, measure, methods, pair_cases, summarise
from denoise_ae.measure.metrics import ssim


def save(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def smooth(height=48, width=64, channels=None, phase=0.0):
    """A soft pattern between black and white."""
    down, across = np.mgrid[:height, :width]
    wave = 0.5 + 0.2 * np.sin(across / 9 + phase) + 0.2 * np.cos(down / 7)
    pixels = (wave * 255).astype(np.uint8)
    return pixels if channels is None else np.dstack([pixels, pixels[::-1], pixels[:, ::-1], pixels][:channels])


@pytest.fixture
def folder(tmp_path):
    save(tmp_path / "b.png", smooth(channels=3))
    save(tmp_path / "a.png", smooth(40, 56))
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / ".hidden.png").write_bytes(b"")
    return tmp_path


class Spy:
    """A denoiser that remembers what it was given and gives back something fixed."""

    def __init__(self, answer=lambda noisy: noisy):
        self.calls = []
        self.answer = answer

    def __call__(self, noisy, sigma):
        self.calls.append((noisy.copy(), sigma))
        return self.answer(noisy)


def test_noisy_rows_have_the_level_asked_for(folder):
    rows = list(measure(clean_cases(folder), {}, [15, 25, 50]))
    assert [(row.picture, row.sigma) for row in rows] == [(p, s) for p in ("a.png", "b.png") for s in (15, 25, 50)]
    for row in rows:
        assert row.method == NOISY
        assert row.seconds is None
        # Unclipped noise: the PSNR that the level says, up to the chance of some thousand pixels.
        assert row.psnr == pytest.approx(20 * math.log10(255 / row.sigma), abs=0.25)


def test_noise_is_neither_clipped_nor_rounded_and_gray_stays_gray(folder):
    spy = Spy()
    list(measure(clean_cases(folder), {"spy": spy}, [50]))
    gray, colour = spy.calls[-2][0], spy.calls[-1][0]
    assert gray.shape == (40, 56)
    assert colour.shape == (48, 64, 3)
    assert colour.dtype == np.float32
    assert colour.min() < 0
    assert colour.max() > 1
    assert np.abs(colour * 255 - np.rint(colour * 255)).max() > 0.4


def test_the_level_is_told_or_not(folder):
    told, auto = Spy(), Spy()
    list(measure(clean_cases(folder), {"spy": told}, [15, 25]))
    list(measure(clean_cases(folder), {"spy": auto}, [15, 25], known_level=False))
    assert [sigma for _, sigma in told.calls] == [15, 15, 25, 15, 25]  # the first is the warm-up
    assert {sigma for _, sigma in auto.calls} == {None}


def test_the_seed_decides_the_noise_whatever_the_methods(folder):
    def noise(seed, **more):
        spy = Spy()
        list(measure(clean_cases(folder), {**more, "spy": spy}, [25], seed=seed))
        return [noisy for noisy, _ in spy.calls]

    first = noise(0)
    for one, other in zip(first, noise(0, another=Spy()), strict=True):
        assert np.array_equal(one, other)
    assert not np.array_equal(first[1], noise(1)[1])
    limited = Spy()
    list(measure(clean_cases(folder)[:1], {"spy": limited}, [25]))
    assert np.array_equal(limited.calls[-1][0], first[1])


def test_pictures_have_noise_of_their_own(tmp_path):
    for name in ("a.png", "b.png"):
        save(tmp_path / name, smooth())
    spy = Spy()
    list(measure(clean_cases(tmp_path), {"spy": spy}, [25]))
    assert not np.array_equal(spy.calls[-2][0], spy.calls[-1][0])


def test_results_are_clipped_before_they_are_measured(tmp_path):
    save(tmp_path / "black.png", np.zeros((32, 32), np.uint8))
    below = Spy(lambda noisy: np.full_like(noisy, -0.5))
    row = list(measure(clean_cases(tmp_path), {"below": below}, [25]))[-1]
    assert row.psnr == math.inf
    assert row.ssim == pytest.approx(1)


def test_a_method_is_timed_after_a_warm_up(folder):
    spy = Spy()
    rows = [row for row in measure(clean_cases(folder), {"spy": spy}, [15, 25]) if row.method == "spy"]
    assert len(spy.calls) == len(rows) + 1
    assert all(row.seconds > 0 for row in rows)
    assert [row.megapixels for row in rows] == [40 * 56 / 1e6] * 2 + [48 * 64 / 1e6] * 2


@pytest.mark.parametrize("told", [True, False])
def test_baselines_are_measured_under_their_titles(folder, told):
    rows = list(measure(clean_cases(folder), methods({}, [BASELINES["nlm"]]), [25], known_level=told))
    summaries = {row.method: row for row in summarise(rows)}
    assert summaries["non-local means"].psnr > summaries[NOISY].psnr + 3


def test_figures_are_those_of_the_metrics(folder):
    spy = Spy(lambda noisy: np.clip(noisy, 0.2, 0.8))
    row = list(measure(clean_cases(folder), {"spy": spy}, [25]))[1]
    clean = np.asarray(Image.open(folder / "a.png")).astype(np.float32) / 255
    restored = np.clip(spy.calls[-2][0], 0.2, 0.8)
    assert row.psnr == pytest.approx(-10 * math.log10(np.mean((restored - clean) ** 2)), abs=1e-3)
    assert row.ssim == pytest.approx(ssim(restored, clean))


def test_summaries_are_means_of_the_pictures_figures():
    one = Measurement("a", "m", 25, 30.0, 0.8, 1.0, 0.5)
    rows = [one, replace(one, sigma=50), replace(one, picture="b", psnr=20.0, ssim=0.6, megapixels=3.0, seconds=1.5)]
    at_25, at_50 = summarise(rows)
    assert (at_25.sigma, at_25.pictures, at_25.psnr, at_25.ssim) == (25, 2, 25.0, pytest.approx(0.7))
    assert at_25.megapixels_a_second == pytest.approx(4 / 2)
    assert (at_50.sigma, at_50.pictures, at_50.psnr) == (50, 1, 30.0)


def test_summaries_go_level_by_level(folder):
    rows = summarise(list(measure(clean_cases(folder), {"x": Spy(), "y": Spy()}, [50, 15])))
    assert [(row.sigma, row.method) for row in rows] == [(s, m) for s in (50, 15) for m in (NOISY, "x", "y")]
    assert rows[0].megapixels_a_second is None


CLEAN, REAL = smooth(), np.clip(smooth().astype(int) + np.tile([12, -12], (48, 32)), 0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    ("noisy", "clean", "given"),
    [
        ("noisy/one.png", "clean/one.png", ["."]),
        ("noisy/one.png", "clean/one.tif", ["."]),
        ("cam_1_real.png", "cam_1_mean.png", ["."]),
        ("cam_1_Noisy.png", "cam_1_CLEAN.png", ["."]),
        ("shots/one.png", "truth/one.png", ["shots", "truth"]),
        ("shots/one_noisy.png", "truth/one_clean.png", ["shots", "truth"]),
        ("shots/one_noisy.png", "truth/one.png", ["shots", "truth"]),
    ],
)
def test_pairs_are_found(tmp_path, noisy, clean, given):
    save(tmp_path / noisy, REAL)
    save(tmp_path / clean, CLEAN)
    (case,) = pair_cases(*(tmp_path / name for name in given))
    assert (case.noisy, case.clean) == (tmp_path / noisy, tmp_path / clean)
    spy = Spy()
    rows = list(measure([case], {"spy": spy}, known_level=True))
    assert spy.calls[-1][1] is None  # nobody knows the level of real noise
    assert [row.sigma for row in rows] == [None, None]
    assert rows[0].psnr == pytest.approx(20 * math.log10(255 / 12), abs=0.01)


@pytest.mark.parametrize(
    ("names", "complaint"),
    [
        (["noisy/a.png", "clean/a.png", "noisy/b.png"], "b.png: no partner"),
        (["noisy/a.png", "clean/a.png", "clean/b.png"], "b.png: no partner"),
        (["noisy/a.png", "noisy/a.tif", "clean/a.png"], "one half of a pair"),
        (["a_real.png"], "a_real.png: no partner"),
        (["a.png", "b.png"], "no noisy and clean pairs"),
        (["noisy/a.png", "clean/readme.txt"], "clean: no pictures"),
    ],
)
def test_pairs_that_do_not_fit_are_named(tmp_path, names, complaint):
    for name in names:
        path = tmp_path / name
        if path.suffix == ".txt":
            path.parent.mkdir(exist_ok=True)
            path.write_text("")
        else:
            save(path, CLEAN)
    with pytest.raises(ImageError, match=complaint):
        pair_cases(tmp_path)


def test_pairs_of_different_size_are_named(tmp_path):
    save(tmp_path / "noisy" / "a.png", smooth(10, 20))
    save(tmp_path / "clean" / "a.png", smooth(20, 10))
    with pytest.raises(ImageError, match=r"20 x 10 .*noisy.* 10 x 20"):
        list(measure(pair_cases(tmp_path), {}))


def test_alpha_is_left_out(tmp_path):
    save(tmp_path / "rgba.png", smooth(channels=4))
    spy = Spy()
    list(measure(clean_cases(tmp_path), {"spy": spy}, [25]))
    assert spy.calls[0][0].shape == (48, 64, 3)


def test_folders_without_pictures(tmp_path):
    with pytest.raises(ImageError, match="no pictures"):
        clean_cases(tmp_path)
    with pytest.raises(ImageError, match="nowhere"):
        clean_cases(tmp_path / "nowhere")


def test_a_broken_picture_stops_the_measuring(folder):
    (folder / "a.png").write_bytes(b"no picture")
    with pytest.raises(ImageError, match=r"a\.png"):
        list(measure(clean_cases(folder), {}, [25]))
