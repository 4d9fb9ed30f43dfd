"""Assemble a recipe from defaults, a file, the model to start from, and flags. Needs no torch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from denoise_ae.errors import UsageError
from denoise_ae.noise.corruptions import NOISE_TYPES
from denoise_ae.training.recipes.recipe import Recipe
from denoise_ae.training.recipes.recipe_file import parse_recipe, read_recipe

_DIGITS: dict[str, Any] = {
    "name": "digits",
    "description": "Convolutional autoencoder for 28x28 digits",
    "network": {"linear_code": True},
    "data": {"kind": "mnist", "clip": True},
    "noise": [{"type": "gaussian", "level": 0.3 * 255}],
    "training": {
        "epochs": 5,
        "learning_rate": 2e-3,
        "warmup_steps": 100,
        "clip_norm": 1.0,
        "ema": 0.999,
        "stages": [{"batch": 128, "loss": "mse"}],
    },
}

_PHOTOS: dict[str, Any] = {
    "name": "photos",
    "description": "Residual U-Net for photographs",
    "network": {"type": "unet"},
    "data": {"kind": "photos", "clip": False},
    "noise": [{"type": "gaussian", "level": [0, 55]}],
    "training": {
        "epochs": 40,
        "steps_per_epoch": 125,
        "optimizer": "adamw",
        "learning_rate": 1.5e-3,
        "betas": [0.9, 0.99],
        "weight_decay": 1e-4,
        "warmup_steps": 100,
        "clip_norm": 1.0,
        "ema": 0.999,
        "stages": [{"batch": 32, "patch": 64, "loss": "charbonnier"}],
    },
}

_TUNING_EPOCHS = 5
_TUNING_SLOWDOWN = 5
"""Trained weights are trained further for a short while, at a learning rate so many times lower."""

_UNIT_SCALE_TYPES = ("gaussian", "uniform")
"""Types whose level `train --noise` takes on the [0, 1] scale, as textbooks do, rather than in 8-bit steps."""


def holds_idx_files(folder: Path) -> bool:
    """Return whether a folder holds MNIST's idx files."""
    return any(folder.glob("train-images*idx3-ubyte*"))


def parse_noise(text: str, noise_type: str) -> list[float]:
    """Read the level of ``train --noise``: a number, or LOW:HIGH for a range.

    Args:
        text: on the [0, 1] scale for gaussian and uniform noise, else in the type's own unit.
        noise_type: one of `denoise_ae.noise.corruptions.NOISE_TYPES`.

    Returns:
        The lowest and highest level in the type's own unit.

    Raises:
        UsageError: no numbers, or negative, or not finite.
    """
    try:
        levels = [float(part) for part in text.split(":")]
    except ValueError:
        levels = []
    if len(levels) not in (1, 2) or not all(math.isfinite(level) and level >= 0 for level in levels):
        raise UsageError(
            f"--noise {text}: not a level of noise", "give a number such as 0.3, or a range such as 0.1:0.6"
        )
    scale = 255 if noise_type in _UNIT_SCALE_TYPES else 1
    return [levels[0] * scale, levels[-1] * scale]


def assemble(
    recipe_file: Path | None,
    folders: Sequence[Path],
    flags: Mapping[str, Any],
    noise: str | None = None,
    noise_type: str | None = None,
    *,
    start: Recipe | None = None,
    self_supervised: bool = False,
) -> Recipe:
    """Assemble a recipe: defaults for the data, or a recipe file, overridden by flags.

    Training from a model's weights uses the model's recipe, with fewer epochs and a lower learning rate; a recipe file
    then only needs what differs, and can't change the network.

    Args:
        recipe_file: a TOML recipe, or None for the defaults.
        folders: the data's folders; a folder of pictures chooses the defaults for photographs.
        flags: dotted keys such as ``training.epochs`` -> value; a value of None was not given.
        noise: the text of ``--noise``, if given.
        noise_type: one of `denoise_ae.noise.corruptions.NOISE_TYPES`, if given.
        start: recipe of the model that training starts from; its `origin` names that.
        self_supervised: the pictures are noisy, and there are no clean ones; see `denoise_ae.training.losses`.

    Raises:
        UsageError: a file, a key or a value is unusable, or the network is not the model's.
    """
    name = str(recipe_file) if recipe_file else "the options"
    if recipe_file is not None:
        values = read_recipe(recipe_file)
        if start is None and values.get("origin"):
            raise UsageError(
                f"{name}: this run started from {values['origin']}", "give that model with --from, or remove the line"
            )
        if start is not None:
            values = _merge(_tuning(start), values)
    elif start is not None:
        values = _tuning(start)
    else:
        values = _copy(_PHOTOS if folders and not holds_idx_files(folders[0]) else _DIGITS)
    for key, value in flags.items():
        if value is not None:
            _set(values, key, value)
    if self_supervised and not folders:
        raise UsageError("--self-supervised needs noisy pictures", "give their folder with --data FOLDER")
    fitting = start is not None and start.network.estimator
    _set_noise(values, noise, noise_type, self_supervised=self_supervised, fitting=fitting)
    if start is None:
        return parse_recipe(values, name)
    _check_network(values["network"], start)
    return _with_history(parse_recipe(values, name), start)


