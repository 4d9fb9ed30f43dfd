"""Recipes: the files that we ship, unknown keys, impossible values, and flags over files."""

from pathlib import Path

import pytest

pytest.importorskip("pydantic")

from denoise_ae.errors import UsageError
from denoise_ae.training.recipes.defaults import assemble, override, parse_noise
from denoise_ae.training.recipes.recipe_file import parse_recipe, parse_stored_recipe, read_recipe

RECIPES = sorted((Path(__file__).parents[3] / "train" / "recipes").glob("*.toml"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda p: p.stem)
def test_shipped_recipes_are_valid_and_named_after_their_file(path):
    recipe = parse_recipe(read_recipe(path), str(path))
    assert recipe.name == path.stem
    assert recipe.data_license and recipe.data_source


def test_shipped_recipes_exist():
    assert {"digits", "digits-skip", "digits-dense", "photo"} <= {path.stem for path in RECIPES}


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"colour": 1}, "colour: unknown key"),
        ({"network": {"kind": "unet"}}, "network.kind: unknown key"),
        ({"training": {"stages": [{"start": 0.0, "size": 3}]}}, "training.stages.0.size: unknown key"),
        ({"network": {"type": "transformer"}}, "network.type"),
        ({"training": {"epochs": 0}}, "training.epochs"),
        ({"training": {"learning_rate": float("nan")}}, "training.learning_rate"),
        ({"noise": [{"type": "gaussian", "level": -1}]}, "out of range"),
        ({"noise": [{"type": "gaussian", "level": [50, 10]}]}, "lower level comes first"),
        ({"noise": []}, "at least one"),
        ({"data": {"kind": "photos"}}, "photographs are for the unet"),
        ({"network": {"type": "unet", "widths": [16, 32]}, "data": {"kind": "photos"}}, "one entry in blocks"),
        (
            {"network": {"type": "unet"}, "data": {"kind": "photos"}, "training": {"stages": [{"patch": 60}]}},
            "multiples of 8",
        ),
        ({"training": {"stages": [{"start": 0.5}]}}, "stages start at 0"),
        ({"training": {"part": "estimator"}}, "network.estimator is false"),
        ({"network": {"mask": True}}, "a mask is for a unet"),
        (
            {"network": {"type": "unet", "widths": [8, 8, 8], "estimator_widths": [4, 4]}},
            "estimator_widths are two or three",
        ),
        (
            {"network": {"type": "unet", "widths": [8, 8, 8], "mask": True, "estimator": True}},
            "a mask is for a unet without estimator",
        ),
        ({"network": {"type": "unet", "mask": True}, "data": {"kind": "photos"}}, "trained on mask, strokes"),
        ({"name": "../evil"}, "name"),
    ],
)
def test_unusable_recipes_name_the_key(values, word):
    with pytest.raises(UsageError) as error:
        parse_recipe(values, "my.toml")
    assert "my.toml" in error.value.message
    assert word in error.value.message
    assert "\n" not in error.value.message


def test_recipes_in_models_and_checkpoints_from_before_0_1_0_are_read_as_they_were_meant():
    network = {"type": "unet", "widths": [8, 8, 8], "blocks": [1, 1, 1], "estimator": True}
    old = {
        "network": network,
        "data": {"kind": "photos"},
        "noise": [{"level": 5, "caution": 600}, {"level": 9}],
        "training": {"told": 0.25, "caution": 2, "rounded": False, "kept": "finest"},
    }
    recipe = parse_stored_recipe(old, "old.onnx")
    assert (recipe.training.conditioned, recipe.training.underestimate_weight) == (0.25, 2)
    assert [kind.underestimate_weight for kind in recipe.noise] == [600, 0]
    assert parse_stored_recipe(recipe.model_dump(mode="json"), "new.onnx") == recipe
    for damaged in ([], "text", {"training": 3}, {"noise": [3]}, {"training": {"cautious": 1}}):
        with pytest.raises(UsageError, match=r"old\.onnx"):
            parse_stored_recipe(damaged, "old.onnx")
    with pytest.raises(UsageError, match="caution: unknown key"):
        parse_recipe(old, "a file of today")


def test_files_that_are_no_toml(tmp_path):
    bad = tmp_path / "bad.toml"
    bad.write_text("epochs 3")
    with pytest.raises(UsageError, match="not a TOML file"):
        read_recipe(bad)
    with pytest.raises(UsageError, match="missing"):
        read_recipe(tmp_path / "missing.toml")


def test_noise_flag_is_on_the_unit_scale_for_gaussian_noise():
    assert assemble(None, [], {}, "0.3").noise[0].level == pytest.approx((76.5, 76.5))
    assert parse_noise("0.1:0.6", "gaussian") == pytest.approx([25.5, 153.0])
    assert parse_noise("0.1", "salt-pepper") == [0.1, 0.1]


@pytest.mark.parametrize("text", ["-1", "nan", "inf", "much", "", "1:2:3", "0.1:nan"])
def test_noise_flag_refuses_what_is_no_level(text):
    with pytest.raises(UsageError, match="not a level"):
        parse_noise(text, "gaussian")


def test_electrons_are_drawn_on_a_logarithmic_scale(tmp_path):
    (noise,) = assemble(None, [tmp_path], {}, "50:5000", "camera").noise
    assert noise.at(0.5) == pytest.approx(500)
    (noise,) = assemble(None, [], {}, "0.1:0.3").noise
    assert noise.at(0.5) == pytest.approx(0.2 * 255)


def test_flags_override_a_recipe_file():
    photo = next(path for path in RECIPES if path.stem == "photo-gaussian")
    recipe = assemble(photo, [], {"training.epochs": 3, "training.batch": 4, "seed": None}, "0.1", "uniform")
    assert recipe.training.epochs == 3
    assert [stage.batch for stage in recipe.training.stages] == [4, 4, 4]
    assert [stage.patch for stage in recipe.training.stages] == [64, 128, 128]
    assert (recipe.noise[0].type, recipe.noise[0].level) == ("uniform", (25.5, 25.5))
    assert override(recipe, {"training.epochs": 9}).training.epochs == 9


def test_a_folder_of_pictures_chooses_photographs(tmp_path):
    (tmp_path / "a.jpg").touch()
    assert assemble(None, [tmp_path], {}).data.kind == "photos"
    (tmp_path / "train-images-idx3-ubyte.gz").touch()
    assert assemble(None, [tmp_path], {}).data.kind == "mnist"


def test_new_dense_networks_have_linear_codes_and_old_recipes_what_they_had():
    assert assemble(None, [], {"network.type": "dense"}).network.linear_code
    assert not parse_recipe({"network": {"type": "dense"}}, "an old model").network.linear_code


def test_a_noise_type_needs_a_level():
    with pytest.raises(UsageError, match="--noise"):
        assemble(None, [], {}, None, "speckle")


def test_stages_follow_the_fraction_of_steps():
    photo = next(path for path in RECIPES if path.stem == "photo-gaussian")
    recipe = parse_recipe(read_recipe(photo), "photo-gaussian")
    assert recipe.stage_at(0, 1000).patch == 64
    assert recipe.stage_at(599, 1000).patch == 64
    assert recipe.stage_at(600, 1000).patch == 128
    assert recipe.stage_at(999, 1000).loss == "mse"
