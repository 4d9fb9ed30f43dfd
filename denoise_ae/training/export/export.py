"""Export a checkpoint to one ONNX file and its card, once onnxruntime agrees with torch."""

from __future__ import annotations

import contextlib
import hashlib
import io
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from denoise_ae.errors import TrainingError
from denoise_ae.modelfiles.card import METADATA_KEY, ModelCard
from denoise_ae.modelfiles.graph import (
    CODE_OUTPUT,
    DECODED_OUTPUT,
    GIVEN_INPUT,
    LARGEST_ESTIMATE,
    LEVEL_OUTPUT,
    LIMIT_INPUT,
    MASK_INPUT,
    SIGMA_INPUT,
)
from denoise_ae.modelfiles.session import Session
from denoise_ae.system.files import write_atomic
from denoise_ae.training.fitting.checkpoint import Checkpoint, load_checkpoint
from denoise_ae.training.fitting.pretrained import with_recipe
from denoise_ae.training.fitting.run_folder import versions
from denoise_ae.training.networks.autoencoder import Autoencoder
from denoise_ae.training.networks.build import count_parameters, macs_per_pixel
from denoise_ae.training.recipes.description import describe_network, describe_noise
from denoise_ae.training.recipes.recipe import NoiseRecipe

OPSET = 18
"""Runs on onnxruntime 1.14 and later, and has every operator that we use."""

TOLERANCE = 1e-4
"""Largest difference allowed between onnxruntime and torch, on the [0, 1] scale."""


class _Interface(nn.Module):
    """A network for pictures of any size, with the inputs and outputs of its ONNX model."""

    def __init__(self, network: Autoencoder) -> None:
        super().__init__()
        self.network = network

    def forward(
        self, image: Tensor, sigma: Tensor | None = None, largest: Tensor | None = None
    ) -> Tensor | tuple[Tensor, Tensor]:
        if self.network.estimates_sigma:
            assert sigma is not None
            return self.network.restore(image, sigma, largest)
        restored: Tensor = self.network(image, image.new_zeros(1, 1, 1, 1) if sigma is None else sigma)
        return restored


class _CodeInterface(nn.Module):
    """A network with a latent code, with the inputs and outputs of its ONNX model."""

    def __init__(self, network: Autoencoder) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor, given: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        code = self.network.encode(image)
        return self.network.decode(code), code, self.network.decode(given)


def export(
    checkpoint: Path,
    output: Path,
    *,
    name: str | None = None,
    measured: Mapping[str, float] | None = None,
    overwrite: bool = False,
) -> ModelCard:
    """Write a checkpoint as an ONNX model and, beside it, its card as JSON.

    Args:
        checkpoint: one that `fit` wrote.
        output: the ``.onnx`` file; the card goes beside it with the suffix ``.json``.
        name: the model's name; the recipe's by default.
        measured: further figures for the card: what was measured -> dB.
        overwrite: replace files that exist.

    Returns:
        The card, with the file's checksum.

    Raises:
        TrainingError: the checkpoint is unusable, or onnxruntime and torch disagree by more than `TOLERANCE`.
        OutputError: a file exists and `overwrite` is false, or the folder can't be written.
    """
    loaded = load_checkpoint(checkpoint)
    network = loaded.network()
    card = _card(loaded, network, name or loaded.recipe.name, measured or {})
    data = with_recipe(to_onnx(network, card), loaded.recipe, network)
    return write_checked(str(checkpoint), network, data, card, output, overwrite=overwrite)


