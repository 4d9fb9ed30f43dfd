"""Recipes in words: levels have their units, and the network its size."""

import pytest

pytest.importorskip("pydantic")

from denoise_ae.training.recipes.description import describe_network, describe_noise
from denoise_ae.training.recipes.recipe import NetworkRecipe, Recipe


@pytest.mark.parametrize(
    ("noise", "words"),
    [
        ({"level": 76.5}, "gaussian, sigma 76.5 of 255 (0.3)"),
        ({"level": [0, 55]}, "gaussian, sigma 0 to 55 of 255 (0 to 0.216)"),
        ({"type": "poisson", "level": [10, 50]}, "poisson, 10 to 50 photons at white"),
        ({"type": "salt-pepper", "level": 0.05}, "salt-pepper, 0.05"),
        (
            {"type": "camera", "level": [80, 20000], "then": [{"type": "jpeg", "level": [60, 100]}]},
            "camera, 80 to 20000 electrons at white, then jpeg, quality 60 to 100",
        ),
    ],
)
def test_levels_of_noise_have_their_unit(noise, words):
    values = {"noise": [noise], "data": {"clip": False}}
    assert describe_noise(Recipe.model_validate(values)) == words
    mixture = Recipe.model_validate({"noise": [noise, {"level": 51}], "data": {"clip": True}})
    assert describe_noise(mixture) == f"{words}; or gaussian, sigma 51 of 255 (0.2), clipped to [0, 1]"


def test_a_network_is_named_with_its_size():
    assert describe_network(NetworkRecipe()) == "conv, widths 32/64/128, latent 64"
    deep = NetworkRecipe(type="unet", blocks=(2, 1, 3), encoder_blocks=(1, 0), estimator=True)
    assert describe_network(deep) == "unet, widths 32/64/128, blocks 2/1/3 (1/0 on the way down), noise estimator"
