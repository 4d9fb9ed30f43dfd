"""Fit a model's own noise estimate to a picture, from the noisy picture alone: `clean --adapt`.

A model trained on other cameras' noise, or on sharper pictures, removes too little or too much. How far its result is
from the clean picture can be estimated without that picture: as far as it is from the noisy one, less what it lets
through of noise of the same kind that is added on top (SURE, Stein, Annals of Statistics 9, 1981; by Monte Carlo,
Ramani, Blu and Unser, IEEE TIP 17, 2008; for noise of any covariance and as a loss, Pang, Zheng, Quan and Ji,
"Recorrupted-to-recorrupted", CVPR 2021). The factor on the estimate is the one number that is fitted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from denoise_ae.noise.profile import NoiseModel, measure_picture, squared_risk
from denoise_ae.pixels.masked import MaskedImage

Floats = NDArray[np.float32]
Run = Callable[[Floats, float], tuple[Floats, Floats | None]]
"""Runs a model on pictures NxCxHxW, 0 to 1, with a multiple of its own noise estimate; gives the clean pictures and the
estimated levels on the same scale."""

ADDED = 0.3
"""Standard deviation of the added noise, as a share of the picture's own."""

FACTORS = (1.0, 2**0.25, 2**0.5, 2**0.75)
"""Multiples of a model's own estimate that are tried."""

FARTHEST = 2.5
"""If the measured level exceeds the model's own estimate this many times, nothing in the picture is flat: texture was
measured, not noise."""

PARTS, PART_SIDE = 16, 128
"""Number of parts of a picture that the factors are tried on, and their side in pixels."""


def fit_factor(masked: MaskedImage, run: Run, *, size_multiple: int, min_size: int) -> float:
    """Find the multiple of a model's own noise estimate that suits a picture best.

    Args:
        masked: the picture.
        run: the model.
        size_multiple: height and width given to the model must be multiples of this.
        min_size: smallest height and width given to the model.

    Returns:
        One of `FACTORS`; 1 if the picture is too small or too textured to measure its noise.
    """
    side = min(PART_SIDE, masked.height, masked.width) // size_multiple * size_multiple
    if masked.all_ignored or side < max(1, min_size):
        return 1.0
    noise, parts = measure_picture(masked), masked.parts(PARTS, side)
    if noise is None or not parts:
        return 1.0
    _, levels = run(_stack(parts), 1.0)
    assert levels is not None
    if measured_level(noise, parts) > FARTHEST * math.sqrt(np.square(levels).mean()):
        return 1.0
    return best_factor(lambda noisy, factor: run(noisy, factor)[0], parts, noise)


def best_factor(
    restore: Callable[[Floats, float], Floats],
    parts: Sequence[Floats],
    noise: NoiseModel,
    seed: int = 0,
) -> float:
    """Find the multiple of the model's own estimate whose result is nearest to the clean picture.

    Args:
        restore: runs the model on pictures NxCxHxW, 0 to 1, with a multiple of its own estimate.
        parts: of the picture, HxWxC of one size, 0 to 1.
        noise: the picture's noise as measured.
        seed: of the added noise.
    """
    rng = np.random.default_rng(seed)
    noisy, drawn = _stack(parts), _stack([noise.draw(part, rng) for part in parts])

    def risk(factor: float) -> float:
        more, less = restore(noisy + ADDED * drawn, factor), restore(noisy - ADDED * drawn, factor)
        return float(squared_risk(noisy, more, less, drawn, ADDED).mean())

    return min(FACTORS, key=risk)


def measured_level(noise: NoiseModel, parts: Sequence[Floats]) -> float:
    """Return the root mean square of the measured deviations over parts of the picture, on the scale of 0 to 1."""
    return math.sqrt(float(np.mean([np.square(noise.deviations(part)).mean() for part in parts])))


def _stack(parts: Sequence[Floats]) -> Floats:
    """Stack parts HxWxC into a batch NxCxHxW."""
    return np.stack([part.transpose(2, 0, 1) for part in parts])