def _tuning(start: Recipe) -> dict[str, Any]:
    """Return the values of a recipe for training a model further."""
    values = start.model_dump(mode="json", exclude={"data_source", "data_license"})
    values["name"] = f"{start.name.removesuffix('-tuned')}-tuned"
    values["data"]["limit"] = 0  # that was for the model's pictures
    # That the model's last leg trained a part of it, or had a teacher, says nothing about this one.
    values["training"] |= {"part": "all", "teacher": ""}
    values["training"]["epochs"] = _TUNING_EPOCHS
    values["training"]["learning_rate"] = float(f"{start.training.learning_rate / _TUNING_SLOWDOWN:.4g}")
    return values


def _set_noise(
    values: dict[str, Any], noise: str | None, noise_type: str | None, *, self_supervised: bool, fitting: bool
) -> None:
    """Set the noise that flags ask for, or self-supervised training with the pictures' own noise.

    With `fitting` that trains a model's estimator alone: it decides how much is removed, and learns fast, while the
    whole network has too much freedom for a few noisy pictures.
    """
    if self_supervised:
        if noise is not None or noise_type is not None:
            raise UsageError("--self-supervised uses the pictures' own noise", "leave out --noise and --noise-type")
        values["noise"] = []
        values.setdefault("data", {}).update(gray=0.0, magnified=0.0, permute=False)
        values.setdefault("training", {}).update(self_supervised=True)
        if fitting:
            values["training"]["part"] = "estimator"
        return
    if noise is None and noise_type is None:
        return
    if noise is None:
        raise UsageError(f"--noise-type {noise_type} needs a level", "give it with --noise")
    kind = noise_type or "gaussian"
    if kind not in NOISE_TYPES:
        raise UsageError(f"--noise-type {kind}: unknown", f"choose one of {', '.join(NOISE_TYPES)}")
    # Electrons range over orders of magnitude: on a linear scale nearly all draws would be high.
    spacing = "log" if kind == "camera" else "linear"
    values["noise"] = [{"type": kind, "level": parse_noise(noise, kind), "spacing": spacing}]
    values.setdefault("training", {}).update(self_supervised=False)


def _merge(values: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Override values by those of a recipe file, table by table."""
    both = values | over
    for key, table in over.items():
        if isinstance(table, dict) and isinstance(values.get(key), dict):
            both[key] = values[key] | table
    return both


def _check_network(asked: Any, start: Recipe) -> None:  # noqa: ANN401 - any TOML value
    """Check that the network is the model's.

    It may get another estimator, and more or fewer blocks; and a mask input may replace that of the noise level.
    """
    own = start.network.model_dump(mode="json")
    for key, value in asked.items() if isinstance(asked, dict) else ():
        if key == "encoder_blocks" or (key == "blocks" and isinstance(value, list) and len(value) == len(own[key])):
            continue
        if key not in ("estimator", "estimator_widths", "mask") and key in own and value != own[key]:
            raise UsageError(
                f"network.{key} is {value}, but the model to start from has {own[key]}",
                "leave it out: the network comes from the model",
            )


_BEFORE = "; before that: "


def _with_history(recipe: Recipe, start: Recipe) -> Recipe:
    """Name the data and licences of both trainings, since the weights depend on both."""
    licenses = dict.fromkeys(text for text in (recipe.data_license, start.data_license) if text)
    pictures = dict.fromkeys(
        (recipe.pictures, *start.pictures.split(_BEFORE))
    )  # each once, however many legs a run has
    history = {
        "origin": start.origin,
        "data_source": _BEFORE.join(pictures),
        "data_license": "; ".join(licenses),
    }
    return recipe.model_copy(update=history)


def _copy(values: dict[str, Any]) -> dict[str, Any]:
    return {key: _copy(value) if isinstance(value, dict) else value for key, value in values.items()}


def override(recipe: Recipe, flags: Mapping[str, Any]) -> Recipe:
    """Return a recipe with some values replaced; see `assemble` for the flags.

    Raises:
        UsageError: a value is unusable.
    """
    values = recipe.model_dump(mode="json")
    for key, value in flags.items():
        if value is not None:
            _set(values, key, value)
    return parse_recipe(values, "the options")


def _set(values: dict[str, Any], key: str, value: Any) -> None:  # noqa: ANN401 - any TOML value
    *tables, last = key.split(".")
    for table in tables:
        values = values.setdefault(table, {})
    if tables == ["training"] and last in ("batch", "patch"):
        # A flag holds for the whole run, whatever the recipe's stages say.
        values["stages"] = [{**stage, last: value} for stage in values.get("stages") or [{}]]
    else:
        values[last] = value
