"""A scanned page as ink on paper: how dark each place is, which pieces of ink are strokes, and how wide those are."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from denoise_ae.pixels.filters import Regions, nearest, otsu, paper_level, regions
from denoise_ae.restoration.defects import eight_bit_gray

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

LEAST_PAPER = 0.6
"""Least brightness of paper as a share of the page's brightest: what is darker and wide is ink, such as a bar."""

FAINTEST, DEVIATIONS = 0.2, 5.0
"""Smallest darkness of ink, and how many standard deviations of the paper's noise it is at the least."""

MOST_DARKNESS = 1.2

SHORTEST, SMALLEST = 3.0, 4.0
"""Least length of a stroke in its widths, and least mass in squares of its width."""

LEAST_MASS = 8.0
"""Least mass of a stroke in pixels."""


RULE, LEAST_SCALE = 20.0, 0.75
"""Extent of rules and frames in usual stroke widths, and what their width counts as at the least."""

BLANK, LONG = 0.5, 6.0
"""Least share of paper on a page of print or drawings, and least length of all its strokes in longer sides of it."""

PAPER = 0.15
"""Darkness of paper at the most."""


@dataclass(frozen=True)
class Page:
    """What `read_page` sees of a picture."""

    ink: Floats
    """Darkness, HxW: 0 is paper, 1 the usual ink."""
    pieces: Regions
    """Connected pieces of ink."""
    mass: NDArray[np.float64]
    """Sum of a piece's ink, in pixels of usual ink."""
    peak: Floats
    """Its darkest pixel."""
    width: NDArray[np.float64]
    """Mean width of its strokes in pixels."""
    bright: bool = True
    """Whether the paper is brighter than the ink."""

    @cached_property
    def is_stroke(self) -> Mask:
        """Which pieces are letters, lines and the like: long and heavy for their width; length N."""
        strokes: Mask = (self.extent >= SHORTEST * self.width) & (self.mass >= SMALLEST * self.width**2)
        strokes &= self.mass >= LEAST_MASS
        strokes[0] = False
        return strokes

    @cached_property
    def extent(self) -> NDArray[np.int32]:
        """The longer side of each piece's box in pixels."""
        return np.maximum(self.pieces.width, self.pieces.height)

    @cached_property
    def strokes(self) -> Mask:
        """Pixels of strokes, HxW."""
        return self.is_stroke[self.pieces.labels]

    @cached_property
    def stroke_width(self) -> float:
        """Usual width of the page's strokes in pixels; 0 where it has none."""
        return float(np.median(self.width[self.is_stroke])) if self.is_stroke.any() else 0.0

    @cached_property
    def scale(self) -> NDArray[np.float64]:
        """What distances and sizes near each piece are measured by, in pixels; length N.

        That is the width of its strokes, but rules and frames, however thin, count as strokes of letters.
        """
        least = np.where(self.extent >= RULE * self.stroke_width, LEAST_SCALE * self.stroke_width, 1.0)
        return np.maximum(self.width, least)

    @property
    def looks_printed(self) -> bool:
        """Whether it is print or line art on bright paper: mostly blank, and with many strokes."""
        length = float((self.mass / np.maximum(self.width, 1))[self.is_stroke].sum())
        return self.bright and float(np.mean(self.ink < PAPER)) > BLANK and length > LONG * max(self.ink.shape)

    @cached_property
    def nearest_stroke(self) -> tuple[Floats, NDArray[np.int32]]:
        """How far each pixel is from the nearest stroke, and the number of that piece; HxW each."""
        return nearest(self.strokes, self.pieces.labels)


def read_page(image: NDArray[Any]) -> Page:
    """See ink on paper in a picture, whether the paper is bright or, as on negatives and slides, dark.

    Args:
        image: HxW, HxWx2, HxWx3 or HxWx4; uint8, uint16 or float32.
    """
    gray = eight_bit_gray(image)
    bright = bool(np.median(gray) >= (int(gray.min()) + int(gray.max())) / 2)
    if not bright:
        gray = 255 - gray
    local = paper_level(gray)
    paper = np.maximum(local, LEAST_PAPER * np.quantile(local, 0.9)).astype(np.float32)
    depth = np.maximum(paper - gray, 0)
    parted = otsu(depth.astype(np.uint8))
    inked = depth > parted
    usual = float(np.median(depth[inked])) if inked.any() else 255.0
    rough = np.abs(gray - paper)[~inked]
    noise = 1.48 * float(np.median(rough)) / usual if rough.size else 0.0
    ink = np.minimum(depth / np.float32(usual), np.float32(MOST_DARKNESS))
    pieces = regions(ink > max(FAINTEST, DEVIATIONS * noise))
    count, found = len(pieces), np.flatnonzero(pieces.labels)
    labels, darkness = pieces.labels.ravel()[found], ink.ravel()[found]
    inside = np.where(pieces.labels > 0, ink, np.float32(0))
    mass = np.bincount(labels, darkness, count).astype(np.float64)
    peak = np.zeros(count, np.float32)
    np.maximum.at(peak, labels, darkness)
    # An area over half its outline is a width; 1.2 makes up for outlines that are counted along rows and columns.
    width = 2.4 * mass / np.maximum(_outline(inside, pieces.labels, count), 1e-6)
    return Page(ink, pieces, mass, peak, width, bright)


def printed_share(image: NDArray[Any], mask: Mask) -> float:
    """Return how much of a page's strokes a mask covers, 0 to 1; 0 where the picture is no print or line art.

    Args:
        image: as for `read_page`.
        mask: HxW.
    """
    page = read_page(image)
    return float(mask[page.strokes].mean()) if page.looks_printed else 0.0


def _outline(inside: Floats, labels: NDArray[np.int32], count: int) -> NDArray[np.float64]:
    """Return the length of each piece's outline: its total variation, so that soft edges count like sharp ones."""
    total = np.zeros(count)
    dark, numbers = np.pad(inside, 1), np.pad(labels, 1)
    for axis in (0, 1):
        owner = np.maximum(*(np.delete(numbers, place, axis) for place in (0, -1)))
        total += np.bincount(owner.ravel(), np.abs(np.diff(dark, axis=axis)).ravel(), count)
    return total
