"""Weights to start from, out of a model's ONNX file or a checkpoint, with the recipe that made them.

The exporter keeps nearly all of a network's parameters as ONNX initializers under their names in torch; `with_recipe`
writes the others and the recipe beside the card, so that a model needs no second file to be trained further.
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
from denoise_ae.training.fitting.checkpoint import find_checkpoint, load_checkpoint, parameter_shapes
from denoise_ae.training.networks.autoencoder import Autoencoder
from denoise_ae.training.networks.build import build
from denoise_ae.training.recipes.recipe import NetworkRecipe, Recipe
from denoise_ae.training.recipes.recipe_file import parse_recipe

RECIPE_KEY = "denoise_ae_recipe"
"""Key of the ONNX ``metadata_props`` entry that holds the recipe as JSON."""

WEIGHT_KEY = "denoise_ae_weight:"
"""With a parameter's name, key of the entry that holds its values: float32, little-endian, in base64."""

_OF_A_BLOCK = r"(encoder\.\d+|middle|decoder\.\d+)\.\d+\.conv[12]\.weight"

_MAY_START_FRESH = re.compile(rf"estimator\..*|{_OF_A_BLOCK}")
"""The parameters of a UNet that weights to start from may lack: those of its estimator and of further blocks."""

_MAY_BE_LEFT_OUT = re.compile(_OF_A_BLOCK)
"""Those that a smaller network may do without: a residual block only corrects what goes past it."""

_WRAPPER = "network."
"""What the exporter's wrapper puts before the names that parameters have in their network."""


@dataclass(frozen=True)
class Pretrained:
    """A trained network's weights."""

    name: str
    """What to call them in a message."""
    recipe: Recipe
    """The recipe that made them, its `origin` being these weights themselves: name, SHA-256, and theirs in turn."""
    weights: dict[str, Tensor]
    """Parameter -> values, under torch's names."""

    def fresh(self, network: NetworkRecipe) -> list[str]:
        """Return the parameters of a network that these weights lack and may: of its estimator and of further blocks.

        Raises:
            TrainingError: any other parameter is missing, or one that is no block's is left over, or a shape differs;
                the first one is named.
        """
        return self._lacking(_shapes(network, self.name))

    def left_out(self, network: NetworkRecipe) -> list[str]:
        """Return those of these weights that a network of fewer blocks does without."""
        shapes = _shapes(network, self.name)
        return [name for name in self.weights if name not in shapes]

    def load_into(self, network: Autoencoder) -> None:
        """Give a network these weights; what `fresh` names stays as it was drawn.

        But the last convolutions of further blocks become 0, so that the deeper network computes at first what the
        other one did (after Net2Net, Chen et al. 2016). A network of fewer blocks gets the first ones of each scale.

        Raises:
            TrainingError: they do not fit, see `fresh`.
        """
        state = network.state_dict()
        shapes = {name: weight.shape for name, weight in state.items()}
        lacking = self._lacking(shapes)
        network.load_state_dict(self._usable(shapes), strict=False)
        for name in lacking:
            if name.endswith(".conv2.weight") and not name.startswith("estimator."):
                state[name].zero_()

    def _usable(self, shapes: dict[str, torch.Size]) -> dict[str, Tensor]:
        """Return these weights, but none of the estimator where a network's is another one."""
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
    """Read the weights that a user means; no code of theirs is run.

    Args:
        source: a model's NAME, a FILE.onnx, a checkpoint or a run's folder.

    Raises:
        ModelError: there is no such model, it is damaged, or it does not say what it takes to train it further.
        TrainingError: there is no such checkpoint, or the weights are unusable.
    """
    lowered = source.lower()
    is_onnx = lowered.endswith(".onnx")
    if lowered.endswith(".ckpt") or (catalog.is_file_name(source) and not is_onnx):
        path = find_checkpoint(Path(source))
        checkpoint = load_checkpoint(path)
        recipe, weights = checkpoint.recipe, checkpoint.weights
        label, checksum = f"{recipe.name} at step {checkpoint.step}", catalog.checksum(path)
    else:
        data = onnx_file.read_model(Path(source)) if is_onnx else catalog.find(source).read()
        recipe, weights = read_model(data, source)
        label, checksum = Path(source).stem if is_onnx else source, hashlib.sha256(data).hexdigest()
    origin = f"{label} (sha256 {checksum})" + (f", from {recipe.origin}" if recipe.origin else "")
    found = Pretrained(source, recipe.model_copy(update={"origin": origin}), weights)
    if lacking := found.fresh(recipe.network):
        raise _damaged(source, f"{lacking[0]} is missing")
    for name, weight in weights.items():
        if not weight.isfinite().all():
            raise _damaged(source, f"{name} holds numbers that are not finite")
    return found


