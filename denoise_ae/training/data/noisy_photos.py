"""Noisy photographs as training data: the noise of each picture is measured, and goes along with its patches."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from statistics import fmean, median

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from denoise_ae.errors import TrainingError
from denoise_ae.noise.correlation import FARTHEST, noise_correlation
from denoise_ae.noise.estimate import estimate_sigma
from denoise_ae.noise.profile import NoiseModel, measure_picture, white_noise
from denoise_ae.pixels.masked import MaskedImage
from denoise_ae.training.data.clipping import is_clipped
from denoise_ae.training.data.photos import Photos
from denoise_ae.training.data.samples import OwnNoise, ValidationBatch
from denoise_ae.training.recipes.recipe import Recipe, Stage


class NoisyPhotos(Photos):
    """Random patches of noisy photographs, with flips and turns.

    Args:
        recipe: the run's recipe.
        pictures: uint8 HxWx3, at least as large as the largest patch.
        noise: of each picture.
        clipped: whether that was clipped to [0, 1].
    """

    def __init__(
        self, recipe: Recipe, pictures: list[np.ndarray], noise: Sequence[NoiseModel], *, clipped: bool = False
    ) -> None:
        super().__init__(recipe, pictures)
        self._clipped = clipped
        self.notes = (f"noise of sigma {255 * median(float(each.deviation.mean()) for each in noise):.1f} (median)",)
        self._noise = [noise[i] for i in self._learnt]
        self._held_out_noise = [noise[i] for i in self._judged]
        self._spectrum = cache(lambda which, height, width: self._noise[which].spectrum(height, width))

    def own_noise(self, epoch: int, index: int, stage: Stage, pictures: Tensor) -> OwnNoise | None:
        """See `TrainingData.own_noise`."""
        chosen = self._choose(np.random.default_rng((self._recipe.seed, epoch, index)), stage)
        # Spectra are cached: computing them anew takes as long as training.
        spectra = [self._spectrum(which, *pictures.shape[-2:]) for which in chosen.tolist()]
        return own_noise([self._noise[which] for which in chosen.tolist()], pictures, spectra, clipped=self._clipped)

    def validation(self) -> list[ValidationBatch]:
        """See `TrainingData.validation`."""
        middles = self._middles(2 * 2 ** len(self._recipe.network.widths))
        return [
            (noisy, noisy, own_noise([noise], noisy, clipped=self._clipped))
            for noisy, noise in zip(middles, self._held_out_noise, strict=True)
        ]


def own_noise(
    noise: Sequence[NoiseModel],
    pictures: Tensor,
    spectra: Sequence[NDArray[np.float32]] | None = None,
    *,
    clipped: bool = False,
) -> OwnNoise:
    """Describe the measured noise of pictures NxCxHxW, 0 to 1.

    Args:
        noise: of each picture.
        pictures: a batch.
        spectra: `NoiseModel.spectrum` of each, where they are known already.
        clipped: whether the noise was clipped to [0, 1].
    """
    height, width = pictures.shape[-2:]
    arrays = pictures.permute(0, 2, 3, 1).numpy()
    return OwnNoise(
        torch.tensor([float(each.deviation.mean()) for each in noise]).view(-1, 1, 1, 1),
        torch.from_numpy(np.stack([each.deviations(one) for each, one in zip(noise, arrays, strict=True)]))[:, None],
        torch.from_numpy(np.stack(spectra or [each.spectrum(height, width) for each in noise]))[:, None],
        torch.from_numpy(np.stack([each.mixing() for each in noise])),
        clipped,
    )


def prepare(recipe: Recipe, pictures: list[np.ndarray], smallest: int) -> NoisyPhotos:
    """Measure the noise of pictures, uint8 HxWx3; with the recipe's stride, split them so that noise is independent.

    Raises:
        TrainingError: the noise is spatially correlated, and what is trained needs independent noise; or the parts are
            smaller than a patch.
    """
    if recipe.training.part == "estimator":
        measured = [measure_picture(MaskedImage(picture)) for picture in pictures]
        return NoisyPhotos(recipe, pictures, [noise or white_noise(0.0, 3) for noise in measured])
    if not (stride := recipe.data.stride):
        check_independent(pictures)
        stride = 1
    parts = [part for picture in pictures for part in separate(picture, stride) if min(part.shape[:2]) >= smallest]
    if not parts:
        raise TrainingError(
            f"the pictures are too small: split at a stride of {stride} pixels, no part has {smallest} pixels",
            "take larger pictures, or a smaller patch: --patch",
        )
    levels = estimate_levels(parts)
    return NoisyPhotos(recipe, parts, [white_noise(level, 3) for level in levels], clipped=is_clipped(parts, levels))


LARGEST_CORRELATION = 0.1
"""Most that noise of neighbouring pixels may correlate to count as independent: the bias is small beside the noise."""


ALIKE = 1.1
"""Largest ratio of the upper to the lower quartile of the pictures' levels at which all count as equal."""


