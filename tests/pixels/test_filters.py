"""OpenCV's non-local means, and what JPEG does to pictures."""

import io

import numpy as np
import pytest
from PIL import Image

from denoise_ae.measure.metrics import psnr
from denoise_ae.pixels.filters import jpeg_round_trip, non_local_means


def smooth(channels):
    rows, columns = np.mgrid[:96, :96]
    planes = [128 + 90 * np.sin(rows / 23 + shift) * np.cos(columns / 31) for shift in range(3)]
    return np.stack(planes, axis=-1).astype(np.uint8) if channels else planes[0].astype(np.uint8)


@pytest.mark.parametrize("channels", [(), (3,)], ids=["gray", "rgb"])
def test_non_local_means_cleans(channels):
    clean = smooth(channels)
    noisy = np.clip(clean + np.random.default_rng(4).normal(0, 25, clean.shape), 0, 255).astype(np.uint8)
    cleaned = non_local_means(noisy, 25)
    assert cleaned.shape == clean.shape
    assert psnr(cleaned, clean) > psnr(noisy, clean) + 8


@pytest.mark.parametrize("channels", [(), (3,)], ids=["gray", "rgb"])
def test_jpeg_round_trips_lose_more_at_lower_quality(channels):
    clean = smooth(channels)
    errors = [psnr(jpeg_round_trip(clean, quality), clean) for quality in (5, 30, 95)]
    assert errors == sorted(errors)
    assert 20 < errors[0] < 35
    assert errors[2] > 42
    out = io.BytesIO()
    Image.fromarray(clean).save(out, "JPEG", quality=30)
    assert psnr(jpeg_round_trip(clean, 30), np.asarray(Image.open(out))) > 40  # the same artefacts and channels
