"""Spots in rows: pairs, such as a colon or a diaeresis, and rows of even steps, such as leaders and dotted rules."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from denoise_ae.restoration.page import Mask

_Ordered = tuple[NDArray[np.intp], NDArray[np.float64], Mask]


def _lines(columns: NDArray[np.float64], rows: NDArray[np.float64], mass: NDArray[np.float64]) -> list[_Ordered]:
    """Sort spots along rows and along columns, in two rasters each, lest a row be parted by one.

    Returns:
        For each: the spots' order, the gaps between their centres, and which gaps lie in one row between spots of a
        similar mass.
    """
    lines = []
    for along, across in ((columns, rows), (rows, columns)):
        for offset in (0.0, 0.5):
            line = np.floor(across + offset)
            order = np.lexsort((along, line))
            alike = (np.diff(line[order]) == 0) & (np.abs(np.diff(np.log(mass[order]))) < 0.5)
            lines.append((order, np.diff(along[order]), alike))
    return lines


def paired_spots(
    columns: NDArray[np.float64], rows: NDArray[np.float64], mass: NDArray[np.float64], reach: NDArray[np.float64]
) -> Mask:
    """Tell which spots have one of a similar mass in their row or column within reach, as in a colon or diaeresis."""
    paired = np.zeros(len(mass), np.bool_)
    for order, gaps, alike in _lines(columns, rows, mass):
        close = alike & (gaps < reach[order][1:]) & (np.abs(np.diff(np.log(mass[order]))) < 0.36)
        paired[order[1:][close]] = paired[order[:-1][close]] = True
    return paired


def spots_in_rows(
    columns: NDArray[np.float64], rows: NDArray[np.float64], mass: NDArray[np.float64], width: NDArray[np.float64]
) -> Mask:
    """Tell which spots belong to rows of even steps: five and more, or three that are close, as in an ellipsis."""
    rowed = np.zeros(len(mass), np.bool_)
    for order, gaps, alike in _lines(columns, rows, mass):
        close = alike & (gaps < np.maximum(8 * width[order][1:], 12))
        change = np.abs(np.diff(gaps))
        even = close[1:] & close[:-1] & (change <= 1.01)
        bounds = np.flatnonzero(np.diff(np.concatenate(([0], even.astype(np.int8), [0]))))
        for first, last in zip(bounds[::2].tolist(), bounds[1::2].tolist(), strict=True):
            dense = gaps[first : last + 1].max() <= 6 * width[order[first]] and change[first:last].max() <= 0.6
            if last - first >= 3 or dense:
                rowed[order[first : last + 2]] = True
    return rowed
