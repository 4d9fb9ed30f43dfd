"""Crops of a folder's pictures with noise on them: some to calibrate a quantised model on, others to judge it by."""

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
"""Most crops that are taken, and most pictures that are read for them."""

CALIBRATING = 0.6
"""Share of the crops that a model is calibrated on; the others are held out to judge it by."""

SIDE = 128
"""Side of a crop in pixels, where the model takes it."""

JUDGED_AT = (0.25, 0.5, 0.75)
"""Levels that a model is judged at, on the way between the ends of what it was trained for."""

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Sample:
    """A crop, clean and noisy, 1 x channels x height x width with white at 1."""

    clean: Floats
    noisy: Floats
    sigma: float | None
    """What the model is told of the noise: its level on the scale of the pixels, -1 where it estimates that itself, or
    None where it takes none."""


@dataclass(frozen=True)
class Noise:
    """What noise a model is for."""

    kinds: Sequence[NoiseRecipe]
    clip: bool
    """Whether noisy pictures are cut to [0, 1]."""

    def on(self, crop: Floats, card: ModelCard, kind: int, fraction: float, seed: int) -> Sample:
        """Add one of the kinds, at a fraction (0 to 1) of the way between the ends of its levels."""
        fixed = at_fraction(self.kinds[kind % len(self.kinds)], fraction)
        noisy, level = add_noise(torch.from_numpy(crop), [fixed], clip=self.clip, seed=mix_seed(3, seed))
        told = -1.0 if card.estimates_sigma else float(level) if card.takes_sigma else None
        return Sample(crop, noisy.numpy(), told)


def samples(folder: Path, card: ModelCard, noise: Noise) -> tuple[list[Sample], list[Sample]]:
    """Make the samples to calibrate a model on, and those to judge it by; the same for the same folder.

    No crop is in both, and where there are pictures enough, no picture. The levels for the calibration are spread over
    all that each kind of noise is for; those for the judgement are `JUDGED_AT`. Of each kind every second crop is gray:
    noise that is equal in all channels makes larger values inside a network than any other.

    Args:
        folder: clean pictures; sub-folders are read too.
        card: says what crops the model takes and whether it is told the level.
        noise: what it is for.

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
    """Cut crops that do not overlap out of pictures spread over a folder; only one picture is in memory at a time."""
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
