"""Find dust and scratches in a picture without a mask, by classical morphology: nothing is learnt.

Dust and scratches on a scan are narrow, nearly white or nearly black, and much lighter or darker than their
surroundings. A top-hat transform (Meyer 1979) measures by how much. Texture responds too, but everywhere alike. So a
defect must respond many times as strongly as the median over a window around it, which a few defects do not move, and
some standard deviations more strongly than the mean over a wide one.

Narrow details of the picture itself that respond as strongly are found too, such as a wire before the sky, a star or
print. Defects that are gray, or wider than the disk, are missed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from denoise_ae.pixels.filters import grow, local_median, local_moments, regions, top_hats
from denoise_ae.pixels.masked import MaskedImage

RADIUS = 5
"""Radius of the disk in pixels: anything wider than 11 pixels is not a defect."""

LEAST = 60.0
"""Smallest response of a defect, in 8-bit steps."""

EXTREME = 55.0
"""Largest distance of a defect from white or black, in 8-bit steps."""

WINDOW, ROUGH = 31, 6.0
"""Side of the window in pixels, and how many times its median a defect's response must be."""

WIDE_WINDOW, DEVIATIONS = 61, 3.0
"""Side of the wide window, and how many of its standard deviations above its mean a defect's response must be."""

FEWEST = 3
"""Fewest pixels of a defect: less is noise."""

MARGIN = 2
"""Pixels around a defect that are marked too, since its border is soft."""

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


@dataclass(frozen=True)
class Defects:
    """What was found."""

    mask: NDArray[np.bool_]
    """HxW, true at defects and their margin."""
    count: int
    """Number of connected defects."""


def eight_bit_gray(image: NDArray[Any]) -> NDArray[np.uint8]:
    """Return the luminance of a picture in steps of 255, HxW; pixels to ignore are filled from their surroundings."""
    masked = MaskedImage(image)
    whole = masked.window(slice(0, masked.height), slice(0, masked.width))
    gray = whole @ _LUMA if masked.channels == 3 else whole[..., 0]
    return np.rint(np.clip(gray, 0, 1) * 255).astype(np.uint8)


def find_defects(image: NDArray[Any], sensitivity: float = 1.0) -> Defects:
    """Find dust and scratches.

    Args:
        image: HxW, HxWx2, HxWx3 or HxWx4; uint8, uint16 or float32.
        sensitivity: above 0; at 2 half the response is enough, which finds more defects and more false ones.
    """
    eight_bit = eight_bit_gray(image)
    mask = np.zeros(eight_bit.shape, np.bool_)
    for response, from_extreme in zip(top_hats(eight_bit, RADIUS), (255 - eight_bit, eight_bit), strict=True):
        mean, deviation = local_moments(response, WIDE_WINDOW)
        texture = np.maximum(ROUGH * local_median(response, WINDOW), mean + DEVIATIONS * deviation)
        strong = response * np.float32(sensitivity) > np.maximum(texture, LEAST)
        mask |= strong & (from_extreme <= EXTREME * sensitivity)
    found = regions(mask)
    large = found.pixels >= FEWEST
    large[0] = False
    return Defects(grow(large[found.labels], MARGIN), int(np.count_nonzero(large)))
