"""The batches of a training step and a validation step, and where they come from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol, TypeAlias

from torch import Tensor

from denoise_ae.training.recipes.recipe import Stage


class OwnNoise(NamedTuple):
    """The measured noise of pictures NxCxHxW that are noisy as they are; see `denoise_ae.noise.profile`."""

    level: Tensor
    """Standard deviation, Nx1x1x1, 0 to 1."""
    deviation: Tensor
    """Standard deviation at each pixel, Nx1xHxW, 0 to 1."""
    spectrum: Tensor
    """Amplitude spectrum of the correlated noise, Nx1xHx(W/2 + 1)."""
    mixing: Tensor
    """How the noise of the channels mixes, NxCxC."""
    clipped: bool = False
    """Whether it is white noise clipped to [0, 1], see `denoise_ae.training.data.clipping`; deviations are those
    before clipping."""


class TrainingBatch(NamedTuple):
    """A batch of a training step."""

    pictures: Tensor
    """Clean pictures, float NxCxHxW, 0 to 1; or noisy ones, with `own` for their noise."""
    seed: int
    """Of the noise that is added, or of the pixels drawn from noisy pictures."""
    own: OwnNoise | None = None
    corrupted: tuple[Tensor, Tensor] | None = None
    """The result of `add_training_noise`, where a worker has made it already."""


ValidationBatch: TypeAlias = tuple[Tensor, Tensor, Tensor | OwnNoise]
"""Clean and noisy pictures, float NxCxHxW, and the network's second input: noise levels, Nx1x1x1, or masks, Nx1xHxW. Or
noisy pictures twice, and their own noise."""


class TrainingData(Protocol):
    """Where batches come from."""

    steps_per_epoch: int
    """Batches that go once through the data."""
    validation_labels: list[int]
    """Labels of the held-out pictures, for the map of their codes; empty where there are none."""
    notes: Sequence[str]
    """What was measured in the pictures, for the user."""

    def batch(self, epoch: int, index: int, stage: Stage) -> Tensor:
        """Return pictures, float NxCxHxW on [0, 1]; the same for the same arguments."""

    def own_noise(self, epoch: int, index: int, stage: Stage, pictures: Tensor) -> OwnNoise | None:
        """Return the noise of the pictures that `batch` returned, or None where they are clean."""

    def validation(self) -> list[ValidationBatch]:
        """Return the held-out pictures with fixed noise."""
