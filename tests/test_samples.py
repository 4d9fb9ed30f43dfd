"""The sample pictures are what their script makes and what their README says."""

import runpy
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from denoise_ae.measure.metrics import psnr

SAMPLES = Path(__file__).parent.parent / "samples"
NAMES = sorted(path.name for path in (SAMPLES / "clean").iterdir())


def pixels(path):
    with Image.open(path) as picture:
        return np.asarray(picture)


@pytest.mark.parametrize("name", NAMES)
def test_each_has_a_noisy_partner_and_a_line_in_the_readme(name):
    clean, noisy = (pixels(SAMPLES / kind / name) for kind in ("clean", "noisy"))
    assert noisy.dtype == np.uint8
    assert 12 < psnr(noisy, clean) < 22
    assert f"| `{name}` | {clean.shape[1]} x {clean.shape[0]}, " in (SAMPLES / "README.md").read_text(encoding="utf-8")


def test_the_folder_stays_small():
    assert sorted(path.name for path in (SAMPLES / "noisy").iterdir()) == NAMES
    sizes = {
        folder: sum(p.stat().st_size for p in (SAMPLES / folder).iterdir()) for folder in ("clean", "noisy", "shown")
    }
    assert sizes["clean"] + sizes["noisy"] < 3_000_000
    assert sizes["shown"] < 2_000_000


def test_the_script_makes_them_again(tmp_path):
    runpy.run_path(str(SAMPLES / "make_samples.py"))["make"](tmp_path)
    for name in NAMES:
        for kind in ("clean", "noisy"):
            # Another version of Pillow may draw the edge of a letter by a hair differently.
            difference = np.abs(pixels(tmp_path / kind / name).astype(int) - pixels(SAMPLES / kind / name))
            assert difference.mean() < 0.1, f"{kind}/{name}"
