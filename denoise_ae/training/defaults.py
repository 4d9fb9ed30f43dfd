"""From flags to a recipe: what is trained when little or nothing is said. Torch-free."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from denoise_ae.errors import UsageError
from denoise_ae.noise import NOISE_TYPES
from denoise_ae.training.recipe import Recipe, parse_recipe, read_recipe

_DIGITS: dict[str, Any] = {
    "name": "digits",
    "description": "Convolutional autoencoder for 28x28 digits",
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

_UNIT_SCALE_TYPES = ("gaussian", "uniform")
"""Types whose level `train --noise` gives on the [0, 1] scale, as textbooks do, rather than in 8-bit steps."""


def holds_idx_files(folder: Path) -> bool:
    """Return whether a folder holds MNIST's idx files."""
    return any(folder.glob("train-images*idx3-ubyte*"))


def parse_noise(text: str, noise_type: str) -> list[float]:
    """Read the level of ``train --noise``: a number, or two with a colon between for a range.

    Args:
        text: on the [0, 1] scale for gaussian and uniform noise, else in the type's own unit.
        noise_type: one of `denoise_ae.noise.NOISE_TYPES`.

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
) -> Recipe:
    """Put a recipe together: defaults for the data at hand or a recipe file, then the flags.

    Args:
        recipe_file: a TOML recipe, or None for the defaults.
        folders: the data's folders; a folder of pictures chooses the defaults for photographs.
        flags: dotted keys such as ``training.epochs`` -> value; a value of None was not given.
        noise: the text of ``--noise``, if given.
        noise_type: one of `denoise_ae.noise.NOISE_TYPES`, if given.

    Raises:
        UsageError: a file, a key or a value is unusable.
    """
    if recipe_file is not None:
        values = read_recipe(recipe_file)
    else:
        values = _copy(_PHOTOS if folders and not holds_idx_files(folders[0]) else _DIGITS)
    for key, value in flags.items():
        if value is not None:
            _set(values, key, value)
    if noise is not None or noise_type is not None:
        if noise is None:
            raise UsageError(f"--noise-type {noise_type} needs a level", "give it with --noise")
        kind = noise_type or "gaussian"
        if kind not in NOISE_TYPES:
            raise UsageError(f"--noise-type {kind}: unknown", f"choose one of {', '.join(NOISE_TYPES)}")
        values["noise"] = [{"type": kind, "level": parse_noise(noise, kind)}]
    return parse_recipe(values, str(recipe_file) if recipe_file else "the options")


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
