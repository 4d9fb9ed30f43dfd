"""What is measured of a picture's noise from the picture alone, and what is drawn after it."""

import numpy as np
import pytest
from scenes import noise, scene

from denoise_ae.noise.profile import REACH, NoiseModel, measure_noise, measure_picture, shape_noise, white_noise
from denoise_ae.pixels.masked import MaskedImage


def correlation(noise, distance):
    return float((noise[:, distance:] * noise[:, :-distance]).mean() / (noise**2).mean())


@pytest.mark.parametrize("sigma", [3, 10, 25])
def test_white_noise_is_told_as_white_and_by_its_level(sigma):
    found = measure_noise([scene() + noise(0, sigma)])
    assert found is not None
    assert 255 * found.deviation == pytest.approx([sigma], rel=0.05)
    assert found.correlation.sum() == found.correlation[REACH, REACH] == 1
    assert (found.channels == np.eye(3)).all()


@pytest.mark.parametrize(("sigma", "softened", "shared"), [(5, 0.6, 0.0), (10, 0.8, 0.5), (20, 1.0, 0.8)])
def test_soft_noise_is_measured_and_drawn_anew(sigma, softened, shared):
    true = noise(1, sigma, softened, shared)
    found = measure_noise([scene() + true])
    assert found is not None
    drawn = found.draw(scene(), np.random.default_rng(5))
    assert drawn.shape == true.shape and drawn.dtype == np.float32
    assert drawn.std() == pytest.approx(true.std(), rel=0.15)
    # Less at two pixels: with the plane that is taken from each block goes what is coarse.
    for distance, less in ((1, 0.12), (2, 0.2)):
        assert correlation(drawn, distance) == pytest.approx(correlation(true, distance), abs=less)
    between = np.corrcoef(drawn[..., 0].ravel(), drawn[..., 2].ravel())[0, 1]
    assert between == pytest.approx(shared, abs=0.12)
    assert abs(drawn.mean()) < 0.1 * drawn.std()


def test_noise_that_grows_with_brightness_is_drawn_so():
    picture = scene()
    growing = noise(2, 1, 0.8) * (4 + 10 * picture.mean(2, keepdims=True))
    found = measure_noise([picture + growing])
    assert found is not None
    deviations = 255 * found.deviations(picture)
    assert deviations.shape == (256, 256)
    assert deviations[:, 20:60].mean() == pytest.approx(6.5, rel=0.2)
    assert deviations[:, 200:240].mean() == pytest.approx(11, rel=0.2)


def test_edges_and_colour_are_no_noise():
    found = measure_noise([scene()])
    assert found is None or found.deviation.max() < 0.5 / 255


@pytest.mark.parametrize("shape", [(256, 256, 1), (15, 90, 3), (300, 17, 3)])
def test_gray_and_narrow_pictures(shape):
    rng = np.random.default_rng(0)
    found = measure_noise([(0.5 + rng.normal(0, 0.04, shape)).astype(np.float32)])
    if min(shape[:2]) < 16:
        assert found is None
    else:
        assert found is not None and found.deviation == pytest.approx([0.04], rel=0.2)
        assert len(found.channels) == shape[2]


def test_nothing_comes_of_pictures_without_noise():
    assert measure_noise([np.full((64, 64, 3), 0.5, np.float32)]) is None


def test_large_pictures_and_ones_with_holes_are_measured_in_parts():
    large = np.rint(255 * (np.tile(scene(), (5, 5, 1)) + np.tile(noise(3, 10), (5, 5, 1))).clip(0, 1)).astype(np.uint8)
    found = measure_picture(MaskedImage(large))
    assert found is not None and 255 * found.deviation == pytest.approx([10], rel=0.1)
    masked = np.dstack((large[:512, :512], np.full((512, 512), 255, np.uint8)))
    masked[:100, :100, 3] = 0
    found = measure_picture(MaskedImage(masked))
    assert found is not None and 255 * found.deviation == pytest.approx([10], rel=0.1)
    assert measure_picture(MaskedImage(np.dstack((large, np.zeros(large.shape[:2], np.uint8))))) is None


def test_numpy_and_torch_draw_the_same():
    torch = pytest.importorskip("torch")
    found = measure_noise([scene() + noise(1, 10, 0.8, 0.5)])
    assert found is not None
    white = np.random.default_rng(0).standard_normal((3, 32, 48), dtype=np.float32)
    parts = found.mixing(), found.spectrum(32, 48), np.full((1, 32, 48), 0.1, np.float32)
    ours = shape_noise(white, *parts, np)
    theirs = shape_noise(torch.from_numpy(white), *map(torch.from_numpy, parts), torch)
    assert np.allclose(ours, theirs.numpy(), atol=1e-6)


def test_white_noise_has_an_even_spectrum():
    model = white_noise(0.1, 3)
    assert isinstance(model, NoiseModel)
    assert np.allclose(model.spectrum(16, 24), 1)
    assert np.allclose(model.mixing(), np.eye(3), atol=1e-3)
