"""Add noise to batches: a random source in torch for `denoise_ae.noise.corruptions`, mixtures, masked pixels."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import get_worker_info

from denoise_ae.noise.corruptions import NumpySource, corrupt
from denoise_ae.noise.damage import draw_mask
from denoise_ae.pixels.masked import fill
from denoise_ae.system.cpus import available_cpus
from denoise_ae.training.recipes.recipe import NoiseRecipe, NoiseStep, Recipe

_DRAWN_ON_CPU = {"camera", "jpeg", "spots", "strokes", "text"}


class TorchSource:
    """Random numbers from torch for pictures NxCxHxW, drawn on the generator's device.

    The torch twin of `denoise_ae.noise.corruptions.NumpySource`.
    """

    def __init__(self, generator: torch.Generator) -> None:
        self._generator = generator

    def normal(self, like: Tensor) -> Tensor:
        """Standard normal numbers shaped as `like`."""
        return torch.randn(like.shape, generator=self._generator, device=like.device, dtype=like.dtype)

    def uniform(self, like: Tensor) -> Tensor:
        """Uniform numbers on [0, 1) shaped as `like`."""
        return torch.rand(like.shape, generator=self._generator, device=like.device, dtype=like.dtype)

    def poisson(self, rate: Tensor) -> Tensor:
        """Poisson counts as floats."""
        return torch.poisson(rate, generator=self._generator)

    def pixel_uniform(self, like: Tensor) -> Tensor:
        """Uniform numbers, one a pixel: Nx1xHxW."""
        return self.uniform(like[:, :1])

    def drawn(self, like: Tensor, kind: str, share: Tensor) -> Tensor:
        """Draw damage on each picture (on the CPU): Nx1xHxW."""
        height, width = like.shape[2:]
        seeds = self._seeds(like)
        masks = [
            draw_mask(kind, height, width, covered, np.random.default_rng(seed))
            for covered, seed in zip(share.flatten().tolist(), seeds, strict=True)
        ]
        return torch.from_numpy(np.stack(masks)).unsqueeze(1).to(like.device, like.dtype)

    def jpeg(self, image: Tensor, quality: Tensor) -> Tensor:
        """Compress and decompress each picture as JPEG at its quality (on the CPU)."""
        from denoise_ae.pixels.filters import jpeg_round_trip

        eight_bit = image.clip(0, 1).mul(255).round().byte().permute(0, 2, 3, 1).cpu().numpy()
        decoded = [
            jpeg_round_trip(picture.squeeze(-1) if picture.shape[-1] == 1 else picture, int(q))
            for picture, q in zip(eight_bit, quality.flatten(), strict=True)
        ]
        stacked = torch.from_numpy(np.stack(decoded)).to(image.device, image.dtype).div(255)
        return stacked.reshape(image.shape[0], *image.shape[2:], -1).permute(0, 3, 1, 2)

    def camera(self, image: Tensor, electrons: Tensor) -> Tensor:
        """Simulate a camera of its own for each picture (on the CPU, in threads)."""
        seeds = self._seeds(image)
        pictures = image.permute(0, 2, 3, 1).float().cpu().numpy()
        # Workers run beside each other.
        with ThreadPoolExecutor(1 if get_worker_info() else available_cpus()) as pool:
            taken = pool.map(_take, pictures, electrons.flatten().tolist(), seeds)
            stacked = torch.from_numpy(np.stack(list(taken)))
        return stacked.to(image.device, image.dtype).permute(0, 3, 1, 2)

    def _seeds(self, like: Tensor) -> list[int]:
        """Draw a seed for each picture, for what numpy draws."""
        seeds: list[int] = torch.randint(2**62, (len(like),), generator=self._generator, device=like.device).tolist()
        return seeds


def _take(picture: np.ndarray, electrons: float, seed: int) -> np.ndarray:
    return np.asarray(NumpySource(seed).camera(picture, electrons))


def needs_processor(recipe: Recipe) -> bool:
    """Tell whether a recipe's noise is drawn on the CPU, whatever the device: by OpenCV or numpy."""
    return recipe.network.mask or any(
        step.type in _DRAWN_ON_CPU for kind in recipe.noise for step in (kind, *kind.then)
    )


def mix_seed(*parts: int) -> int:
    """Mix a seed with what it is for; streams of different parts are independent (numpy's SeedSequence)."""
    return int(np.random.SeedSequence(parts).generate_state(1, np.uint64)[0] >> 1)


def draw_kinds(kinds: Sequence[NoiseRecipe], count: int, seed: int) -> Tensor:
    """Draw which kind of noise each picture of a batch gets: positions in `kinds`, int64, on the CPU.

    Args:
        kinds: the mixture.
        count: how many pictures.
        seed: that of `add_noise`, which draws the same.
    """
    draws = torch.Generator().manual_seed(mix_seed(seed, 4))  # a stream of its own, for every device the same
    return torch.multinomial(torch.tensor([kind.weight for kind in kinds]), count, replacement=True, generator=draws)


