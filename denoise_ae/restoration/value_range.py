"""Stretch the values that a picture uses to the range that a network was trained on, and what it returns back again.

Twelve bits of a camera in sixteen of a file, a night shot, floating point far beyond 1: to a network in float32 without
biases all scales are alike, but one in int8 has steps that are made for 0 to 1, and a single glaring value would drive
either far out of what it has learnt. So what all but the brightest few pixels use is stretched to 0 to 1, and values
beyond are clipped for the network, which then leaves them as they are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from denoise_ae.pixels.masked import Floats, MaskedImage
from denoise_ae.restoration.cleaning import Run

HEADROOM = 1.1
"""How far the range goes beyond the brightest of the others, whose noise needs room."""

DIM = 0.4
"""Pictures that reach this use enough of the scale to be left as they are."""


@dataclass(frozen=True)
class ValueRange:
    """The values that a picture uses, on the scale of 0 (black) to 1 (white)."""

    low: float = -np.inf
    high: float = np.inf
    gain: float = 1.0
    """What values are multiplied by for the network; 1 where the picture uses its scale well."""


def measure_range(picture: MaskedImage) -> ValueRange:
    """Find the range of values that a picture uses, from a sample of its pixels.

    Args:
        picture: whose pixels; those to ignore do not count.
    """
    floating = picture.floating
    low, high = picture.bulk
    brightest = HEADROOM * high
    darkest = HEADROOM * min(0.0, low) if floating else 0.0
    used = max(brightest, -darkest)
    if 0 < used < DIM or used > HEADROOM:
        return ValueRange(darkest, brightest, 1 / used) if floating else ValueRange(0.0, brightest, 1 / used)
    return ValueRange(min(darkest, -1.0), HEADROOM, 1.0) if floating else ValueRange()


def in_range(run: Run, values: ValueRange) -> Run:
    """Return a network that is run on the values that a picture uses; its levels are on the picture's own scale."""
    if values == ValueRange():
        return run
    gain, low, high = np.float32(values.gain), np.float32(values.low), np.float32(values.high)

    def stretched(noisy: Floats, sigma: float | None) -> tuple[Floats, Floats | None]:
        given = np.clip(noisy, low, high)
        beyond = given != noisy
        given *= gain
        clean, levels = run(given, sigma if sigma is None or sigma < 0 else sigma * values.gain)
        clean -= given
        clean /= gain
        clean[beyond] = 0
        clean += noisy
        if low == 0:  # nothing negative is there, and none shall be where noise is removed beside a dark edge
            np.maximum(clean, np.minimum(noisy, 0), out=clean)
        return clean, None if levels is None else levels / gain

    return stretched
