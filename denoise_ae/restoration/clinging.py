"""Find specks that cling to strokes, and bright ones inside: by patterns of the pixels around them.

A stroke's own corners and tips look like specks that touch it. How often a speck falls on paper with certain pixels of
ink around it can be foretold: by how much of such paper there is, and by how many specks lie far from all strokes.
Patterns that are more frequent than that are the strokes' own, and stay.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from denoise_ae.pixels.filters import regions
from denoise_ae.restoration.page import Floats, Mask

MOST_SIDE = 3
"""Largest side in pixels of what is looked for; at most two thirds of a stroke's width."""

DARK, BRIGHT = 0.4, 0.3
"""Darkness of the ink around a speck at the least, and of paper at the most."""

SPECK = 0.6
"""Least darkness of a speck at strokes."""

TOUCH = 0.15
"""Least darkness of a stroke's soft edge."""

EVIDENT = 8
"""So many specks far from strokes show that some cling to strokes, be they fewer than `SLACK`."""

SLACK = 2

TOLERABLE, LEAST_SHARE = 0.001, 1 / 3
"""Share of the ink that may go with specks which are frequent, and least share of them in a pattern that goes."""

HOLE = 0.3
"""Largest mass of a hole in squares of the stroke width: the smallest counters of bold letters are larger."""


def expected_at_most(here: int | np.integer, far: int | np.integer, share: float) -> bool:
    """Tell whether there are no more of a kind of spot in one place than specks alone would explain.

    Args:
        here: how many there are.
        far: how many there are far from strokes, all of them specks.
        share: the place's area in areas far from strokes.
    """
    expected = far * share
    return bool(far > 0 and here <= 1.15 * expected + 3 * np.sqrt(expected * (1 + share)))


def find_clinging(page: Floats, strokes: Floats, specks: Mask, area: int, width: float) -> Mask:
    """Find specks that touch strokes; HxW.

    Args:
        page: darkness, HxW.
        strokes: the same of strokes alone, 0 elsewhere.
        specks: those far from strokes, HxW.
        area: pixels that are far from strokes.
        width: of the page's strokes in pixels.
    """
    found = np.zeros(page.shape, np.bool_)
    for side in range(1, max(1, min(MOST_SIDE, int(width / 1.5))) + 1):
        inside = [(y, x) for y in range(side) for x in range(side)]
        ring = _ring(side)
        alone = _all(specks & (page > SPECK), inside) & ~_any(page > DARK, ring)
        count = int(np.count_nonzero(alone))
        if not count:
            continue
        touched = [_moved(strokes > DARK, *step) for step in ring]
        dark = sum((each.view(np.uint8) for each in touched), np.zeros(page.shape, np.uint8))
        turns = sum((each ^ touched[i - 1]).view(np.uint8) for i, each in enumerate(touched))
        possible = (turns <= 2) & (dark <= side + 2)  # on one side, so that nothing is parted
        corners = sum(touched[i * (side + 1)].view(np.uint8) for i in range(4))
        soft = sum(_moved(strokes > TOUCH, *step).view(np.uint8) for step in ring)
        pattern = (dark.astype(np.int64) * 5 + corners) * 20 + soft
        least = max(SPECK, float(np.quantile(page[alone], 0.1)) - 0.1)
        blocks = _all(strokes >= least, inside) & possible
        paper = np.bincount(pattern[_all(page < BRIGHT, inside) & possible], minlength=int(pattern.max()) + 1)
        slack = SLACK if count >= EVIDENT else 0
        counts = np.bincount(pattern[blocks], minlength=len(paper))
        usual = np.array(
            [expected_at_most(n - slack, count, free / area) for n, free in zip(counts, paper, strict=True)]
        )
        usual |= _affordable(counts, count / area * paper, TOLERABLE * np.count_nonzero(strokes > SPECK) / side**2)
        chosen = blocks & usual[pattern]
        for y, x in inside:
            found |= _moved(chosen, -y, -x)
    return found


def _affordable(counts: NDArray[np.int_], expected: NDArray[np.floating[Any]], most: float) -> Mask:
    """Tell which patterns hold so many specks that all may go, for the loss of a few pixels of strokes.

    Args:
        counts: how often each pattern occurs.
        expected: how many of these are specks.
        most: pixels of strokes that may go.
    """
    lost = np.maximum(counts - expected, 0)
    order = np.argsort(lost / np.maximum(expected, 1e-9), kind="stable")
    cheap = np.zeros(len(counts), np.bool_)
    cheap[order] = np.cumsum(lost[order]) <= most
    enough: Mask = cheap & (expected >= LEAST_SHARE * counts) & (expected > EVIDENT)
    return enough


def find_holes(page: Floats, width: float) -> Mask:
    """Find bright specks inside of strokes, HxW; see `find_clinging`."""
    bright = page < SPECK
    holes = regions(bright, corners=False)
    small = np.maximum(holes.width, holes.height) <= width
    small[0] = False
    inside = np.flatnonzero(small[holes.labels])
    labels, darkness = holes.labels.ravel()[inside], page.ravel()[inside]
    mass = np.bincount(labels, 1 - np.minimum(darkness, 1), len(holes))
    brightest = np.full(len(holes), np.inf, np.float32)
    np.minimum.at(brightest, labels, darkness)
    found: Mask = (small & (mass <= HOLE * width**2) & (brightest < DARK))[holes.labels]
    return found


def _ring(side: int) -> list[tuple[int, int]]:
    """Return rows and columns around a square whose first pixel is at 0, 0: from the upper left corner, clockwise."""
    up, left = [(-1, x) for x in range(-1, side)], [(y, -1) for y in range(side, -1, -1)]
    right, down = [(y, side) for y in range(-1, side)], [(side, x) for x in range(side, -1, -1)]
    return [*up, *right, *down, *left]


def _moved(mask: Mask, rows: int, columns: int) -> Mask:
    """Return what lies so many rows and columns further; false beyond the border."""
    moved = np.zeros_like(mask)
    height, width = mask.shape
    to = slice(max(0, -rows), min(height, height - rows)), slice(max(0, -columns), min(width, width - columns))
    of = slice(max(0, rows), min(height, height + rows)), slice(max(0, columns), min(width, width + columns))
    moved[to] = mask[of]
    return moved


def _all(mask: Mask, steps: list[tuple[int, int]]) -> Mask:
    return np.asarray(np.logical_and.reduce([_moved(mask, *step) for step in steps]), np.bool_)


def _any(mask: Mask, steps: list[tuple[int, int]]) -> Mask:
    return np.asarray(np.logical_or.reduce([_moved(mask, *step) for step in steps]), np.bool_)
