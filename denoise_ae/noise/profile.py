"""A picture's noise profile, measured from the picture alone, so that more noise of its kind can be drawn.

The profile holds the noise's standard deviation by brightness, its spatial correlation and its correlation between
channels: after demosaicing, tone curve and JPEG a camera's noise is far from white. It is measured in the flattest
blocks, which hold little but noise. Methods that learn from noisy pictures alone add such noise on top of the picture's
own, see `denoise_ae.restoration.adapt` and `denoise_ae.training.losses.recorrupted`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from denoise_ae.noise.correlation import BLOCK, without_plane
from denoise_ae.noise.estimate import estimate_sigma
from denoise_ae.pixels.filters import blur
from denoise_ae.pixels.masked import MaskedImage

Floats = NDArray[np.float32]

REACH = 3
"""Distance in pixels over which correlation is measured; beyond it CC15's is at most 0.05."""

_WHITE = 0.15
"""Noise with less correlation than this at a distance of one pixel counts as white, for which there is a better
estimate: with noise of 8, fine texture in the flattest blocks looks like a correlation of 0.1."""

_GROUPS = 8
"""Number of brightnesses that noise is measured at."""

_FLATTEST = 0.1
"""Share of each group's blocks that are used: those with the least variance."""

_FEWEST = 8
"""Fewest blocks of a group that are used."""

_UNCLIPPED = 0.98
"""Smallest share of a block's values that are neither black nor white, where clipping reduces the noise."""

_MOST = 1.25
"""Largest ratio of a group's noise to the median group's: above it the group has nothing flat."""

_TRIAL_SIDE = 512
"""Side in pixels of the flat picture that the measurement is calibrated on."""

_WHOLE = 1_000_000
"""Most pixels that are measured as a whole; larger pictures are sampled."""

_PARTS, _PART_SIDE = 64, 128
"""Number of parts that a larger picture is sampled in, and their side in pixels."""

_SMOOTHING = 3.0
"""Standard deviation in pixels of the Gaussian that smooths brightness."""


@dataclass(frozen=True)
class NoiseModel:
    """Spatially correlated Gaussian noise that depends on brightness. Values are on the scale of 0 to 1."""

    brightness: NDArray[np.float64]
    """Ascending brightnesses, the mean of the channels."""
    deviation: NDArray[np.float64]
    """The standard deviation at each of them."""
    correlation: NDArray[np.float64]
    """Of two pixels of a channel by their distance, (2 REACH + 1)²; the middle is 1."""
    channels: NDArray[np.float64]
    """Covariance of the channels, CxC, whose mean variance is 1."""

    def deviations(self, picture: Floats) -> Floats:
        """Return the standard deviation at each pixel of a picture HxWxC: HxW."""
        if len(self.deviation) == 1:
            return np.full(picture.shape[:2], self.deviation[0], np.float32)
        smooth = blur(picture.mean(2), _SMOOTHING)
        return np.asarray(np.interp(smooth, self.brightness, self.deviation), np.float32)

    def spectrum(self, height: int, width: int) -> Floats:
        """Return the factors for the real Fourier transform of white noise: height x (width/2 + 1)."""
        places = np.arange(-REACH, REACH + 1)
        taper = np.sqrt(np.cos(np.pi / 2 * places / (REACH + 1)))  # a sharp end would ring
        kernel = np.zeros((height, width))
        np.add.at(kernel, np.ix_(places % height, places % width), self.correlation * np.outer(taper, taper))
        power = np.fft.rfft2(kernel).real.clip(0)
        whole = np.fft.fft2(kernel).real.clip(0).mean()
        return np.asarray(np.sqrt(power / whole), np.float32)

    def mixing(self) -> Floats:
        """Return the matrix that correlates independent channels: CxC, lower triangular."""
        count = len(self.channels)
        return np.asarray(np.linalg.cholesky(self.channels + 1e-4 * np.eye(count)), np.float32)

    def draw(self, picture: Floats, rng: np.random.Generator) -> Floats:
        """Draw such noise for a picture HxWxC, 0 to 1; HxWxC, mean 0."""
        height, width, channels = picture.shape
        white = rng.standard_normal((channels, height, width), dtype=np.float32)
        shaped: Floats = shape_noise(
            white, self.mixing(), self.spectrum(height, width), self.deviations(picture)[None], np
        )
        return np.ascontiguousarray(shaped.transpose(1, 2, 0), np.float32)


def shape_noise(white: Any, mixing: Any, spectrum: Any, deviation: Any, library: Any) -> Any:  # noqa: ANN401
    """Turn white noise into that of a model; it wraps around the borders.

    Args:
        white: ...xCxHxW of a standard normal distribution.
        mixing: ...xCxC, see `NoiseModel.mixing`.
        spectrum: see `NoiseModel.spectrum`; broadcast to ...xCxHx(W/2 + 1).
        deviation: see `NoiseModel.deviations`; broadcast to ...xCxHxW.
        library: numpy, or torch for its tensors.
    """
    size = tuple(white.shape[-2:])
    coloured = library.fft.irfft2(library.fft.rfft2(white) * spectrum, size)
    return library.einsum("...ij,...jhw->...ihw", mixing, coloured) * deviation


def squared_risk(noisy: Any, more: Any, less: Any, drawn: Any, share: Any) -> Any:  # noqa: ANN401
    """Estimate each pixel's squared error against the clean picture, which is unknown.

    On average the estimate is too high by the variance of the noise. All arguments but `share` are arrays, or torch
    tensors, of one shape.

    Args:
        noisy: the pictures.
        more: the result for the pictures plus a share of the drawn noise.
        less: the result for the pictures minus that.
        drawn: noise like the pictures' own.
        share: of the drawn noise.
    """
    far = ((more - noisy) ** 2 + (less - noisy) ** 2) / 2
    return far + (more - less) * drawn / share