def write_checked(
    source: str, network: Autoencoder, data: bytes, card: ModelCard, output: Path, *, overwrite: bool
) -> ModelCard:
    """Write an ONNX file and its card, once onnxruntime agrees with torch.

    Args:
        source: where the network comes from, for a message.
        network: the network in torch.
        data: the ONNX file.
        card: its card, less the checksum.
        output: see `export`.
        overwrite: see `export`.

    Returns:
        The card, with the file's checksum.

    Raises:
        TrainingError: they disagree by more than `TOLERANCE`.
        OutputError: see `export`.
    """
    worst = largest_difference(network, data)
    if not worst < TOLERANCE:
        raise TrainingError(
            f"{source}: onnxruntime and torch differ by {worst:.2g}, more than {TOLERANCE:g}: not exported",
            "please report this with the recipe",
        )
    card = card.with_checksum(hashlib.sha256(data).hexdigest())
    write_atomic(output, data, overwrite=overwrite)
    write_atomic(output.with_suffix(".json"), card.to_json().encode(), overwrite=overwrite)
    return card


def _card(checkpoint: Checkpoint, network: Autoencoder, name: str, measured: Mapping[str, float]) -> ModelCard:
    recipe = checkpoint.recipe
    taught = f", taught by {Path(recipe.training.teacher).stem}" if recipe.training.teacher else ""
    psnr = {label: round(value, 2) for label, value in {**measured, **checkpoint.figures}.items()}
    return ModelCard(
        name=name,
        description=recipe.description,
        channels=network.channels,
        size_multiple=network.size_multiple,
        fixed_size=network.fixed_size,
        receptive_field=network.receptive_field,
        takes_sigma=network.takes_sigma,
        estimates_sigma=network.estimates_sigma,
        takes_mask=network.takes_mask,
        latent=network.latent,
        variational=network.variational,
        noise=describe_noise(recipe),
        sigma_range=_sigma_range(recipe.noise),
        network=describe_network(recipe.network),
        parameters=count_parameters(network),
        kmac_per_pixel=round(macs_per_pixel(network) / 1e3, 2),
        data=recipe.pictures,
        license=recipe.data_license,
        psnr=psnr,
        recipe=f"{recipe.name}, {checkpoint.step} steps{taught}" + (f", from {recipe.origin}" if recipe.origin else ""),
        versions=versions(),
        created=datetime.now(UTC).date().isoformat(),
    )


def _sigma_range(kinds: tuple[NoiseRecipe, ...]) -> tuple[float, float] | None:
    levels = [level for kind in kinds if kind.type == "gaussian" for level in kind.level]
    return (min(levels), max(levels)) if levels else None