def add_training_noise(
    clean: Tensor, recipe: Recipe, seed: int, kinds: Sequence[NoiseRecipe] | None = None
) -> tuple[Tensor, Tensor]:
    """Add the recipe's noise to clean pictures, or mask pixels for a network that repairs.

    Args:
        clean: float NxCxHxW, 0 to 1.
        recipe: the run's recipe.
        seed: of the noise.
        kinds: a mixture instead of the recipe's.

    Returns:
        The network's two inputs: see `add_noise` and `mask_pixels`.
    """
    kinds = kinds or recipe.noise
    if recipe.network.mask:
        return mask_pixels(clean, kinds, seed=seed)
    return add_noise(clean, kinds, clip=recipe.data.clip, seed=seed)


def mask_pixels(clean: Tensor, kinds: Sequence[NoiseRecipe], *, seed: int) -> tuple[Tensor, Tensor]:
    """Mask pixels of a batch and fill them roughly, as `denoise_ae.restoration.repairer` does before its network runs.

    Args:
        clean: float NxCxHxW, 0 to 1.
        kinds: a mixture of `denoise_ae.noise.corruptions.MASKING_NOISE_TYPES`.
        seed: two calls with the same arguments mask the same pixels.

    Returns:
        The pictures filled by `denoise_ae.pixels.masked.fill`, and the mask, Nx1xHxW: 1 for masked pixels, else 0.
    """
    white = torch.ones_like(clean[:, :1])
    mask = 1 - add_noise(white, kinds, clip=False, seed=seed)[0]
    pictures, masks = clean.permute(0, 2, 3, 1).cpu().numpy(), mask[:, 0].bool().cpu().numpy()
    filled = np.stack([fill(picture, missing) for picture, missing in zip(pictures, masks, strict=True)])
    return torch.from_numpy(filled).permute(0, 3, 1, 2).to(clean.device, clean.dtype), mask


def add_noise(clean: Tensor, kinds: Sequence[NoiseRecipe], *, clip: bool, seed: int) -> tuple[Tensor, Tensor]:
    """Corrupt a batch with a mixture of noises, a kind and a level drawn for each picture.

    Args:
        clean: float NxCxHxW, 0 to 1.
        kinds: the mixture.
        clip: clip the noisy pictures to [0, 1].
        seed: two calls with the same arguments give the same noise.

    Returns:
        The noisy pictures, and the noise level of each as Nx1x1x1 on the [0, 1] scale: the level drawn for
        Gaussian noise alone, else the root mean square of what was added.
    """
    generator = torch.Generator(clean.device).manual_seed(seed)
    source = TorchSource(generator)
    n = len(clean)
    if len(kinds) == 1:
        return _add_kind(clean, kinds[0], source, generator, clip=clip)
    chosen = draw_kinds(kinds, n, seed).to(clean.device)
    noisy, sigma = clean.clone(), clean.new_zeros(n, 1, 1, 1)
    for number, kind in enumerate(kinds):
        mine = (chosen == number).nonzero().flatten()
        if len(mine):
            noisy[mine], sigma[mine] = _add_kind(clean[mine], kind, source, generator, clip=clip)
    return noisy, sigma


def _add_kind(
    clean: Tensor, kind: NoiseRecipe, source: TorchSource, generator: torch.Generator, *, clip: bool
) -> tuple[Tensor, Tensor]:
    steps: list[NoiseStep] = [kind, *kind.then]
    noisy = clean
    for step in steps:
        draw = torch.rand(len(clean), 1, 1, 1, generator=generator, device=clean.device)
        level = step.at(draw)
        noisy = corrupt(noisy, step.type, level, source)
    if clean.shape[1] > 1:
        # A gray picture has three equal channels and gets equal noise in them: from three different draws a network
        # would learn to average the channels, which does not help on real gray pictures.
        gray = (clean == clean[:, :1]).flatten(1).all(1).view(-1, 1, 1, 1)
        noisy = torch.where(gray, noisy[:, :1], noisy)
    if len(steps) == 1 and kind.type == "gaussian":
        sigma = level / 255
    else:
        sigma = (noisy - clean).square().mean((1, 2, 3), keepdim=True).sqrt()
    return noisy.clip(0, 1) if clip else noisy, sigma


def add_validation_noise(clean: Tensor, recipe: Recipe, number: int) -> tuple[Tensor, Tensor]:
    """Add noise at the middle of each range of levels, the same in every epoch and for every seed of a run."""
    middle = [at_fraction(kind, 0.5) for kind in recipe.noise]
    return add_training_noise(clean, recipe, mix_seed(1, number), middle)


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
