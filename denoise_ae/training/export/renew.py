"""Export a model again from the weights in its own file, so that it gets what newer versions add."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from denoise_ae.errors import TrainingError
from denoise_ae.modelfiles.card import ModelCard
from denoise_ae.modelfiles.onnx_file import read_model
from denoise_ae.modelfiles.trial import try_out
from denoise_ae.training.export.export import to_onnx, write_checked
from denoise_ae.training.fitting import pretrained
from denoise_ae.training.fitting.run_folder import versions
from denoise_ae.training.networks.build import build


def renew(
    model: Path,
    output: Path,
    *,
    name: str | None = None,
    measured: Mapping[str, float] | None = None,
    overwrite: bool = False,
) -> ModelCard:
    """Write a model and its card as `denoise_ae.training.export.export.export` writes them today.

    The weights, and so the results, stay as they are, and so does what the card says about training and quality.

    Args:
        model: an ONNX file that `export` wrote, in float32.
        output: the ``.onnx`` file to write; the card goes beside it with the suffix ``.json``.
        name: the model's name; by default unchanged.
        measured: further figures for the card: what was measured -> dB.
        overwrite: replace files that exist.

    Returns:
        The card, with the file's checksum.

    Raises:
        ModelError: the file was not written by `export`.
        TrainingError: it does not hold all weights, or onnxruntime and torch disagree.
        OutputError: a file exists and `overwrite` is false, or the folder can't be written.
    """
    data = read_model(model)
    old = try_out(data, model.stem)
    recipe, _, weights = pretrained.read_trainable(data, str(model))
    network = build(recipe.network)
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        reason = str(error).splitlines()[0]
        raise TrainingError(f"{model}: the weights do not fit the recipe: {reason}", "give another model") from None
    network.eval()
    card = replace(
        old,
        name=name or old.name,
        latent=network.latent,
        variational=network.variational,
        psnr=old.psnr | {label: round(value, 2) for label, value in (measured or {}).items()},
        versions=versions(),
        created=datetime.now(UTC).date().isoformat(),
        sha256="",
    )
    data = pretrained.with_recipe(to_onnx(network, card), recipe, network)
    return write_checked(str(model), network, data, card, output, overwrite=overwrite)
