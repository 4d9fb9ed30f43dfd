"""What bounds a network's own estimate of the noise: what is drawn, and white noise that can be measured.

A network takes small print, codes, halftones and cloth for noise, since nothing but training tells them apart. Two
things can be known without it:

- Where many pixels equal their neighbours exactly, there is next to no noise: Gaussian noise of a whole 8-bit step lets
  a gray pixel equal another one with a chance of 0.28, and a colour pixel with one of 0.02. What stands there is drawn,
  and is left alone.
- Where white noise can be measured in the flattest patches, dark, middling and bright, the noise elsewhere is hardly
  stronger. Where none can be measured this says nothing, since a camera's noise is not white once it is developed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from denoise_ae.modelfiles.graph import LARGEST_ESTIMATE
from denoise_ae.noise.estimate import estimate_largest_sigma
from denoise_ae.pixels.convert import peak_of
from denoise_ae.pixels.masked import Floats, MaskedImage
from denoise_ae.pixels.tiling import Tile

CELL = 8
"""Side in pixels of the cells that are judged, each with the 8 around it."""

SURE = {1: (0.5, 0.75), 3: (0.25, 0.4)}
"""Channels -> the share of equal pixels where a place begins to count as drawn, and where it does entirely."""

PALETTE = 256
"""A picture of no more colours has a palette."""

SURE_OF_PALETTE = (0.05, 0.15)
"""The same as `SURE` for colour pictures with a palette, whose dithering has few equal neighbours."""

LEAST_CONTRAST = 24 / 255
"""Flat places have nothing to protect, and a JPEG's flat blocks may be blotches of noise."""

LEAST_WHITE = 1.5 / 255
"""Weaker white noise is not measured surely enough to bound the rest."""

TIMES_WHITE = 1.7
"""How many times the measured white noise the estimate may reach."""

_OFFSETS = ((0, 1), (1, 0), (1, 1), (0, 2), (2, 0), (0, 4), (4, 0))
"""Rows and columns between pixels that are compared: neighbours, and the periods of halftones and ordered dithers."""

_FEW = 0.1
"""With a smaller share of pixels between black and white a place is drawn in these two."""

_REACH = 4
_STRIP_PIXELS = 4_000_000
_SAMPLE = 500_000
_PATCHES = 6_000
_COLOURS_SAMPLE = 100_000


