"""Drawn training pictures: every kind with and without fonts, reproducible, and as many as a recipe asks for."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from denoise_ae.training.data.drawn.draw import KINDS, SMALLEST_DRAWING, draw_picture
from denoise_ae.training.data.drawn.fonts import find_fonts
from denoise_ae.training.data.photos import Photos
from denoise_ae.training.recipes.recipe import Recipe

FONTS = find_fonts()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fonts", [FONTS, []], ids=["fonts", "no fonts"])
def test_each_kind_draws_something_and_the_same_again(kind, fonts):
    for side in (SMALLEST_DRAWING, 97):
        first, again = (KINDS[kind](side, np.random.default_rng(3), fonts) for _ in range(2))
        assert first.shape == (side, side, 3)
        assert first.dtype == np.uint8
        np.testing.assert_array_equal(first, again)
    assert max(KINDS[kind](128, np.random.default_rng(seed), fonts).std() for seed in range(4)) > 2


def test_pictures_differ():
    drawn = [draw_picture(96, np.random.default_rng(seed), FONTS) for seed in range(20)]
    assert len({picture.tobytes() for picture in drawn}) == 20


def recipe(share, of_the_kind=None):
    return Recipe.model_validate(
        {
            "network": {"type": "unet", "widths": [8, 16], "blocks": [1, 1]},
            "data": {"kind": "photos", "clip": False, "permute": False, "drawn": share},
            "noise": [{"level": 25} | ({} if of_the_kind is None else {"drawn": of_the_kind})],
            "training": {"stages": [{"patch": 32, "batch": 40}]},
        }
    )


def test_as_many_patches_are_drawn_as_the_recipe_says():
    pictures = [np.full((64, 64, 3), 77, np.uint8)] * 8
    plain, mixed = Photos(recipe(0.0), pictures), Photos(recipe(0.4), pictures)
    stage = recipe(0.4).training.stages[0]
    assert (plain.batch(0, 0, stage) * 255 == 77).all()
    share = np.mean(
        [((mixed.batch(0, index, stage) * 255).round() != 77).flatten(1).any(1).float().mean() for index in range(10)]
    )
    assert 0.3 < share < 0.5
    assert torch.equal(mixed.batch(1, 2, stage), mixed.batch(1, 2, stage))
    assert not torch.equal(mixed.batch(1, 2, stage), mixed.batch(1, 3, stage))


@pytest.mark.parametrize(("share", "of_the_kind", "drawn"), [(0.0, 1.0, True), (1.0, 0.0, False)])
def test_a_kind_of_noise_has_a_share_of_its_own(share, of_the_kind, drawn):
    found = recipe(share, of_the_kind)
    batch = Photos(found, [np.full((64, 64, 3), 77, np.uint8)] * 8).batch(0, 0, found.training.stages[0])
    assert bool(((batch * 255).round() != 77).flatten(1).any(1).all()) == drawn
    assert bool(((batch * 255).round() == 77).all()) != drawn
