"""Find how much noise a model had best be told of a picture, from the noisy picture alone: `clean --adapt`.

A model that was trained on other cameras' noise, or on sharper pictures, takes too little or too much. How far its
result is from the clean picture can be told without that picture: it is as far from the noisy one as it is, less what
it lets through of noise of the same kind that is drawn on top (SURE, Stein, Annals of Statistics 9, 1981; by Monte
Carlo, Ramani, Blu and Unser, IEEE TIP 17, 2008; for noise of any covariance and as a loss, Pang, Zheng, Quan and Ji,
"Recorrupted-to-recorrupted", CVPR 2021). So the level is the one number that is fitted, to the very picture.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from denoise_ae.noise.profile import NoiseModel, squared_risk

Floats = NDArray[np.float32]

ADDED = 0.3
"""Deviation of the noise that is drawn on top, as a share of the picture's own."""

FACTORS = (1.0, 2**0.25, 2**0.5, 2**0.75)
"""What multiples of a model's own estimate are tried."""

FARTHEST = 2.5
"""Where so many times the model's own estimate is measured, there is nothing flat: texture was measured, not noise."""

PARTS, PART_SIDE = 16, 128
"""How many parts of a picture the levels are tried on, and their side in pixels."""


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
        noise: what was measured of the picture.
        seed: of the noise that is drawn on top.
    """
    rng = np.random.default_rng(seed)
    noisy = np.stack([part.transpose(2, 0, 1) for part in parts])
    drawn = np.stack([noise.draw(part, rng).transpose(2, 0, 1) for part in parts])

    def risk(factor: float) -> float:
        more, less = restore(noisy + ADDED * drawn, factor), restore(noisy - ADDED * drawn, factor)
        return float(squared_risk(noisy, more, less, drawn, ADDED).mean())

    return min(FACTORS, key=risk)


def measured_level(noise: NoiseModel, parts: Sequence[Floats]) -> float:
    """Return the root mean square of the measured deviations over parts of the picture, on the scale of 0 to 1."""
    return math.sqrt(float(np.mean([np.square(noise.deviations(part)).mean() for part in parts])))
