"""Weights to start from, read from a model's ONNX file or a checkpoint, with the recipe that made them.

The exporter keeps nearly all parameters as ONNX initializers under their names in torch. `with_recipe` stores the
others and the recipe as metadata, so that a model can be trained further from its one file.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import torch
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from torch import Tensor

from denoise_ae.errors import DenoiseError, ModelError, TrainingError
from denoise_ae.modelfiles import catalog, onnx_file
from denoise_ae.modelfiles.onnx_file import check_model
from denoise_ae.training.fitting.checkpoint import build_outline, find_checkpoint, load_checkpoint, shapes_of
from denoise_ae.training.networks.autoencoder import Autoencoder
from denoise_ae.training.networks.build import build
from denoise_ae.training.recipes.recipe import NetworkRecipe, Recipe
from denoise_ae.training.recipes.recipe_file import parse_stored_recipe

RECIPE_KEY = "denoise_ae_recipe"
"""Key of the ONNX ``metadata_props`` entry that holds the recipe as JSON."""

WEIGHT_KEY = "denoise_ae_weight:"
"""With a parameter's name, key of the entry that holds its values: float32, little-endian, in base64."""

_OF_A_BLOCK = r"(encoder\.\d+|middle|decoder\.\d+)\.\d+\.conv[12]\.weight"

_MAY_START_FRESH = re.compile(rf"estimator\..*|{_OF_A_BLOCK}")
"""Parameters of a UNet that the weights may lack: those of its estimator and of additional blocks."""

_MAY_BE_LEFT_OUT = re.compile(_OF_A_BLOCK)
"""Parameters that a smaller network may leave out: a residual block only corrects what bypasses it."""

_WRAPPER = "network."
"""Prefix of parameters' names in the exporter's wrapper."""


@dataclass(frozen=True)
class Pretrained:
    """The weights of a trained network."""

    name: str
    """For messages."""
    recipe: Recipe
    """The recipe that made them; its `origin` names these weights, with their SHA-256 and their own origin."""
    weights: dict[str, Tensor]
    """Parameter's name in torch -> values."""

    def fresh(self, network: Autoencoder) -> list[str]:
        """Return a network's parameters that these weights lack, as they may: of its estimator and additional blocks.

        Raises:
            TrainingError: another parameter is missing or left over, or a shape differs; the first one is named.
        """
        return self._lacking(shapes_of(network))

    def left_out(self, network: Autoencoder) -> list[str]:
        """Return the weights that a network of fewer blocks does not have."""
        shapes = shapes_of(network)
        return [name for name in self.weights if name not in shapes]

    def load_into(self, network: Autoencoder) -> None:
        """Load these weights into a network; the parameters that `fresh` names keep their values.

        But the last convolutions of additional blocks become 0, so that the deeper network computes at first the same
        as the old one (after Net2Net, Chen et al. 2016). A network of fewer blocks gets the first ones of each scale.

        Raises:
            TrainingError: they do not fit, see `fresh`.
        """
        state, shapes = network.state_dict(), shapes_of(network)
        lacking = self._lacking(shapes)
        network.load_state_dict(self._usable(shapes), strict=False)
        for name in lacking:
            if name.endswith(".conv2.weight") and not name.startswith("estimator."):
                state[name].zero_()

    def _usable(self, shapes: dict[str, torch.Size]) -> dict[str, Tensor]:
        """Return these weights, without the estimator's if the network's differs."""
        own = {name for name in self.weights if name.startswith("estimator.")}
        same = all(self.weights[name].shape == shapes[name] for name in own if name in shapes)
        return {name: weight for name, weight in self.weights.items() if same or name not in own}

    def _lacking(self, shapes: dict[str, torch.Size]) -> list[str]:
        weights = self._usable(shapes)
        lacking = [name for name in shapes if name not in weights and _MAY_START_FRESH.fullmatch(name)]
        spare = {name for name in weights if name not in shapes and _MAY_BE_LEFT_OUT.fullmatch(name)}
        for name in dict.fromkeys((*shapes, *weights)):
            here = tuple(weights[name].shape) if name in weights else "none"
            wanted = tuple(shapes[name]) if name in shapes else "none"
            if name not in lacking and name not in spare and here != wanted:
                raise TrainingError(
                    f"{self.name}: the weights do not fit the network: {name} is {here}, not {wanted}",
                    "start from weights of this very network",
                )
        return lacking


def load_pretrained(source: str) -> Pretrained:
    """Read weights to start from; no code in the file is run.

    Args:
        source: a model's NAME, a FILE.onnx, a checkpoint or a run's folder.

    Raises:
        ModelError: there is no such model, it is damaged, or it does not hold its recipe.
        TrainingError: there is no such checkpoint, or the weights are unusable.
    """
    lowered = source.lower()
    is_onnx = lowered.endswith(".onnx")
    if lowered.endswith(".ckpt") or (catalog.is_file_name(source) and not is_onnx):
        path = find_checkpoint(Path(source))
        checkpoint = load_checkpoint(path)
        recipe, weights = checkpoint.recipe, checkpoint.weights
        outline = _outline(recipe.network, source)
        label, checksum = f"{recipe.name} at step {checkpoint.step}", catalog.checksum(path)
    else:
        data = onnx_file.read_model(Path(source)) if is_onnx else catalog.find(source).read()
        recipe, outline, weights = read_trainable(data, source)
        label, checksum = Path(source).stem if is_onnx else source, hashlib.sha256(data).hexdigest()
    origin = f"{label} (sha256 {checksum})" + (f", from {recipe.origin}" if recipe.origin else "")
    found = Pretrained(source, recipe.model_copy(update={"origin": origin}), weights)
    if lacking := found.fresh(outline):
        raise _damaged(source, f"{lacking[0]} is missing")
    for name, weight in weights.items():
        if not weight.isfinite().all():
            raise _damaged(source, f"{name} holds numbers that are not finite")
    return found