def white_noise(level: float, channels: int) -> NoiseModel:
    """Return the model of white noise with standard deviation `level`, on the scale of 0 to 1."""
    alone = np.zeros((2 * REACH + 1, 2 * REACH + 1))
    alone[REACH, REACH] = 1
    return NoiseModel(np.zeros(1), np.full(1, level), alone, np.eye(channels))


def measure_picture(masked: MaskedImage) -> NoiseModel | None:
    """Measure the noise of a picture, from at most a megapixel of it; see `measure_noise`."""
    height, width = masked.height, masked.width
    if height * width <= _WHOLE and not masked.has_ignored:
        return measure_noise([masked.window(slice(0, height), slice(0, width))])
    return measure_noise(masked.parts(_PARTS, _PART_SIDE))


def measure_noise(parts: Sequence[Floats]) -> NoiseModel | None:
    """Measure the noise of a picture.

    Args:
        parts: of the picture, HxWxC, 0 to 1; all of it, or parts from all over it.

    Returns:
        The model; None if the parts are smaller than a block of 16x16 pixels, or hold no noise at all.
    """
    blocks = [_blocks(part) for part in parts if min(part.shape[:2]) >= BLOCK]
    if not blocks:
        return None
    found = _measure(np.concatenate(blocks))
    if found is None:
        return None
    channels = len(found.channels)
    if abs(found.correlation[REACH, REACH + 1]) <= _WHITE:
        level = white_level(parts)
        return white_noise(level, channels) if level else None
    # The flattest blocks are those whose noise happens to be weak, and they lose some of it with the plane. A trial on
    # known noise of the same kind shows how much.
    side = min(_TRIAL_SIDE, max(BLOCK * _GROUPS, math.isqrt(sum(part.shape[0] * part.shape[1] for part in parts))))
    flat = np.full((side, side, channels), 0.5, np.float32)
    known = NoiseModel(np.zeros(1), np.full(1, 0.02), found.correlation, found.channels)
    again = _measure(_blocks(flat + known.draw(flat, np.random.default_rng(0))))
    assert again is not None
    return NoiseModel(
        found.brightness, found.deviation * (0.02 / again.deviation.mean()), found.correlation, found.channels
    )


def white_level(parts: Sequence[Floats]) -> float:
    """Estimate white noise on the scale of 0 to 1: the median of parts HxWxC, 0 to 1.

    Each channel is measured alone: the channels of a camera are similar, which would hide their noise.
    """
    return median(
        math.sqrt(fmean(estimate_sigma(channel) ** 2 for channel in np.moveaxis(part, -1, 0))) for part in parts
    )


def _measure(blocks: NDArray[np.float64]) -> NoiseModel | None:
    """Measure the noise in blocks N x C x side x side; None if there is none."""
    rest = without_plane(blocks.reshape(-1, BLOCK, BLOCK)).reshape(blocks.shape)
    variances, brightness = rest.var(axis=(1, 2, 3)), blocks.mean(axis=(1, 2, 3))
    unclipped = ((blocks > 0) & (blocks < 1)).mean(axis=(1, 2, 3)) >= _UNCLIPPED
    if unclipped.sum() >= _FEWEST * _GROUPS:
        rest, variances, brightness = rest[unclipped], variances[unclipped], brightness[unclipped]
    groups = [
        group[np.argsort(variances[group])[: max(_FEWEST, int(_FLATTEST * len(group)))]]
        for group in np.array_split(np.argsort(brightness), min(_GROUPS, -(-len(brightness) // _FEWEST)))
    ]
    deviation = np.sqrt([variances[group].mean() for group in groups])
    if not (typical := np.median(deviation)):
        return None
    flattest = np.concatenate(groups)
    flattest = flattest[variances[flattest] > 0]
    unit = rest[flattest] / np.sqrt(variances[flattest])[:, None, None, None]
    channels = np.einsum("nihw,njhw->ij", unit, unit)
    return NoiseModel(
        np.array([brightness[group].mean() for group in groups]),
        np.minimum(deviation, _MOST * typical),
        _correlation(unit),
        channels * (len(channels) / np.trace(channels)),
    )


def _correlation(unit: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the autocorrelation of blocks N x C x side x side, averaged over all rotations and flips."""
    side = unit.shape[-1]
    shared = np.empty((REACH + 1, REACH + 1))
    for y in range(REACH + 1):
        for x in range(REACH + 1):
            right = (unit[..., : side - y, : side - x] * unit[..., y:, x:]).mean()
            left = (unit[..., : side - y, x:] * unit[..., y:, : side - x]).mean()
            shared[y, x] = (right + left) / 2
    shared = (shared + shared.T) / (2 * shared[0, 0])
    distances = np.abs(np.arange(-REACH, REACH + 1))
    return np.asarray(shared[np.ix_(distances, distances)])


def _blocks(picture: Floats) -> NDArray[np.float64]:
    """Split a picture HxWxC into blocks that overlap by half: N x C x side x side."""
    windows = np.lib.stride_tricks.sliding_window_view(picture, (BLOCK, BLOCK), axis=(0, 1))
    step = BLOCK // 2
    cut = windows[::step, ::step]
    return np.asarray(cut.reshape(-1, *cut.shape[2:]), np.float64)
