"""Damage that is drawn: as much as was asked for, of the shapes that it is named after, the same for the same seed."""

import cv2
import numpy as np
import pytest

from denoise_ae.noise.corruptions import MASKING_NOISE_TYPES, NumpySource, corrupt
from denoise_ae.noise.damage import KINDS, THICKEST, draw_mask


def draw(kind, share=0.1, seed=0, height=240, width=320):
    return draw_mask(kind, height, width, share, np.random.default_rng(seed))


@pytest.mark.parametrize("kind", KINDS)
def test_it_covers_what_was_asked_for(kind):
    for share in (0.02, 0.1, 0.3):
        mask = draw(kind, share)
        assert mask.dtype == np.bool_ and mask.shape == (240, 320)
        assert share <= mask.mean() < share + 0.03
    assert not draw(kind, 0).any()


@pytest.mark.parametrize("kind", KINDS)
def test_the_seed_decides(kind):
    assert (draw(kind) == draw(kind)).all()
    assert (draw(kind) != draw(kind, seed=1)).any()


@pytest.mark.parametrize("kind", KINDS)
def test_tiny_pictures_end(kind):
    assert draw(kind, 0.5, height=1, width=1).shape == (1, 1)


def test_strokes_are_thin_and_long_and_of_many_widths():
    mask = draw("strokes", 0.02, seed=3)
    inner = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 5)
    # Where strokes cross they are wider than one.
    assert inner.max() <= THICKEST
    found, _, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    assert stats[1:, 2:4].max() > 5 * THICKEST
    widths = {round(2 * inner[draw("strokes", 0.001, seed=seed)].max()) for seed in range(10)}
    assert found > 1 and len(widths) > 1


def test_spots_are_small():
    _, _, stats, _ = cv2.connectedComponentsWithStats(draw("spots", 0.01).astype(np.uint8))
    assert len(stats) > 10
    assert np.median(stats[1:, 2:4]) <= 13


@pytest.mark.parametrize("kind", MASKING_NOISE_TYPES)
@pytest.mark.parametrize("shape", [(64, 80), (64, 80, 3)])
def test_a_loss_blackens_whole_pixels_and_leaves_the_others(kind, shape):
    clean = np.full(shape, 0.7, np.float32)
    damaged = corrupt(clean, kind, 0.2, NumpySource(0))
    lost = damaged == 0
    assert 0.15 < lost.mean() < 0.3
    assert (damaged[~lost] == clean[0, 0].flat[0]).all()
    # The same on white: how a mask is told from what was done to a picture.
    assert ((corrupt(np.ones_like(clean), kind, 0.2, NumpySource(0)) == 0) == lost).all()
