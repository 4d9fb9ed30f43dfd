"""Read recipes from TOML files, models and checkpoints; unknown keys are errors."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from denoise_ae.errors import UsageError
from denoise_ae.training.recipes.recipe import Recipe

LONGEST_RECIPE = 1 << 14
"""Bytes that a recipe's file may have; ours have 2,000. TOML takes time with the square of a key's parts."""


def parse_recipe(values: dict[str, Any], name: str) -> Recipe:
    """Check a recipe's values.

    Raises:
        UsageError: an unknown key, a wrong type or an impossible value; the message names it.
    """
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        what = "unknown key" if first["type"] == "extra_forbidden" else first["msg"].removeprefix("Value error, ")
        raise UsageError(f"{name}: {where}: {what}" if where else f"{name}: {what}", "see train/recipes") from None


_RENAMED = {"told": "conditioned", "caution": "underestimate_weight"}
_REMOVED = ("rounded", "kept")


def parse_stored_recipe(values: Any, name: str) -> Recipe:  # noqa: ANN401 - whatever a file holds
    """Check the recipe that a model or a checkpoint holds; see `parse_recipe`.

    Those made before 0.1.0 have other names for some keys, and two that only said how a network was trained.
    """
    if isinstance(values, dict):
        values = {key: _with_current_keys(value) for key, value in values.items()}
    return parse_recipe(values, name)


def _with_current_keys(value: Any) -> Any:  # noqa: ANN401
    """Rename the keys of a table, or of each in a list of tables."""
    if isinstance(value, list):
        return [_with_current_keys(entry) if isinstance(entry, dict) else entry for entry in value]
    if not isinstance(value, dict):
        return value
    return {_RENAMED.get(key, key): entry for key, entry in value.items() if key not in _REMOVED}


def read_recipe(path: Path) -> dict[str, Any]:
    """Read a recipe's raw values from a TOML file.

    Raises:
        UsageError: the file is missing or is no TOML.
    """
    try:
        with path.open("rb") as file:
            data = file.read(LONGEST_RECIPE + 1)
        if len(data) > LONGEST_RECIPE:
            raise ValueError("it is far too long")
        return tomllib.loads(data.decode())
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}", "give a recipe, as in train/recipes") from None
    except RecursionError:
        raise UsageError(f"{path}: not a recipe: it nests too deeply", "see train/recipes") from None
    except ValueError as error:  # besides TOML's and UTF-8's own, a number of thousands of digits
        raise UsageError(f"{path}: not a TOML file: {error}", "see train/recipes") from None