@dataclass(frozen=True)
class Guard:
    """What bounds the estimates of one picture."""

    white: float
    """The strongest white noise that was measured, on the scale of 0 to 1."""
    drawn: Floats
    """How surely each cell is drawn, 0 to 1: height / 8 x width / 8, rounded up."""

    def largest(self, gain: float) -> float:
        """Return the highest level to go by, where the picture's values are multiplied by `gain` for the network."""
        white = gain * self.white
        return min(LARGEST_ESTIMATE, TIMES_WHITE * white) if white >= LEAST_WHITE else LARGEST_ESTIMATE

    def share(self, tile: Tile) -> Floats | None:
        """Return how much of a tile's pixels is to be left alone, height x width, 0 to 1; None for nothing."""
        rows, columns = tile.read
        last = self.drawn.shape[0] - 1, self.drawn.shape[1] - 1
        # Beyond the picture a tile is mirrored, and nothing of that is kept.
        down = np.minimum(np.arange(rows.start, rows.stop) // CELL, last[0])
        across = np.minimum(np.arange(columns.start, columns.stop) // CELL, last[1])
        cells = self.drawn[down[0] : down[-1] + 1, across[0] : across[-1] + 1]
        if not cells.any():
            return None
        share: Floats = self.drawn[down[:, None], across]
        return share


def measure_guard(picture: MaskedImage) -> Guard:
    """Find what bounds a network's estimates of a picture's noise.

    Args:
        picture: whose pixels; those to ignore do not count.
    """
    white = estimate_largest_sigma(picture.sample(_SAMPLE), patches=_PATCHES)
    return Guard(white, find_drawn(picture))


def find_drawn(picture: MaskedImage) -> Floats:
    """Return how surely each cell of a picture is drawn, 0 to 1: height / 8 x width / 8, rounded up."""
    rows = max(CELL, _STRIP_PIXELS // picture.width // CELL * CELL)
    strips = [_count(picture, top, min(top + rows, picture.height)) for top in range(0, picture.height, rows)]
    equal, between, low, high = (np.concatenate(parts, axis=-2) for parts in zip(*strips, strict=True))
    counted = np.maximum(around(between, np.add), 1)
    begins, entirely = SURE_OF_PALETTE if _has_palette(picture) else SURE[picture.channels]
    sure = np.clip((around(equal, np.add).max(axis=0) / counted - begins) / (entirely - begins), 0, 1)
    sure[counted < _FEW * around(np.full_like(between, CELL * CELL), np.add)] = 1
    contrast = (around(high, np.maximum) - around(low, np.minimum)).max(axis=0)
    sure[contrast < LEAST_CONTRAST] = 0
    drawn: Floats = sure.astype(np.float32)
    return drawn


def _has_palette(picture: MaskedImage) -> bool:
    """Tell whether a colour picture has few colours, from a sample."""
    if picture.channels == 1:
        return False
    sample = picture.sample(_COLOURS_SAMPLE)
    return len(np.unique(_joined(np.ascontiguousarray(sample.transpose(2, 0, 1))))) <= PALETTE


def _count(picture: MaskedImage, top: int, bottom: int) -> tuple[Floats, Floats, Floats, Floats]:
    """Count in the cells of a strip: pixels equal to another one, and pixels between black and white.

    Returns:
        The counts, offsets x cells down x cells across, and cells down x cells across; the darkest and the brightest
        value of each channel, channels x cells down x cells across, on the scale of 0 to 1.
    """
    pixels = picture.stored(slice(top, min(bottom + _REACH, picture.height)), slice(0, picture.width))
    peak = 1 if picture.has_ignored else peak_of(pixels.dtype)
    planes = np.ascontiguousarray(pixels.transpose(2, 0, 1))
    height = bottom - top
    between = np.zeros((height, picture.width), np.bool_)
    for plane in planes:
        between |= (plane[:height] != 0) & (plane[:height] != peak)
    values = _joined(planes)
    equal = []
    for down, across in _OFFSETS:
        others = values[down:, across:][:height]
        same = np.zeros_like(between)
        same[: len(others), : others.shape[1]] = values[: len(others), : others.shape[1]] == others
        equal.append(_ones(same & between))
    own = np.pad(planes[:, :height], ((0, 0), (0, -height % CELL), (0, -picture.width % CELL)), mode="edge")
    cells = own.reshape(len(own), -1, CELL, own.shape[2])
    low, high = (
        reduce.reduce(reduce.reduce(cells, axis=2).reshape(*cells.shape[:2], -1, CELL), axis=3) / np.float32(peak)
        for reduce in (np.minimum, np.maximum)
    )
    return np.stack(equal), _ones(between), low, high


def _joined(planes: NDArray[Any]) -> NDArray[Any]:
    """Return one number a pixel for its channels, height x width, equal where they all are."""
    if len(planes) == 1:
        plane: NDArray[Any] = planes[0]
        return plane
    bits = planes.view(f"u{planes.itemsize}").astype(np.uint64)
    if planes.itemsize > 2:  # three do not fit into one number; two pixels in 2**64 are equal by mistake
        bits *= np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9], np.uint64)[:, None, None]
        mixed: NDArray[Any] = np.bitwise_xor.reduce(bits ^ (bits >> np.uint64(29)), axis=0)
        return mixed
    joined: NDArray[Any] = bits[0] << np.uint64(16)
    joined |= bits[1]
    joined <<= np.uint64(16)
    joined |= bits[2]
    return joined


def _ones(marked: NDArray[np.bool_]) -> Floats:
    """Count the true pixels of each cell, height x width."""
    height, width = marked.shape
    padded = np.pad(marked, ((0, -height % CELL), (0, -width % CELL)))
    # Eight pixels of a row, a byte each, are one number of as many bits.
    counts = np.bitwise_count(padded.view(np.uint64))
    cells: Floats = counts.reshape(-1, CELL, counts.shape[1]).sum(axis=1, dtype=np.float32)
    return cells


def around(cells: Floats, combine: np.ufunc) -> Floats:
    """Combine each cell with the 8 around it, by addition or as the least or the most.

    Args:
        cells: rows and columns are the last two axes.
        combine: `numpy.add`, `numpy.minimum` or `numpy.maximum`.
    """
    for axis in (-2, -1):
        along = np.moveaxis(cells, axis, 0)
        border = ((1, 1), *((0, 0),) * (cells.ndim - 1))
        padded = np.pad(along, border) if combine is np.add else np.pad(along, border, mode="edge")
        cells = np.moveaxis(combine(combine(padded[:-2], along), padded[2:]), 0, axis)
    return cells
