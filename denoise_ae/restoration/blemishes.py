"""Find dust and scratches in a picture without a mask, by a classical detector: no learning, and no memory of faces.

Dust and scratches on a scan are narrow, nearly white or nearly black, and much lighter or darker than all around them.
A top-hat transform (Meyer 1979) measures how far a pixel stands out of what is wider than a disk. Texture stands out
too, but everywhere alike: a blemish stands out many times as far as the median over a window around it, which a few
blemishes do not move, and further than the mean over a wide one by some standard deviations.

Narrow things of the picture itself that stand out as far are found too: a wire before the sky, a star, print; and what
is gray, or wider than the disk, is not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from denoise_ae.pixels.filters import grow, local_median, local_moments, regions, top_hats
from denoise_ae.pixels.masked import MaskedImage

RADIUS = 5
"""Of the disk, in pixels: what is wider than 11 pixels is no blemish."""

LEAST = 60.0
"""A blemish stands out by at least so many steps of 255."""

EXTREME = 55.0
"""A blemish is at most so many steps of 255 from white or from black."""

WINDOW, ROUGH = 31, 6.0
"""A blemish stands out so many times as far as the median over a window of this side."""

WIDE_WINDOW, DEVIATIONS = 61, 3.0
"""A blemish stands out so many standard deviations further than the mean over a window of this side."""

FEWEST = 3
"""Pixels that a blemish has at least: fewer are noise."""

MARGIN = 2
"""Pixels around a blemish that are marked too, since its border is soft."""

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


@dataclass(frozen=True)
class Blemishes:
    """What was found."""

    lost: NDArray[np.bool_]
    """HxW, true where there is one."""
    count: int
    """How many hang together."""


def find_blemishes(image: NDArray[Any], sensitivity: float = 1.0) -> Blemishes:
    """Find dust and scratches.

    Args:
        image: HxW, HxWx2, HxWx3 or HxWx4; uint8, uint16 or float32.
        sensitivity: above 0; 2 takes for a blemish what stands out half as far, and finds more that is none.

    Returns:
        Where they are, with a margin, and how many.
    """
    masked = MaskedImage(image)
    whole = masked.window(slice(0, masked.height), slice(0, masked.width))
    gray = whole @ _LUMA if masked.channels == 3 else whole[..., 0]
    eight_bit = np.rint(np.clip(gray, 0, 1) * 255).astype(np.uint8)
    lost = np.zeros(gray.shape, np.bool_)
    for hat, from_end in zip(top_hats(eight_bit, RADIUS), (255 - eight_bit, eight_bit), strict=True):
        mean, deviation = local_moments(hat, WIDE_WINDOW)
        further = np.maximum(ROUGH * local_median(hat, WINDOW), mean + DEVIATIONS * deviation)
        stands_out = hat * np.float32(sensitivity) > np.maximum(further, LEAST)
        lost |= stands_out & (from_end <= EXTREME * sensitivity)
    labels, measures = regions(lost)
    large = measures[:, 2] >= FEWEST
    large[0] = False
    return Blemishes(grow(large[labels], MARGIN), int(np.count_nonzero(large)))