def to_onnx(network: Autoencoder, card: ModelCard) -> bytes:
    """Return one ONNX file: dynamic batch, height and width, weights inside, the card as metadata."""
    channels = network.channels
    height, width = network.fixed_size or (8 * network.size_multiple, 10 * network.size_multiple)
    image = torch.zeros(2, channels, height, width)
    batch = torch.export.Dim("batch", min=1)
    dynamic = {0: batch}
    if network.fixed_size is None:
        dynamic |= dict.fromkeys((2, 3), torch.export.Dim.DYNAMIC)
    wrapper: nn.Module = _CodeInterface(network) if network.latent else _Interface(network)
    # Inputs: example, dynamic shape, name.
    inputs: list[tuple[Tensor, dict[int, Any], str]] = [(image, dynamic, "image")]
    outputs = ["clean"]
    if network.latent:
        codes = torch.export.Dim("codes", min=1)
        inputs.append((torch.zeros(3, network.latent), {0: codes}, GIVEN_INPUT))
        outputs += [CODE_OUTPUT, DECODED_OUTPUT]
    elif network.takes_mask:
        inputs.append((torch.zeros(2, 1, height, width), dynamic, MASK_INPUT))
    elif network.takes_sigma:
        inputs.append((torch.zeros(2, 1, 1, 1), {0: batch}, SIGMA_INPUT))
    if network.estimates_sigma:
        inputs.append((torch.zeros(1, 1, 1, 1), {}, LIMIT_INPUT))
        outputs.append(LEVEL_OUTPUT)
    arguments, shapes, names = zip(*inputs, strict=True)
    with _quiet():
        program = torch.onnx.export(
            wrapper,
            arguments,
            dynamo=True,
            dynamic_shapes=shapes,
            input_names=list(names),
            output_names=outputs,
            opset_version=OPSET,
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    # Defaults, so that to clean pictures neither codes need be given nor a limit.
    if network.latent:
        give_default(model, GIVEN_INPUT, np.zeros((1, network.latent), np.float32))
    if network.estimates_sigma:
        give_default(model, LIMIT_INPUT, np.full((1, 1, 1, 1), LARGEST_ESTIMATE, np.float32))
    _strip(model)
    model.producer_name = "denoise-ae"
    onnx.helper.set_model_props(model, {METADATA_KEY: card.to_json()})
    onnx.checker.check_model(model, full_check=True)
    data: bytes = model.SerializeToString(deterministic=True)
    return data


def give_default(model: onnx.ModelProto, name: str, value: NDArray[np.float32]) -> None:
    """Give an input a default value."""
    model.graph.initializer.append(onnx.numpy_helper.from_array(value, name))


def _strip(model: onnx.ModelProto) -> None:
    """Remove the exporter's notes, which hold paths of the machine, and name height and width."""
    model.doc_string = ""
    graph = model.graph
    graph.ClearField("doc_string")
    for item in (*graph.node, *graph.input, *graph.output, *graph.initializer, graph):
        item.ClearField("metadata_props")
        item.ClearField("doc_string")
    graph.ClearField("value_info")
    for value in (graph.input[0], graph.output[0]):
        for axis, name in ((2, "height"), (3, "width")):
            dim = value.type.tensor_type.shape.dim[axis]
            if dim.dim_param:
                dim.dim_param = name


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's progress and warnings off the terminal."""
    logger = logging.getLogger("torch.onnx")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)


def largest_difference(network: Autoencoder, model: bytes) -> float:
    """Compare onnxruntime with torch on random pictures of several odd sizes and batch sizes.

    Args:
        network: the network in torch.
        model: the ONNX file's bytes.

    Returns:
        The largest absolute difference on the [0, 1] scale.
    """
    session = Session(model, device="cpu", name="the exported model")
    multiple = network.size_multiple
    sizes = [(1, 1), (3, 5), (17, 9)]
    shapes = [network.fixed_size] * 3 if network.fixed_size else [(h * multiple, w * multiple) for h, w in sizes]
    random = torch.Generator().manual_seed(0)
    levels = [25 / 255, -1.0] if network.estimates_sigma else [25 / 255] if network.takes_sigma else [None]
    worst = 0.0
    for batch, (height, width) in zip((1, 2, 5), shapes, strict=True):
        image = torch.rand(batch, network.channels, height, width, generator=random)
        for level in levels:
            condition = torch.full((batch, 1, 1, 1), level or 0.0)
            if network.takes_mask:
                condition = (torch.rand(batch, 1, height, width, generator=random) < 0.5).float()
                results: Sequence[Any] = [session.fill(image.numpy(), condition.numpy())]
            else:
                results = session.restore(image.numpy(), level)
            with torch.no_grad():
                estimates = network.estimates_sigma
                expected = network.restore(image, condition) if estimates else [network(image, condition)]
            for wanted, found in zip(expected, results, strict=False):
                assert found is not None
                worst = max(worst, _apart(wanted, found))
        if network.latent:
            with torch.no_grad():
                code = network.encode(image)
                worst = max(worst, _apart(network.decode(code), session.decode(code.numpy())))
            # Codes have a scale of their own.
            worst = max(worst, _apart(code, session.encode(image.numpy())) / max(1.0, float(code.abs().max())))
    return worst


def _apart(wanted: Tensor, found: NDArray[np.float32]) -> float:
    """Return the largest difference; infinity where there is NaN, which must not pass through max()."""
    difference = np.abs(wanted.numpy() - found).max()
    return float(difference) if np.isfinite(difference) else float("inf")