JUDGED_SIDE = 192
"""Side in pixels of the part of a picture whose noise level is estimated."""


def separate(picture: np.ndarray, stride: int) -> list[np.ndarray]:
    """Split a picture HxWxC into stride² ones of every stride-th pixel.

    Pixel-shuffle down-sampling (Zhou et al., AAAI 2020), which AP-BSN trains on (Lee, Son and Lee, CVPR 2022).
    """
    height, width = (length // stride * stride for length in picture.shape[:2])
    cut = picture[:height, :width]
    return [np.ascontiguousarray(cut[y::stride, x::stride]) for y in range(stride) for x in range(stride)]


def check_independent(pictures: Sequence[np.ndarray]) -> None:
    """Check that the noise of pictures is practically independent from pixel to pixel.

    Splitting pictures makes it so, but costs the detail that a network is to learn: trained on the files of CC15 at a
    stride of 3, `photo` lost 2.2 dB on them (train/README.md). So it is only done when asked for.

    Args:
        pictures: uint8 HxWx3.

    Raises:
        TrainingError: it is not; the message says what was measured.
    """
    found = np.array([noise_correlation((picture / 255).astype(np.float32)) for picture in pictures])
    measured = found[np.isfinite(found).all(axis=1)]
    correlation = np.median(measured, axis=0) if len(measured) else np.zeros(FARTHEST + 1)
    if abs(correlation[1]) <= LARGEST_CORRELATION:
        return
    values = ", ".join(f"{value:.2f}" for value in correlation[1:])
    stride = next((d for d in range(2, FARTHEST + 1) if abs(correlation[d]) <= LARGEST_CORRELATION), 0)
    raise TrainingError(
        f"the pictures' noise is spatially correlated, which --self-supervised can't learn from: "
        f"at 1 to {FARTHEST} pixels by {values}",
        f"data.stride = {stride} in a recipe takes every {stride}th pixel, which costs detail"
        if stride
        else "use pictures as the camera made them, neither enlarged nor smoothed",
    )


def estimate_levels(pictures: Sequence[np.ndarray]) -> list[float]:
    """Estimate the noise level in the middle of each picture, uint8 HxWx3: standard deviations, 0 to 1.

    Pictures about equally noisy get one level, the lower quartile: texture makes estimates too high, and a network
    given too high a level removes the texture.
    """
    levels = [_level((_middle(picture) / 255).astype(np.float32)) for picture in pictures]
    lower, upper = np.quantile(levels, (0.25, 0.75)).tolist()
    return [lower] * len(levels) if upper <= ALIKE * lower else levels


def _level(picture: np.ndarray) -> float:
    """Estimate the noise of each channel alone: a camera's channels have like noise, which would hide it."""
    return math.sqrt(fmean(estimate_sigma(channel) ** 2 for channel in np.moveaxis(picture, -1, 0)))


def _middle(picture: np.ndarray) -> np.ndarray:
    top, left = (max(0, length - JUDGED_SIDE) // 2 for length in picture.shape[:2])
    return picture[top : top + JUDGED_SIDE, left : left + JUDGED_SIDE]
