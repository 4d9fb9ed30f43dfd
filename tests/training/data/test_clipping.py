"""Noise clipped to [0, 1] by the file format: its mean and deviation, when it is detected, and what is learnt then."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from PIL import Image

from denoise_ae.noise.profile import white_noise
from denoise_ae.training.data.clipping import as_stored, clipped_deviation, clipped_mean, is_clipped
from denoise_ae.training.data.load import load_data
from denoise_ae.training.data.noisy_photos import own_noise
from denoise_ae.training.losses.neighbours import neighbour_loss
from denoise_ae.training.losses.recorrupted import recorrupted_loss
from denoise_ae.training.recipes.recipe import Recipe, Stage

LEVEL = 0.1


def clipped(brightness, seed=0, side=256, level=LEVEL):
    """A picture of one brightness with noise clipped to [0, 1], 1x3xHxW."""
    white = torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(seed))
    return (brightness + level * white).clip(0, 1)


@pytest.mark.parametrize("level", [0.02, 0.1, 0.5])
@pytest.mark.parametrize("brightness", [-0.1, 0.0, 0.03, 0.5, 0.9, 1.0, 1.1])
def test_the_clipped_mean_is_the_mean_of_clipped_noise(brightness, level):
    levels = torch.full((1, 1, 1, 1), level)
    picture = torch.full((1, 3, 2, 2), brightness, requires_grad=True)
    mean = clipped_mean(picture, levels)
    assert mean.detach().numpy() == pytest.approx(float(clipped(brightness, level=level).mean()), abs=0.01 * level)
    mean.sum().backward()
    step = 1e-3
    slope = (clipped_mean(picture.detach() + step, levels) - clipped_mean(picture.detach() - step, levels)) / (2 * step)
    assert picture.grad is not None and torch.allclose(picture.grad, slope, atol=2e-3)


@pytest.mark.parametrize("brightness", [0.0, 0.03, 0.1, 0.2, 0.5, 0.92, 1.0])
def test_the_deviation_that_clipping_leaves_follows_from_the_picture(brightness):
    noisy = clipped(brightness)
    left = clipped_deviation(noisy, own_noise([white_noise(LEVEL, 3)], noisy, clipped=True))
    assert left.shape == noisy.shape
    assert float(left.square().mean().sqrt()) == pytest.approx(float(noisy.std()), rel=0.05)
    own = own_noise([white_noise(LEVEL, 3)], noisy)
    assert clipped_deviation(noisy, own) is own.deviation


def test_noise_that_is_not_clipped_stays_as_it_was():
    noisy = clipped(0.5)

    def restore(picture, sigma_input):
        return picture

    assert as_stored(restore, own_noise([white_noise(LEVEL, 3)], noisy)) is restore


@pytest.mark.parametrize("brightness", [0.0, 0.04, 0.5, 0.98])
def test_losses_are_lowest_for_the_picture_before_clipping(brightness):
    noisy = torch.cat([clipped(brightness, seed) for seed in range(2)])
    own = own_noise([white_noise(LEVEL, 3)] * 2, noisy, clipped=True)

    def losses(offset):
        def restore(picture, sigma_input):
            return torch.full_like(picture, brightness + offset)

        return (
            float(neighbour_loss(as_stored(restore, own), noisy, own.level, 0.0, seed=0)),
            float(recorrupted_loss(restore, noisy, own, own.level, seed=0)),
        )

    for less, right, more in zip(losses(-0.01), losses(0), losses(0.01), strict=True):
        assert right < less and right < more
    assert losses(0)[1] == pytest.approx(1, abs=0.1)


# When clipping is detected


def stored(noisy):
    return np.rint(255 * np.clip(noisy, 0, 1)).astype(np.uint8)


def ramp(side=128):
    """From black to white."""
    return np.broadcast_to(np.linspace(0, 1, side)[:, None, None], (side, side, 3))


def test_white_noise_at_black_was_clipped():
    rng = np.random.default_rng(0)
    assert is_clipped([stored(ramp() + LEVEL * rng.standard_normal(ramp().shape))], [LEVEL])
    assert is_clipped([stored(1 - 0.02 * ramp() + LEVEL * rng.standard_normal(ramp().shape))], [LEVEL])


def test_noise_that_is_weak_at_black_was_not():
    rng = np.random.default_rng(0)
    assert not is_clipped([stored(rng.poisson(0.5 * ramp() * 100) / 100)], [0.05])
    assert not is_clipped([stored(ramp() * (1 + 0.2 * rng.standard_normal(ramp().shape)))], [LEVEL])


def test_where_nothing_is_nearly_black_nothing_was_clipped():
    rng = np.random.default_rng(0)
    framed = np.zeros((128, 128, 3))
    framed[16:-16, 16:-16] = 0.5 + LEVEL * rng.standard_normal((96, 96, 3))
    assert not is_clipped([stored(framed)], [LEVEL])
    assert not is_clipped([np.zeros((64, 64, 3), np.uint8)], [0.0])
    assert not is_clipped([np.zeros((7, 64, 3), np.uint8)], [LEVEL])


@pytest.mark.parametrize(("darkest", "found"), [(0.0, True), (0.4, False)])
def test_training_pictures_are_looked_at(tmp_path, darkest, found):
    rng = np.random.default_rng(0)
    for number in range(3):
        noisy = darkest + 0.2 * ramp() + LEVEL * rng.standard_normal(ramp().shape)
        Image.fromarray(stored(noisy)).save(tmp_path / f"{number}.png")
    recipe = Recipe.model_validate(
        {
            "network": {"type": "unet", "widths": [8, 16], "blocks": [1, 1]},
            "data": {"kind": "photos", "permute": False, "validation": 1},
            "noise": [],
            "training": {"self_supervised": True, "stages": [{"batch": 2, "patch": 32}]},
        }
    )
    data, _ = load_data(recipe, [tmp_path])
    stage = Stage(batch=2, patch=32)
    own = data.own_noise(0, 0, stage, data.batch(0, 0, stage))
    assert own is not None and own.clipped == found
    assert data.validation()[0][2].clipped == found
