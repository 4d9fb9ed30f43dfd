"""Training pictures that are noisy themselves; what their noise is like goes with each patch."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from statistics import median

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from denoise_ae.errors import TrainingError
from denoise_ae.noise.profile import NoiseModel, measure_picture, white_noise
from denoise_ae.pixels.masked import Visible
from denoise_ae.training.clipping import is_cut
from denoise_ae.training.data import OwnNoise, Photos, ValidationBatch
from denoise_ae.training.neighbours import check_independent, separate, told_levels
from denoise_ae.training.recipe import Recipe, Stage


class NoisyPhotos(Photos):
    """Random patches of noisy photographs, with flips and turns.

    Args:
        recipe: the run's recipe.
        pictures: uint8 HxWx3, at least as large as the largest patch.
        noise: of each picture.
        cut: whether that was cut to black and white.
    """

    def __init__(
        self, recipe: Recipe, pictures: list[np.ndarray], noise: Sequence[NoiseModel], *, cut: bool = False
    ) -> None:
        super().__init__(recipe, pictures)
        self._cut = cut
        self.notes = (f"noise of sigma {255 * median(float(each.deviation.mean()) for each in noise):.1f} (median)",)
        self._noise = [noise[i] for i in self._learnt]
        self._held_out_noise = [noise[i] for i in self._judged]
        self._spectrum = cache(lambda which, height, width: self._noise[which].spectrum(height, width))

    def own_noise(self, epoch: int, index: int, stage: Stage, pictures: Tensor) -> OwnNoise | None:
        """See `TrainingData.own_noise`."""
        chosen = self._choose(np.random.default_rng((self._recipe.seed, epoch, index)), stage)
        # What a Fourier transform of each picture's noise gives is kept: made anew it takes as long as training.
        spectra = [self._spectrum(which, *pictures.shape[-2:]) for which in chosen.tolist()]
        return own_noise([self._noise[which] for which in chosen.tolist()], pictures, spectra, cut=self._cut)

    def validation(self) -> list[ValidationBatch]:
        """See `TrainingData.validation`."""
        middles = self._middles(2 * 2 ** len(self._recipe.network.widths))
        return [
            (noisy, noisy, own_noise([noise], noisy, cut=self._cut))
            for noisy, noise in zip(middles, self._held_out_noise, strict=True)
        ]


def own_noise(
    noise: Sequence[NoiseModel],
    pictures: Tensor,
    spectra: Sequence[NDArray[np.float32]] | None = None,
    *,
    cut: bool = False,
) -> OwnNoise:
    """Return what goes with pictures NxCxHxW, 0 to 1, whose noise was measured, with `NoiseModel.spectrum` of each."""
    height, width = pictures.shape[-2:]
    arrays = pictures.permute(0, 2, 3, 1).numpy()
    return OwnNoise(
        torch.tensor([float(each.deviation.mean()) for each in noise]).view(-1, 1, 1, 1),
        torch.from_numpy(np.stack([each.deviations(one) for each, one in zip(noise, arrays, strict=True)]))[:, None],
        torch.from_numpy(np.stack(spectra or [each.spectrum(height, width) for each in noise]))[:, None],
        torch.from_numpy(np.stack([each.mixing() for each in noise])),
        cut,
    )


def prepare(recipe: Recipe, pictures: list[np.ndarray], smallest: int) -> NoisyPhotos:
    """Prepare noisy pictures, uint8 HxWx3; cut up, where the recipe has a stride, so that noise is independent.

    Raises:
        TrainingError: it is not, but what is to be trained takes no other; or too little is left of the pictures at
            that stride.
    """
    if recipe.training.part == "estimator":
        measured = [measure_picture(Visible(picture)) for picture in pictures]
        return NoisyPhotos(recipe, pictures, [noise or white_noise(0.0, 3) for noise in measured])
    if not (stride := recipe.data.stride):
        check_independent(pictures)
        stride = 1
    parts = [part for picture in pictures for part in separate(picture, stride) if min(part.shape[:2]) >= smallest]
    if not parts:
        raise TrainingError(
            f"the pictures are too small: cut up at a stride of {stride} pixels none is left of {smallest} pixels",
            "take larger pictures, or a smaller patch: --patch",
        )
    levels = told_levels(parts)
    return NoisyPhotos(recipe, parts, [white_noise(level, 3) for level in levels], cut=is_cut(parts, levels))
