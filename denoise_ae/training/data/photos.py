"""Random patches of photographs as training data."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from denoise_ae.training.data.corruption import add_validation_noise, draw_kinds, noise_seed
from denoise_ae.training.data.drawn.draw import SMALLEST_DRAWING, draw_picture
from denoise_ae.training.data.drawn.fonts import find_fonts
from denoise_ae.training.data.samples import OwnNoise, ValidationBatch
from denoise_ae.training.recipes.recipe import NoiseRecipe, Recipe, Stage

_DRAWINGS = 6

VALIDATION_SIDE = 256
"""Largest side in pixels of the crop that a validation photograph is judged on."""


class Photos:
    """Random patches of photographs, with flips, turns, channel permutations and magnification.

    Args:
        recipe: the run's recipe.
        pictures: uint8 HxWx3, at least as large as the largest patch.
    """

    notes: Sequence[str] = ()

    def __init__(self, recipe: Recipe, pictures: list[np.ndarray]) -> None:
        self._recipe = recipe
        self.validation_labels: list[int] = []
        held_out = min(recipe.data.validation, len(pictures) // 5)
        # Held-out pictures are spread over the list, since neighbours in a folder are often alike. A single picture is
        # both trained on and judged on, which is better for a first try than an error.
        apart = [i * len(pictures) // held_out for i in range(held_out)]
        self._judged = apart or [0]
        self._learnt = [i for i in range(len(pictures)) if i not in apart]
        tensors = [torch.from_numpy(np.require(p, requirements="W")) for p in pictures]
        self._pictures = [tensors[i] for i in self._learnt]
        self._held_out = [tensors[i] for i in self._judged]
        self._fonts = find_fonts() if recipe.draws else []
        area = np.array([p.shape[0] * p.shape[1] for p in self._pictures], dtype=np.float64)
        # Large pictures hold more patches, but a few of them should not outweigh many small ones.
        self._weights = np.sqrt(area) / np.sqrt(area).sum()
        stage = recipe.training.stages[0]
        self.steps_per_epoch = max(1, int(area.sum()) // (stage.batch * stage.patch**2))

    def batch(self, epoch: int, index: int, stage: Stage) -> Tensor:
        """See `TrainingData.batch`."""
        recipe = self._recipe
        rng = np.random.default_rng((recipe.seed, epoch, index))
        side = stage.patch
        out = torch.empty(stage.batch, side, side, 3)
        kinds: list[NoiseRecipe] = []
        if recipe.noise:
            drawn = draw_kinds(recipe.noise, stage.batch, noise_seed(recipe, epoch, index))
            kinds = [recipe.noise[kind] for kind in drawn.tolist()]
        for i, which in enumerate(self._choose(rng, stage).tolist()):
            share = kinds[i].drawn if kinds else None
            if (drawing := self._draw(side, share, (epoch, index, i))) is not None:
                out[i] = drawing
                continue
            picture = self._pictures[which]
            small = side
            magnified = max(recipe.data.magnified, kinds[i].magnified) if kinds else 0
            if magnified and rng.random() < magnified:
                small = math.ceil(side / rng.uniform(1, recipe.data.magnification))
            y, x = (int(rng.integers(0, size - small + 1)) for size in picture.shape[:2])
            patch = picture[y : y + small, x : x + small]
            patch = patch[..., rng.permutation(3)] if recipe.data.permute else patch
            out[i] = _turn(patch if small == side else _magnify(patch, side), int(rng.integers(8)))
        patches = out.permute(0, 3, 1, 2).div_(255)
        grayed = torch.from_numpy(rng.random(stage.batch) < recipe.data.gray)
        patches[grayed] = patches[grayed].mean(1, keepdim=True).expand(-1, 3, -1, -1)
        return patches.contiguous(memory_format=torch.channels_last)

    def _draw(self, side: int, share: float | None, place: tuple[int, int, int]) -> Tensor | None:
        """Draw a patch instead of taking one from a photograph, as often as `share` says: uint8, side x side x 3."""
        share = self._recipe.data.drawn if share is None else share
        if not share:
            return None
        rng = np.random.default_rng((self._recipe.seed, *place, _DRAWINGS))  # a stream of its own
        if rng.random() >= share:
            return None
        return torch.from_numpy(draw_picture(max(side, SMALLEST_DRAWING), rng, self._fonts)[:side, :side])

    def _choose(self, rng: np.random.Generator, stage: Stage) -> np.ndarray:
        """Choose the pictures that a batch's patches come from; must be the generator's first draw."""
        return rng.choice(len(self._pictures), stage.batch, p=self._weights)

    def own_noise(self, epoch: int, index: int, stage: Stage, pictures: Tensor) -> OwnNoise | None:
        """See `TrainingData.own_noise`: they are clean."""
        return None

    def validation(self) -> list[ValidationBatch]:
        """See `TrainingData.validation`: the centre of each held-out picture.

        If training turns patches gray, so does validation: every third picture.
        """
        found: list[ValidationBatch] = []
        for number, clean in enumerate(self._middles(2 ** len(self._recipe.network.widths))):
            grayed = self._recipe.data.gray and number % 3 == 0
            judged = clean.mean(1, keepdim=True).expand(-1, 3, -1, -1) if grayed else clean
            found.append((judged, *add_validation_noise(judged, self._recipe, number)))
        return found

    def _middles(self, multiple: int) -> Iterator[Tensor]:
        """Yield the centre crop of each held-out picture, 1xCxHxW, with sides that are multiples of `multiple`."""
        for picture in self._held_out:
            height, width = (min(VALIDATION_SIDE, size) // multiple * multiple for size in picture.shape[:2])
            top, left = (picture.shape[0] - height) // 2, (picture.shape[1] - width) // 2
            middle = picture[top : top + height, left : left + width]
            yield middle.permute(2, 0, 1).unsqueeze(0).float().div(255)


def _magnify(patch: Tensor, side: int) -> Tensor:
    """Enlarge a square patch, uint8 NxNx3, to a side by bicubic interpolation; returns float, 0 to 255."""
    large = functional.interpolate(patch.permute(2, 0, 1)[None].float(), (side, side), mode="bicubic")
    return large[0].permute(1, 2, 0).clip(0, 255)


def _turn(patch: Tensor, way: int) -> Tensor:
    """Return one of the eight flips and rotations of a square HxWxC patch."""
    patch = patch.transpose(0, 1) if way & 1 else patch
    return patch.flip([d for d in (0, 1) if way & (2 << d)])
