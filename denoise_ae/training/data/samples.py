"""What a training step and a validation step are given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol, TypeAlias

from torch import Tensor

from denoise_ae.training.recipes.recipe import Stage


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
    """Whether it is white noise that was cut to black and white, see `denoise_ae.training.data.clipping`; the deviation
    is that from before."""


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
