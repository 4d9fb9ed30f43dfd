"""Noisy crops of a folder's pictures: some to calibrate a quantised model, others to judge it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from denoise_ae.errors import DenoiseError, TrainingError
from denoise_ae.imagefiles import images
from denoise_ae.imagefiles.finding import pictures_in
from denoise_ae.modelfiles.card import ModelCard
from denoise_ae.pixels.convert import as_rgb, split_alpha, to_unit
from denoise_ae.pixels.tiling import round_up
from denoise_ae.system.paths import is_folder
from denoise_ae.training.data.corruption import add_noise, at_fraction, mix_seed
from denoise_ae.training.recipes.recipe import NoiseRecipe

CROPS = 40
"""Most crops that are taken, and most pictures that they come from."""

CALIBRATING = 0.6
"""Share of the crops used for calibration; the others judge the model."""

SIDE = 128
"""Side of a crop in pixels, if the model takes that size."""

JUDGED_AT = (0.25, 0.5, 0.75)
"""Fractions of the range of levels at which a model is judged."""

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Sample:
    """A crop, clean and noisy, 1 x channels x height x width with white at 1."""

    clean: Floats
    noisy: Floats
    sigma: float | None
    """Noise level input: on the pixels' scale, -1 if the model estimates it, or None if it has no such input."""


@dataclass(frozen=True)
class Noise:
    """The noise that a model is for."""

    kinds: Sequence[NoiseRecipe]
    clip: bool
    """Whether noisy pictures are clipped to [0, 1]."""

    def on(self, crop: Floats, card: ModelCard, kind: int, fraction: float, seed: int) -> Sample:
        """Add noise of one kind, at a fraction (0 to 1) of its range of levels."""
        fixed = at_fraction(self.kinds[kind % len(self.kinds)], fraction)
        noisy, level = add_noise(torch.from_numpy(crop), [fixed], clip=self.clip, seed=mix_seed(3, seed))
        sigma = -1.0 if card.estimates_sigma else float(level) if card.takes_sigma else None
        return Sample(crop, noisy.numpy(), sigma)


def samples(folder: Path, card: ModelCard, noise: Noise) -> tuple[list[Sample], list[Sample]]:
    """Make the samples to calibrate a model and those to judge it, the same for the same folder.

    No crop is in both, nor any picture if there are enough. For calibration the levels are spread over the range of
    each kind of noise; for judging they are at `JUDGED_AT`. Every second crop of each kind is gray, since noise that is
    equal in all channels causes the largest activations.

    Args:
        folder: clean pictures, in sub-folders too.
        card: of the model.
        noise: that the model is for.

    Raises:
        TrainingError: there are not enough pictures in the folder.
    """
    crops = _crops(folder, card)
    border = max(1, int(CALIBRATING * len(crops)))
    kinds = len(noise.kinds)
    rounds = -(-border // kinds)
    turned = [_gray(crop) if number // kinds % 2 else crop for number, crop in enumerate(crops)]
    calibrating = [
        noise.on(crop, card, number, (number // kinds + 0.5) / rounds, number)
        for number, crop in enumerate(turned[:border])
    ]
    judging = [
        noise.on(crop, card, number, fraction, number)
        for number, crop in enumerate(turned[border:], start=border)
        for fraction in JUDGED_AT
    ]
    return calibrating, judging


def _crops(folder: Path, card: ModelCard) -> list[Floats]:
    """Return crops that don't overlap of pictures spread over a folder; one picture at a time is in memory."""
    if not is_folder(folder):
        raise TrainingError(f"{folder}: no such folder", "give the folder that holds your pictures with --calibration")
    random = np.random.default_rng(0)
    paths, unreadable = pictures_in(folder, recursive=True)
    problems: list[DenoiseError] = [*unreadable]
    chosen = [paths[number] for number in random.permutation(len(paths))[:CROPS]]
    side = round_up(max(SIDE, card.min_size), card.size_multiple)
    crops: list[Floats] = []
    for path in chosen:
        try:
            picture = _read(path, card.channels)
        except DenoiseError as error:
            problems.append(error)
            continue
        rows, columns = picture.shape[1] // side, picture.shape[2] // side
        for cell in random.permutation(rows * columns)[: -(-CROPS // len(chosen))]:
            top, left = (int(place) * side for place in divmod(cell, columns))
            crops.append(picture[None, :, top : top + side, left : left + side].copy())
    if len(crops) < 2:
        reason = f" ({problems[0]})" if problems else ""
        raise TrainingError(
            f"{folder}: not enough pictures to calibrate on{reason}",
            f"two crops of {side} x {side} pixels are the least; some tens from pictures of all sorts are better",
        )
    return crops[:CROPS]


def _gray(crop: Floats) -> Floats:
    return np.repeat(crop.mean(axis=1, keepdims=True), crop.shape[1], axis=1)


def _read(path: Path, channels: int) -> Floats:
    """Read a picture as channels x height x width with white at 1."""
    colour, _ = split_alpha(images.read_image(path).pixels)
    planes: Floats = np.nan_to_num(as_rgb(to_unit(colour))).clip(0, 1).transpose(2, 0, 1)
    return planes if channels == 3 else planes.mean(axis=0, keepdims=True)
