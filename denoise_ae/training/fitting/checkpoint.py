"""Checkpoints: what ours hold beside Lightning's state, and reading them without running code in them."""

from __future__ import annotations

import pickle
import warnings
import zipfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from denoise_ae.errors import TrainingError
from denoise_ae.training.networks.autoencoder import Autoencoder
from denoise_ae.training.networks.build import build
from denoise_ae.training.recipes.recipe import NetworkRecipe, Recipe
from denoise_ae.training.recipes.recipe_file import parse_stored_recipe

CHECKPOINT_KEY = "denoise_ae"
"""Where `RunState` lies in the checkpoint."""

_NETWORK_PREFIX = "network."


@dataclass(frozen=True)
class RunState:
    """What it takes to resume a run or to export it."""

    recipe: dict[str, Any]
    folders: list[str]
    """The data's folders, so that ``--resume`` needs no ``--data``; an exported model does not contain them."""
    figures: dict[str, float] = field(default_factory=dict)
    """The last validation: label -> PSNR in dB."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, as `torch.load` with ``weights_only`` takes them."""
        return asdict(self)


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that has been read."""

    path: Path
    recipe: Recipe
    folders: list[Path]
    step: int
    figures: dict[str, float]
    weights: dict[str, torch.Tensor]
    """The network's weights: the moving average where the run kept one."""

    def network(self) -> Autoencoder:
        """Return the network with these weights, ready for inference.

        Raises:
            TrainingError: the weights do not fit the recipe's network.
        """
        try:
            if shapes_of(build_outline(self.recipe.network)) != {name: w.shape for name, w in self.weights.items()}:
                raise RuntimeError("names or shapes differ")
            network = build(self.recipe.network)
            network.load_state_dict(self.weights)
        except RuntimeError as error:
            reason = str(error).splitlines()[0]
            raise TrainingError(
                f"{self.path}: the weights do not fit the recipe: {reason}", "give another checkpoint"
            ) from None
        return network.eval()


def build_outline(network: NetworkRecipe) -> Autoencoder:
    """Build a network without memory for its weights (on the meta device), to check weights against.

    Raises:
        RuntimeError: there can be no such network.
    """
    with torch.device("meta"):
        return build(network)


def shapes_of(network: Autoencoder) -> dict[str, torch.Size]:
    """Return the shapes of a network's parameters."""
    return {name: weight.shape for name, weight in network.state_dict().items()}


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint of ours.

    Only tensors and plain values are loaded: a pickle with code in it is refused and nothing of it runs.

    Raises:
        TrainingError: the file is missing, damaged, malicious or not one of ours.
    """
    try:
        _check_archive(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # from torch, about a file that is refused
            raw = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise TrainingError(f"{path}: no such checkpoint", "give a run's folder or its checkpoints/best.ckpt") from None
    except Exception as error:  # a broken pickle can raise anything
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        if isinstance(error, pickle.UnpicklingError):  # torch would say how to load it all the same
            reason = "it holds other objects"
        raise TrainingError(
            f"{path}: not a checkpoint that can be trusted: {reason}", "only plain tensors and values are loaded"
        ) from None
    try:
        state, weights = raw[CHECKPOINT_KEY], raw["state_dict"]
        recipe, folders = state["recipe"], [Path(folder) for folder in state["folders"]]
        figures = {str(label): float(value) for label, value in state.get("figures", {}).items()}
        step = int(raw["global_step"])
        own = {k.removeprefix(_NETWORK_PREFIX): v for k, v in weights.items() if k.startswith(_NETWORK_PREFIX)}
        if not all(isinstance(weight, torch.Tensor) for weight in own.values()):
            raise TypeError("weights are tensors")
    except (LookupError, TypeError, ValueError, AttributeError, RuntimeError, OverflowError):
        raise TrainingError(f"{path}: not a checkpoint of denoise-ae", "give one that `train` wrote") from None
    return Checkpoint(path, parse_stored_recipe(recipe, str(path)), folders, step, figures, own)


def _check_archive(path: Path) -> None:
    """Check that a file is an archive as torch.save writes them, in which nothing is compressed.

    Other files never get to torch, which reads older formats too.

    Raises:
        ValueError, zipfile.BadZipFile: it is none.
        OSError: it can't be read.
    """
    size = path.stat().st_size
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
        raise ValueError("it is compressed, which checkpoints are not")
    if sum(entry.file_size for entry in entries) > size:
        raise ValueError("it claims more than it holds")


def find_checkpoint(path: Path, which: str = "best") -> Path:
    """Return the checkpoint of a run, or the one that is named itself.

    Args:
        path: a ``.ckpt`` file or a run's folder.
        which: ``best`` or ``last``; if a run does not have that yet, the other one.

    Raises:
        TrainingError: there is none.
    """
    if path.is_file():
        return path
    for name in (which, "best" if which == "last" else "last"):
        candidate = path / "checkpoints" / f"{name}.ckpt"
        if candidate.is_file():
            return candidate
    raise TrainingError(f"{path}: no checkpoint there", "give a run's folder or a .ckpt file")


def newest_run(runs: Path) -> Path:
    """Return the run whose checkpoint was written last.

    Raises:
        TrainingError: no run with a checkpoint is found.
    """
    found = [path for path in runs.glob("*/checkpoints/*.ckpt") if path.is_file()]
    if not found:
        raise TrainingError(f"no run with a checkpoint in {runs}", "train one first: denoise-ae train --noise 0.3")
    return max(found, key=lambda path: path.stat().st_mtime).parent.parent
