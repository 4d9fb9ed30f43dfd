"""Export a model quantised to 8 bits, unless it loses too much quality."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import fmean

import numpy as np
import onnx

from denoise_ae.errors import TrainingError
from denoise_ae.measure.metrics import psnr
from denoise_ae.modelfiles.card import METADATA_KEY, ModelCard
from denoise_ae.modelfiles.graph import SIGMA_INPUT
from denoise_ae.modelfiles.onnx_file import read_model
from denoise_ae.modelfiles.session import Session
from denoise_ae.modelfiles.trial import try_out
from denoise_ae.system.files import check_target, write_atomic
from denoise_ae.training.export.calibration import Noise, Sample, samples
from denoise_ae.training.export.quantize import Feeds, quantize
from denoise_ae.training.fitting.pretrained import RECIPE_KEY, stored_recipe
from denoise_ae.training.recipes.recipe import NoiseRecipe

LARGEST_LOSS = 0.5
"""Most that a quantised model may lose, in dB."""


@dataclass(frozen=True)
class Judgement:
    """Mean PSNR (dB) of a model and its quantised version on the same noisy crops."""

    float32: float
    int8: float
    crops: int
    """Number of crops times levels of noise; none was used for calibration."""

    @property
    def loss(self) -> float:
        """PSNR lost by quantisation, in dB."""
        return self.float32 - self.int8


def export_int8(
    model: Path,
    output: Path,
    calibration: Path,
    *,
    name: str | None = None,
    kept: str = "finest",
    measured: Mapping[str, float] | None = None,
    overwrite: bool = False,
) -> tuple[ModelCard, Judgement]:
    """Write a model quantised to 8 bits and, beside it, its card as JSON.

    Args:
        model: an ONNX file that `export` wrote, in float32.
        output: the ``.onnx`` file; the card goes beside it with the suffix ``.json``.
        calibration: folder of clean pictures, of the sort that the model is for.
        name: the quantised model's name; by default the model's with ``-int8`` appended.
        kept: what stays in float32, see `KEPT`.
        measured: figures for the quantised model's card: what was measured -> dB.
        overwrite: replace files that exist.

    Returns:
        The card, with the file's checksum, and how the two models compare on other crops.

    Raises:
        TrainingError: the folder or the model is unsuitable, or the model would lose more than `LARGEST_LOSS`.
        ModelError: the model can't be read, or is no image-to-image network.
        OutputError: a file exists and `overwrite` is false, or the folder can't be written.
    """
    written = output, output.with_suffix(".json")
    for path in written:
        check_target(path, overwrite)
    data = read_model(model)
    card = try_out(data, model.stem)
    if card.takes_mask:
        raise TrainingError(f"model {card.name} repairs, and is not quantised", "int8 is for models that clean")
    exact = Session(data, "cpu", name=model.stem, card=card)
    if card.fixed_size is not None:
        height, width = card.fixed_size
        raise TrainingError(
            f"model {card.name} takes {width} x {height} pixels only, too few to gain from int8",
            "int8 is for models that take pictures of any size",
        )
    proto = onnx.load_model_from_string(data)
    calibrating, judging = samples(calibration, card, noise_of(proto, card))
    quantised = quantize(proto, [feeds(sample) for sample in calibrating], kept=kept, name=card.name)
    judgement = judge(exact, Session(quantised.SerializeToString(), "cpu", name=model.stem, card=card), judging)
    if not judgement.loss < LARGEST_LOSS:
        raise TrainingError(
            f"quantised, model {card.name} loses {judgement.loss:.2f} dB, more than {LARGEST_LOSS:g}: not exported",
            "calibrate with pictures that are more like those that the model is for",
        )
    card = _card(card, name or f"{card.name}-int8", judgement, measured or {})
    data = serialise(quantised, card)
    card = card.with_checksum(hashlib.sha256(data).hexdigest())
    for path, content in zip(written, (data, card.to_json().encode()), strict=True):
        write_atomic(path, content, overwrite=overwrite)
    return card, judgement


def noise_of(model: onnx.ModelProto, card: ModelCard) -> Noise:
    """Return the noise that a model was trained for: that of its recipe, or else the Gaussian noise of its card.

    Raises:
        ModelError: the recipe can't be read.
        TrainingError: the model says neither.
    """
    entries = {entry.key: entry.value for entry in model.metadata_props}
    if RECIPE_KEY in entries:
        recipe = stored_recipe(entries[RECIPE_KEY], f"model {card.name} can't be calibrated")
        return Noise(recipe.noise, clip=recipe.data.clip)
    if card.sigma_range is None:
        raise TrainingError(
            f"model {card.name} can't be calibrated: it does not say which noise it is for",
            "give a model or a checkpoint that denoise-ae made",
        )
    return Noise([NoiseRecipe(type="gaussian", level=card.sigma_range)], clip=False)


def feeds(sample: Sample) -> Feeds:
    """Return a model's inputs by name."""
    inputs = {"image": sample.noisy}
    if sample.sigma is not None:
        inputs[SIGMA_INPUT] = np.full((1, 1, 1, 1), sample.sigma, np.float32)
    return inputs


def judge(exact: Session, quantised: Session, judging: Sequence[Sample]) -> Judgement:
    """Compare a quantised model with the original."""

    def mean_psnr(session: Session) -> float:
        return fmean(psnr(session.run(sample.noisy, sample.sigma).clip(0, 1), sample.clean, 1.0) for sample in judging)

    return Judgement(mean_psnr(exact), mean_psnr(quantised), len(judging))


def _card(card: ModelCard, name: str, judgement: Judgement, measured: Mapping[str, float]) -> ModelCard:
    """Return the quantised model's card; the original's figures are kept as such, since they do not hold for it."""
    figures = {label: round(value, 2) for label, value in measured.items()}
    figures |= {f"in float32: {label}": value for label, value in card.psnr.items()}
    return replace(
        card,
        name=name,
        network=f"{card.network}; int8 but for the first and the last convolutions and the sums",
        psnr={"lost by int8": round(judgement.loss, 3)} | figures,
        created=datetime.now(UTC).date().isoformat(),
    )


def serialise(model: onnx.ModelProto, card: ModelCard) -> bytes:
    """Return the ONNX file of a quantised model with its card as the only metadata."""
    model.producer_name, model.producer_version = "denoise-ae", ""
    onnx.helper.set_model_props(model, {METADATA_KEY: card.to_json()})
    onnx.checker.check_model(model, full_check=True)
    data: bytes = model.SerializeToString(deterministic=True)
    return data
