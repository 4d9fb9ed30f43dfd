"""The denoisers that models are measured against."""

import sys

import numpy as np
import pytest

from denoise_ae.errors import PackageError, UsageError
from denoise_ae.measure import baselines
from denoise_ae.measure.baselines import BASELINES, bm3d, choose, non_local_means
from denoise_ae.measure.metrics import psnr
from denoise_ae.pixels import filters


def smooth(*shape):
    """A soft pattern between black and white, HxW or HxWx3."""
    down, across = np.mgrid[: shape[0], : shape[1]]
    wave = 0.5 + 0.2 * np.sin(across / 9) + 0.2 * np.cos(down / 7)
    return (wave if len(shape) == 2 else np.dstack([wave, wave[::-1], 1 - wave])).astype(np.float32)


def noisy(clean, sigma=25):
    return (clean + np.random.default_rng(0).normal(0, sigma / 255, clean.shape)).astype(np.float32)


@pytest.fixture(params=BASELINES)
def baseline(request):
    if reason := BASELINES[request.param].absence():
        pytest.skip(reason)
    return BASELINES[request.param]


# BM3D takes more than a second for each picture and channel, however small.


@pytest.mark.parametrize(("shape", "told"), [((40, 48), None), ((40, 48, 3), 25)])
def test_each_cleans_told_or_not(baseline, shape, told):
    clean = smooth(*shape)
    picture = noisy(clean)
    before = picture.copy()
    restored = baseline(picture, told)
    assert np.array_equal(picture, before)
    assert (restored.shape, restored.dtype) == (shape, np.float32)
    assert psnr(restored, clean) > psnr(picture, clean) + 3


def test_each_does_more_where_it_is_told_of_more(baseline):
    picture = noisy(smooth(24, 24), 10)
    little, much = (np.abs(baseline(picture, sigma) - picture).mean() for sigma in (2, 30))
    assert 0 < little < much / 3


@pytest.mark.parametrize("shape", [(1, 1), (8, 8), (17, 5)])
def test_each_takes_pictures_of_a_few_pixels(baseline, shape):
    restored = baseline(noisy(smooth(*shape)), 25)
    assert restored.shape == shape
    assert np.isfinite(restored).all()


def test_each_leaves_a_picture_without_noise(baseline):
    flat = np.full((40, 40, 3), 0.5, np.float32)
    assert np.array_equal(baseline(flat, None), flat)


def test_non_local_means_has_the_tuned_strength():
    eight_bit = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    expected = filters.non_local_means(eight_bit, 0.9 * 25)
    assert np.array_equal(np.rint(non_local_means(eight_bit / np.float32(255), 25) * 255), expected)


def test_bm3d_cleans_gray_that_is_stored_as_colour():
    if reason := BASELINES["bm3d"].absence():
        pytest.skip(reason)
    gray = noisy(smooth(24, 24))
    # Its threads add up in any order.
    assert np.allclose(bm3d(np.dstack([gray] * 3), 25), bm3d(gray, 25)[..., None], atol=1e-3)


# What is chosen, and what is not there


@pytest.fixture
def without(monkeypatch):
    def without(*modules):
        for module in modules:
            monkeypatch.setitem(sys.modules, module, None)

    return without


def test_all_gives_what_is_installed_and_names_the_rest(without):
    without("bm3d", "pywt")
    found, absent = choose(["all"])
    assert [each.name for each in found] == ["nlm", "tv"]
    assert absent.keys() == {"wavelet", "BM3D"}
    assert "bm3d" in absent["BM3D"]
    assert "pip install" in absent["BM3D"]


def test_one_asked_for_by_name_must_be_there(without):
    without("skimage.restoration")
    for names in (["tv"], ["all", "tv"]):
        with pytest.raises(PackageError, match=r"--baseline tv: skimage\.restoration") as error:
            choose(names)
        assert "pip install 'denoise-ae[bench]'" in error.value.hint


def test_binaries_of_another_system_count_as_absent(monkeypatch):
    def fail(_name):
        raise OSError("wrong ELF class")

    monkeypatch.setattr(baselines, "import_module", fail)
    assert "wrong ELF class" in choose(["all"])[1]["BM3D"]


def test_they_come_in_one_order_each_once():
    found, absent = choose(["tv", "nlm", "tv"])
    assert ([each.name for each in found], absent) == (["nlm", "tv"], {})
    assert choose(["none"]) == ([], {})


@pytest.mark.parametrize("names", [["median"], ["none", "nlm"], ["none", "all"], ["NLM"]])
def test_names_that_make_no_sense(names):
    with pytest.raises(UsageError, match="--baseline"):
        choose(names)