def load_teacher(recipe: Recipe) -> Autoencoder:
    """Return the network that a recipe names as its teacher, ready for inference.

    Raises:
        ModelError, TrainingError: see `load_pretrained`; or its inputs are not those of the network that it teaches.
    """
    source = load_pretrained(recipe.training.teacher)
    here, there = recipe.network, source.recipe.network
    if any(getattr(here, key) != getattr(there, key) for key in ("type", "channels", "estimator", "mask")):
        raise TrainingError(
            f"{source.name} can't teach this network, which has other inputs",
            "choose a teacher with the same network.type, channels, estimator and mask",
        )
    network = build(source.recipe.network)
    source.load_into(network)
    return network.requires_grad_(False).eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def read_trainable(data: bytes, name: str) -> tuple[Recipe, Autoencoder, dict[str, Tensor]]:
    """Read from an ONNX file what it takes to train it further.

    Returns:
        The recipe, an outline of its network (see `build_outline`), and those of its weights that are there.

    Raises:
        ModelError: the file was not written by `export`.
        TrainingError: the weights are damaged.
    """
    check_model(data, name)
    try:
        model = onnx.load_model_from_string(data)
    except DecodeError as error:
        raise _damaged(name, str(error)) from None
    entries = {entry.key: entry.value for entry in model.metadata_props}
    if RECIPE_KEY not in entries:
        raise ModelError(
            f"model {name} can't be trained further: it does not hold the recipe of its network",
            "give the run or the checkpoint that it was exported from, or export that again",
        )
    recipe = stored_recipe(entries[RECIPE_KEY], f"model {name} can't be trained further")
    outline = _outline(recipe.network, name)
    shapes = shapes_of(outline)
    try:
        stored = _initializers(model)
        for key, shape in shapes.items():
            if WEIGHT_KEY + key in entries:
                values = np.frombuffer(base64.b64decode(entries[WEIGHT_KEY + key]), "<f4")
                stored[key] = torch.from_numpy(values.astype(np.float32).reshape(shape))
    except (ValueError, TypeError) as error:
        raise _damaged(name, str(error)) from None
    return recipe, outline, {key: stored[key] for key in shapes if key in stored}


def stored_recipe(text: str, failure: str) -> Recipe:
    """Read the recipe in a model's metadata, under `RECIPE_KEY`.

    Args:
        text: JSON.
        failure: what can't be done without it, to begin an error's message with.

    Raises:
        ModelError: it can't be read.
    """
    try:
        return parse_stored_recipe(json.loads(text), "its recipe")
    except (DenoiseError, ValueError, RecursionError) as error:
        raise ModelError(f"{failure}: {error}", "it may come from a newer denoise-ae") from None


def _initializers(model: onnx.ModelProto) -> dict[str, Tensor]:
    """Return an ONNX file's float tensors by their names in torch."""
    return {
        # A copy, since protobuf's arrays are read-only.
        tensor.name.removeprefix(_WRAPPER): torch.from_numpy(onnx.numpy_helper.to_array(tensor).copy())
        for tensor in model.graph.initializer
        if tensor.data_type == onnx.TensorProto.FLOAT
    }


def _outline(network: NetworkRecipe, name: str) -> Autoencoder:
    try:
        return build_outline(network)
    except RuntimeError as error:
        raise _damaged(name, str(error)) from None


def _damaged(name: str, reason: str) -> TrainingError:
    first_line = reason.partition("\n")[0]
    return TrainingError(f"{name}: no weights to start from: {first_line}", "start from another model or checkpoint")


def with_recipe(model: bytes, recipe: Recipe, network: Autoencoder) -> bytes:
    """Add to an ONNX file what `load_pretrained` needs: the recipe, and the weights that the exporter changed.

    It folds constants, drops biases of zeros, and merges small equal weights.

    Args:
        model: the ONNX file.
        recipe: the run's recipe.
        network: the network that was exported.

    Returns:
        The ONNX file with the metadata.
    """
    proto = onnx.load_model_from_string(model)
    stored = _initializers(proto)
    # The teacher's name, but not its folder.
    training = recipe.training.model_copy(update={"teacher": Path(recipe.training.teacher).stem})
    kept = recipe.model_copy(update={"training": training})
    proto.metadata_props.add(key=RECIPE_KEY, value=kept.model_dump_json())
    for name, weight in network.state_dict().items():
        if name not in stored or not torch.equal(stored[name], weight):
            values = weight.numpy().astype("<f4").tobytes()
            proto.metadata_props.add(key=WEIGHT_KEY + name, value=base64.b64encode(values).decode())
    data: bytes = proto.SerializeToString(deterministic=True)
    return data
