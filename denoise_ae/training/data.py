"""Training data: MNIST and photo patches. Every batch is a function of (seed, epoch, index) and of nothing else.

So a run that was killed and resumed sees what an uninterrupted one would have seen, and each process of a
distributed run draws its own batches without talking to the others.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol, TypeAlias

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from denoise_ae.errors import DenoiseError, TrainingError
from denoise_ae.training.corruption import draw_kinds, mix_seed, spoil
from denoise_ae.training.mnist import Progress, load_mnist
from denoise_ae.training.recipe import NoiseRecipe, NoiseStep, Recipe, Stage

MNIST_VALIDATION = 5_000
"""Training digits held out for validation."""

VALIDATION_BATCH = 500
"""Digits judged at once."""

VALIDATION_SIDE = 256
"""Largest side, in pixels, of the crop that a validation photograph is judged on."""


class OwnNoise(NamedTuple):
    """What was measured of the noise of pictures NxCxHxW that are noisy themselves; see `denoise_ae.noise.profile`."""

    level: Tensor
    """Nx1x1x1, 0 to 1."""
    deviation: Tensor
    """Nx1xHxW, 0 to 1."""
    spectrum: Tensor
    """Nx1xHx(W/2 + 1)."""
    mixing: Tensor
    """NxCxC."""
    cut: bool = False
    """Whether it is white noise that was cut to black and white, see `denoise_ae.training.clipping`; the deviation is
    that from before."""


class TrainingBatch(NamedTuple):
    """What one step learns from."""

    pictures: Tensor
    """Clean ones, float NxCxHxW, 0 to 1; or noisy ones, where `own` says what their noise is like."""
    seed: int
    """Of the noise of clean pictures, or of what is drawn from noisy ones or on top of them."""
    own: OwnNoise | None = None
    spoiled: tuple[Tensor, Tensor] | None = None
    """What `spoil` makes of clean pictures, where it has been done."""


ValidationBatch: TypeAlias = tuple[Tensor, Tensor, Tensor | OwnNoise]
"""Clean and noisy pictures, float NxCxHxW, and what the network is told of each: its noise level, Nx1x1x1, or its
mask, Nx1xHxW. Or twice noisy pictures, and what their own noise is like."""


class TrainingData(Protocol):
    """Where batches come from."""

    steps_per_epoch: int
    """Batches that go once through the data."""
    validation_labels: list[int]
    """What the held-out pictures show, in their order, for the map of their codes; empty where nobody knows."""

    notes: Sequence[str]
    """What was found out about the pictures, for whoever trains."""

    def batch(self, epoch: int, index: int, stage: Stage) -> Tensor:
        """Return pictures, float NxCxHxW on [0, 1]; the same for the same arguments."""

    def own_noise(self, epoch: int, index: int, stage: Stage, pictures: Tensor) -> OwnNoise | None:
        """Return what the noise of these pictures is like, which `batch` gave, where they are noisy themselves."""

    def validation(self) -> list[ValidationBatch]:
        """Return the held-out pictures with fixed noise."""


class Digits:
    """MNIST's training digits, shuffled anew each epoch."""

    notes: Sequence[str] = ()

    def __init__(self, recipe: Recipe, images: np.ndarray, labels: np.ndarray | None = None) -> None:
        self._recipe = recipe
        held_out = min(MNIST_VALIDATION, len(images) // 5)
        if not held_out:
            raise TrainingError(f"{len(images)} digits are too few to train on", "at least 5 are needed")
        tensor = torch.from_numpy(np.ascontiguousarray(images)).unsqueeze(1)
        self._images, self._held_out = tensor[:-held_out], tensor[-held_out:]
        self.validation_labels = [] if labels is None else labels[-held_out:].tolist()
        self._order: tuple[int, Tensor] | None = None
        self.steps_per_epoch = max(1, len(self._images) // recipe.training.stages[0].batch)

    def batch(self, epoch: int, index: int, stage: Stage) -> Tensor:
        """See `TrainingData.batch`; an epoch that is longer than the data begins again."""
        if self._order is None or self._order[0] != epoch:
            shuffle = torch.Generator().manual_seed(mix_seed(self._recipe.seed, epoch))
            self._order = (epoch, torch.randperm(len(self._images), generator=shuffle))
        order = self._order[1]
        positions = torch.arange(index * stage.batch, (index + 1) * stage.batch) % len(order)
        return self._images[order[positions]].float().div_(255)

    def own_noise(self, epoch: int, index: int, stage: Stage, pictures: Tensor) -> OwnNoise | None:
        """See `TrainingData.own_noise`: they are clean."""
        return None

    def validation(self) -> list[ValidationBatch]:
        """See `TrainingData.validation`."""
        parts = torch.split(self._held_out.float().div(255), VALIDATION_BATCH)
        return [(clean, *_validation_noise(clean, self._recipe, number)) for number, clean in enumerate(parts)]


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
        # The held-out ones are spread over the list, since neighbours in a folder are often alike. One picture alone is
        # trained on and judged on: better than a refusal for a first try.
        apart = [i * len(pictures) // held_out for i in range(held_out)]
        self._judged = apart or [0]
        self._learnt = [i for i in range(len(pictures)) if i not in apart]
        tensors = [torch.from_numpy(np.require(p, requirements="W")) for p in pictures]
        self._pictures = [tensors[i] for i in self._learnt]
        self._held_out = [tensors[i] for i in self._judged]
        area = np.array([p.shape[0] * p.shape[1] for p in self._pictures], dtype=np.float64)
        # Large pictures hold more patches, but a few of them shall not drown the many small ones.
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

    def _choose(self, rng: np.random.Generator, stage: Stage) -> np.ndarray:
        """Choose the pictures that a batch's patches come from: what is drawn first from its generator."""
        return rng.choice(len(self._pictures), stage.batch, p=self._weights)

    def own_noise(self, epoch: int, index: int, stage: Stage, pictures: Tensor) -> OwnNoise | None:
        """See `TrainingData.own_noise`: they are clean."""
        return None

    def validation(self) -> list[ValidationBatch]:
        """See `TrainingData.validation`: the middle of each held-out picture.

        Where training turns patches gray, so does validation: each third picture.
        """
        found: list[ValidationBatch] = []
        for number, clean in enumerate(self._middles(2 ** len(self._recipe.network.widths))):
            grayed = self._recipe.data.gray and number % 3 == 0
            judged = clean.mean(1, keepdim=True).expand(-1, 3, -1, -1) if grayed else clean
            found.append((judged, *_validation_noise(judged, self._recipe, number)))
        return found

    def _middles(self, multiple: int) -> Iterator[Tensor]:
        """Yield the middle of each held-out picture, 1xCxHxW, cut to whole multiples of a side."""
        for picture in self._held_out:
            height, width = (min(VALIDATION_SIDE, size) // multiple * multiple for size in picture.shape[:2])
            top, left = (picture.shape[0] - height) // 2, (picture.shape[1] - width) // 2
            middle = picture[top : top + height, left : left + width]
            yield middle.permute(2, 0, 1).unsqueeze(0).float().div(255)


def _magnify(patch: Tensor, side: int) -> Tensor:
    """Scale a square patch, uint8 NxNx3, up to a side by cubic interpolation; float, 0 to 255."""
    large = functional.interpolate(patch.permute(2, 0, 1)[None].float(), (side, side), mode="bicubic")
    return large[0].permute(1, 2, 0).clip(0, 255)


def _turn(patch: Tensor, way: int) -> Tensor:
    """Give one of the eight flips and quarter turns of a square HxWxC patch."""
    patch = patch.transpose(0, 1) if way & 1 else patch
    return patch.flip([d for d in (0, 1) if way & (2 << d)])


def _validation_noise(clean: Tensor, recipe: Recipe, number: int) -> tuple[Tensor, Tensor]:
    """Corrupt with the middle of each range of levels, the same in every epoch and for every seed of a run."""
    middle = [at_fraction(kind, 0.5) for kind in recipe.noise]
    return spoil(clean, recipe, mix_seed(1, number), middle)


def at_fraction(kind: NoiseRecipe, fraction: float) -> NoiseRecipe:
    """Fix a kind of noise, and what follows it, at a fraction (0 to 1) of the way between the ends of its levels."""

    def fixed(step: NoiseStep) -> tuple[float, float]:
        level = float(step.at(fraction))
        return (level, level)

    then = tuple(step.model_copy(update={"level": fixed(step)}) for step in kind.then)
    return kind.model_copy(update={"level": fixed(kind), "then": then})


def noise_seed(recipe: Recipe, epoch: int, index: int) -> int:
    """Return the seed of a training batch's noise."""
    return mix_seed(recipe.seed, epoch, index, 2)


def load_pictures(folders: Sequence[Path], smallest: int, limit: int = 0) -> tuple[list[np.ndarray], list[str]]:
    """Read every picture below some folders into memory.

    Args:
        folders: walked with all their sub-folders, in sorted order.
        smallest: pictures with a shorter side are left out.
        limit: stop after so many pictures; 0 reads all.

    Returns:
        The pictures as uint8 HxWx3 (gray ones get three equal channels, 16-bit ones are scaled, alpha is dropped), and
        a line for each file that was left out, with the reason.

    Raises:
        TrainingError: a folder is missing, or holds no usable picture.
    """
    from denoise_ae.imagefiles.formats import is_image_name
    from denoise_ae.imagefiles.images import read_image

    pictures: list[np.ndarray] = []
    left_out: list[str] = []
    for folder in folders:
        if not folder.is_dir():
            raise TrainingError(f"{folder}: no such folder", "give the folder that holds your pictures with --data")
        for path in sorted(p for p in folder.rglob("*") if is_image_name(p) and p.is_file()):
            if limit and len(pictures) == limit:
                break
            try:
                picture = _as_rgb8(read_image(path).pixels)
            except DenoiseError as error:
                left_out.append(error.message)
                continue
            if min(picture.shape[:2]) < smallest:
                left_out.append(f"{path}: smaller than a patch of {smallest} pixels")
            else:
                pictures.append(picture)
    if not pictures:
        reason = f" ({left_out[0]})" if left_out else ""
        raise TrainingError(
            f"no picture to train on in {', '.join(map(str, folders))}{reason}",
            f"pictures of at least {smallest} x {smallest} pixels are needed",
        )
    return pictures, left_out


def _as_rgb8(pixels: np.ndarray) -> np.ndarray:
    if pixels.ndim == 3 and pixels.shape[2] in (2, 4):
        pixels = pixels[..., :-1]
    if pixels.dtype == np.uint16:
        pixels = np.rint(pixels / 257).astype(np.uint8)
    elif pixels.dtype != np.uint8:
        pixels = np.rint(np.nan_to_num(pixels).clip(0, 1) * 255).astype(np.uint8)
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    return np.ascontiguousarray(np.broadcast_to(pixels, (*pixels.shape[:2], 3)))


def load_data(
    recipe: Recipe, folders: Sequence[Path], progress: Progress | None = None
) -> tuple[TrainingData, list[str]]:
    """Load what a recipe trains on.

    Args:
        recipe: the run's recipe.
        folders: pictures' folders; for MNIST at most one, with the idx files, or none to download them.
        progress: told of a download: the file's name, bytes so far, bytes in all.

    Returns:
        The data, and a line for each file that was left out.

    Raises:
        TrainingError: the data is missing or unusable.
    """
    if recipe.data.kind == "mnist":
        images, labels = load_mnist(folders[0] if folders else None, "train", progress=progress)
        wanted = slice(recipe.data.limit or None)
        return Digits(recipe, images[wanted], labels[wanted]), []
    if not folders:
        raise TrainingError("no pictures to train on", "give their folder with --data FOLDER")
    largest = max(stage.patch for stage in recipe.training.stages)
    pictures, left_out = load_pictures(folders, largest, recipe.data.limit)
    if recipe.training.self_supervised:
        from denoise_ae.training.noisy_photos import prepare

        return prepare(recipe, pictures, largest), left_out
    return Photos(recipe, pictures), left_out
