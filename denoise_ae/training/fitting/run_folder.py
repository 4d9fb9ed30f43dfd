"""A run's folder: its recipe, environment, figures, pictures and checkpoints."""

from __future__ import annotations

import csv
import io
import json
import platform
import sys
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import tomli_w

from denoise_ae.system.files import write_atomic
from denoise_ae.training.recipes.recipe import Recipe

_PACKAGES = ("denoise-ae", "torch", "lightning", "onnx", "onnxruntime", "numpy", "opencv-python-headless")


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that affect results."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def new_run_folder(runs: Path, name: str) -> Path:
    """Return a folder for a new run, named after it and the time; it does not exist yet."""
    stamp = datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
    candidates = (runs / f"{name}-{stamp}{ending}" for ending in ("", *(f"-{n}" for n in range(2, 1000))))
    return next(path for path in candidates if not path.exists())


def folder_of(checkpoint: Path) -> Path:
    """Return the folder of a checkpoint's run, or a new one beside a checkpoint that was moved out of its run."""
    parent = checkpoint.absolute().parent
    return parent.parent if parent.name == "checkpoints" else parent / f"{checkpoint.stem}-resumed"


class RunFolder:
    """The folder of one run, made when missing."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.checkpoints = path / "checkpoints"
        self.last = self.checkpoints / "last.ckpt"
        self.checkpoints.mkdir(parents=True, exist_ok=True)

    def start(self, recipe: Recipe, *, resumed: bool) -> None:
        """Write the recipe and the environment; a new run removes old metrics."""
        text = tomli_w.dumps(recipe.model_dump(mode="json", exclude_none=True))
        self._write("recipe.toml", f"# The recipe as run.\n{text}".encode())
        environment = {"versions": versions(), "platform": platform.platform(), "command": sys.argv[1:]}
        self._write("environment.json", json.dumps(environment, indent=2).encode())
        if not resumed:
            (self.path / "metrics.csv").unlink(missing_ok=True)

    def append_metrics(self, row: dict[str, float]) -> list[dict[str, float]]:
        """Add an epoch's figures to ``metrics.csv`` and return all rows.

        Rows of the same or a later epoch, left by a run that was killed and resumed, are replaced.
        """
        rows = [old for old in self.metrics() if old["epoch"] < row["epoch"]] + [row]
        text = io.StringIO()
        writer = csv.DictWriter(text, list(row), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        self._write("metrics.csv", text.getvalue().encode())
        return rows

    def metrics(self) -> list[dict[str, float]]:
        """Return the rows of ``metrics.csv``; none where there is no such file."""
        path = self.path / "metrics.csv"
        if not path.exists():
            return []
        with path.open(newline="", encoding="utf-8") as file:
            return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]

    def write_picture(self, name: str, png: bytes) -> None:
        """Write an encoded picture."""
        self._write(name, png)

    def _write(self, name: str, data: bytes) -> None:
        write_atomic(self.path / name, data, overwrite=True)