def load_teacher(recipe: Recipe) -> Autoencoder:
    """Return the network that a recipe names as its teacher, ready for inference.

    Raises:
        ModelError, TrainingError: see `load_pretrained`; or it is asked other things than the network that learns.
    """
    source = load_pretrained(recipe.training.teacher)
    here, there = recipe.network, source.recipe.network
    if (here.type, here.channels, here.estimator, here.mask) != (
        there.type,
        there.channels,
        there.estimator,
        there.mask,
    ):
        raise TrainingError(
            f"{source.name} can't teach: it is not told what the network is told that learns",
            "choose a teacher with the same network.type, channels, estimator and mask",
        )
    network = build(source.recipe.network)
    source.load_into(network)
    return network.requires_grad_(False).eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def read_model(data: bytes, name: str) -> tuple[Recipe, dict[str, Tensor]]:
    """Read a recipe and the weights of its network, as far as they are there, from an ONNX file.

    Raises:
        ModelError: the file is none of ours.
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
    try:
        recipe = parse_recipe(json.loads(entries[RECIPE_KEY]), "its recipe")
    except (DenoiseError, ValueError, RecursionError) as error:
        raise ModelError(
            f"model {name} can't be trained further: {error}", "it may come from a newer denoise-ae"
        ) from None
    shapes = _shapes(recipe.network, name)
    try:
        stored = _initializers(model)
        for key, shape in shapes.items():
            if WEIGHT_KEY + key in entries:
                values = np.frombuffer(base64.b64decode(entries[WEIGHT_KEY + key]), "<f4")
                stored[key] = torch.from_numpy(values.astype(np.float32).reshape(shape))
    except (ValueError, TypeError) as error:
        raise _damaged(name, str(error)) from None
    return recipe, {key: stored[key] for key in shapes if key in stored}


def _initializers(model: onnx.ModelProto) -> dict[str, Tensor]:
    """Return an ONNX file's float tensors under the names that torch has for them."""
    return {
        # A copy, since what protobuf hands out can't be written to.
        tensor.name.removeprefix(_WRAPPER): torch.from_numpy(onnx.numpy_helper.to_array(tensor).copy())
        for tensor in model.graph.initializer
        if tensor.data_type == onnx.TensorProto.FLOAT
    }


def _shapes(network: NetworkRecipe, name: str) -> dict[str, torch.Size]:
    try:
        return parameter_shapes(network)
    except RuntimeError as error:
        raise _damaged(name, str(error)) from None


def _damaged(name: str, reason: str) -> TrainingError:
    first_line = reason.partition("\n")[0]
    return TrainingError(f"{name}: no weights to start from: {first_line}", "start from another model or checkpoint")


def with_recipe(model: bytes, recipe: Recipe, network: Autoencoder) -> bytes:
    """Write into an ONNX file what `load_pretrained` needs: the recipe, and the weights that the exporter changed.

    It folds what is computed from weights alone, leaves out a bias of zeros, and of two small equal weights keeps one.

    Args:
        model: the ONNX file.
        recipe: of the run.
        network: what was exported.

    Returns:
        The ONNX file to keep.
    """
    proto = onnx.load_model_from_string(model)
    stored = _initializers(proto)
    # A teacher's name goes along, but not the folder that it lay in.
    training = recipe.training.model_copy(update={"teacher": Path(recipe.training.teacher).stem})
    kept = recipe.model_copy(update={"training": training})
    proto.metadata_props.add(key=RECIPE_KEY, value=kept.model_dump_json())
    for name, weight in network.state_dict().items():
        if name not in stored or not torch.equal(stored[name], weight):
            values = weight.numpy().astype("<f4").tobytes()
            proto.metadata_props.add(key=WEIGHT_KEY + name, value=base64.b64encode(values).decode())
    data: bytes = proto.SerializeToString(deterministic=True)
    return data
