"""Find hot and dead pixels, single ones or two side by side, by their contrast to their neighbours given the noise.

A sensor's defect hits one photosite and leaves the pixels around it alone, while the lens spreads a star, a lamp or a
glint, and a line, a corner or a letter goes on in some direction. So a pixel is a defect where it stands out of the
ring around it by many times that ring's noise, and its neighbours do not. In one colour alone nothing in a picture
looks so; where all colours stand out, the neighbours must be quieter than the sharpest lens leaves them.

Only photographs have defects: in what is drawn, single pixels that stand out are meant. So a defect also has nothing
around it that stands out nearly as much: the dots of letters, dithers and charts have their like beside them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from denoise_ae.pixels.convert import peak_of, split_alpha, to_unit
from denoise_ae.pixels.filters import distance_from_median
from denoise_ae.pixels.masked import MaskedImage
from denoise_ae.restoration.guard import CELL, around

Floats = NDArray[np.float32]
Indices = NDArray[np.intp]

LEAST_CONTRAST = 20 / 255
"""A defect stands out by at least so much, on the scale of 0 to 1."""

DEVIATIONS = 9.0
"""A defect in one colour stands out by so many standard deviations of the noise around it."""

DEVIATIONS_IN_ALL = 25.0
"""The same where all colours stand out: with less, the neighbours of a faint star drown in the noise."""

MOST_SPREAD = 0.12
"""Most that the neighbours of a defect in one colour stand out in the mean, as a share of it."""

MOST_SPREAD_IN_ALL = 0.02
"""The same where all colours stand out. A star that is 1 pixel wide at half its height leaves 0.03 at the least."""

QUIET = 0.5
"""No neighbour but a partner of the same defect stands out by this share of it."""

ONE_COLOUR = 0.4
"""A defect is one colour's where no other stands out by more than this share of it."""

MOST = 1 / 200
"""Share of the values beyond which what stands out is a texture, a dither or noise of its own, and none is a defect."""

DRAWN = 0.5
"""Share of pixels that equal their right neighbour from which a picture is taken to be drawn."""

ALIKE = 0.4
"""What stands out nearby, and is no defect, does so by less than this share of a defect."""

_RADIUS = 3
_STRIP_PIXELS = 2_000_000
_SMALLEST = 2 * _RADIUS + 1
_ROUNDING = 0.5 / 255
_APART, _UNUSUAL = 7, 6.0
"""How far apart pixels are looked at for the usual distance from their median, and how many times that is unusual: four
standard deviations of white noise."""
_Y, _X = np.mgrid[-_RADIUS : _RADIUS + 1, -_RADIUS : _RADIUS + 1]
_DISTANCE = np.maximum(np.abs(_Y), np.abs(_X))
_RING, _NEXT = _DISTANCE >= 2, _DISTANCE == 1


@dataclass(frozen=True)
class HotPixels:
    """Hot and dead pixels of one picture."""

    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    channels: NDArray[np.intp]
    """Of the colour; 0 in gray pictures."""
    values: Floats
    """What belongs there, on the scale of 0 to 1: the median of the sound neighbours."""

    def __len__(self) -> int:
        """Return how many values are wrong; a pixel that is hot in three colours counts three times."""
        return len(self.rows)

    def fill(self, image: NDArray[Any]) -> None:
        """Fill the defects of the picture they were found in, in place."""
        colour, _ = split_alpha(image)
        filled = self.values * np.float32(peak_of(colour.dtype))
        whole = filled if colour.dtype.kind == "f" else np.rint(filled)
        places = (self.rows, self.columns) if colour.ndim == 2 else (self.rows, self.columns, self.channels)
        colour[places] = whole.astype(colour.dtype)


def find_hot_pixels(picture: MaskedImage) -> HotPixels:
    """Find the hot and dead pixels of a photograph; none in what looks drawn.

    Args:
        picture: made of the array that is to be cleaned; pixels to ignore are none.
    """
    nowhere = np.empty(0, np.intp)
    nothing = HotPixels(nowhere, nowhere, nowhere, np.empty(0, np.float32))
    if min(picture.height, picture.width) < _SMALLEST or picture.all_ignored or _looks_drawn(picture):
        return nothing
    judged = [
        (rows, columns, channels, *_judge(_around(picture, rows, columns), int(channels[0])))
        for rows, columns, channels in _candidates(picture)
        if len(rows)
    ]
    if not judged:
        return nothing
    rows, columns, channels, wrong, belongs, contrast = (np.concatenate(parts) for parts in zip(*judged, strict=True))
    if np.count_nonzero(wrong) > MOST * picture.height * picture.width:
        return nothing
    wrong &= contrast * ALIKE > _around_most(picture, rows, columns, np.where(wrong, 0, contrast))
    return HotPixels(rows[wrong], columns[wrong], channels[wrong], belongs[wrong])


def _around_most(picture: MaskedImage, rows: Indices, columns: Indices, contrast: Floats) -> Floats:
    """Return the largest contrast near each of some pixels: in its cell and the 8 around it."""
    most = np.zeros((picture.height // CELL + 1, picture.width // CELL + 1), np.float32)
    places = rows // CELL, columns // CELL
    np.maximum.at(most, places, contrast)
    near: Floats = around(most, np.maximum)[places]
    return near


def _looks_drawn(picture: MaskedImage) -> bool:
    """Tell whether most pixels equal their right neighbours: no sensor's noise leaves that."""
    sample = picture.sample(_STRIP_PIXELS // 2)
    return bool((sample[:, 1:] == sample[:, :-1]).all(axis=2).mean() > DRAWN) if sample.shape[1] > 1 else True


def _candidates(picture: MaskedImage) -> Iterator[tuple[Indices, Indices, Indices]]:
    """Yield rows, columns and channels of pixels that stand out of their neighbours by far, strip by strip."""
    columns = slice(0, picture.width)
    step = max(1, _STRIP_PIXELS // picture.width)
    for top in range(0, picture.height, step):
        bottom = min(top + step, picture.height)
        above = max(0, top - 1)
        strip = picture.stored(slice(above, min(bottom + 1, picture.height)), columns)
        off = distance_from_median(strip)[top - above : bottom - above]
        ignored = picture.ignored(slice(top, bottom), columns) if picture.has_ignored else None
        # Looking closely at each of millions of noisy pixels would take longer than cleaning them.
        usual = np.median(off[::_APART, ::_APART], axis=(0, 1))
        least = np.maximum(LEAST_CONTRAST * peak_of(strip.dtype), _UNUSUAL * usual)
        if off.dtype.kind == "u":  # whole numbers are compared without turning millions of them into floats
            least = np.minimum(np.floor(least), np.iinfo(off.dtype).max).astype(off.dtype)
        stands_out = off > least
        if ignored is not None:
            stands_out &= ~ignored[..., None]
        places = np.flatnonzero(stands_out)  # far quicker than three indices of each of millions of values
        rows, across, channels = np.unravel_index(places, stands_out.shape)
        for channel in range(picture.channels):
            chosen = channels == channel
            yield rows[chosen] + top, across[chosen], channels[chosen]


def _around(picture: MaskedImage, rows: Indices, columns: Indices) -> Floats:
    """Return the surroundings of pixels, N x channels x 7 x 7, on the scale of 0 to 1; mirrored at the borders."""
    down = _mirrored(rows[:, None, None] + _Y, picture.height)
    across = _mirrored(columns[:, None, None] + _X, picture.width)
    return to_unit(picture.pixels_at(down, across)).transpose(0, 3, 1, 2)


def _mirrored(places: Indices, length: int) -> Indices:
    inside = np.abs(places)
    return np.where(inside >= length, 2 * (length - 1) - inside, inside)


def _judge(around: Floats, channel: int) -> tuple[NDArray[np.bool_], Floats, Floats]:
    """Tell which candidates are defects of a channel, what belongs there, and by how much each stands out.

    Args:
        around: each candidate's surroundings, N x channels x 7 x 7.
        channel: which one stands out.
    """
    ring = around[..., _RING]
    levels = np.median(ring, axis=2)
    contrast = around[:, :, _RADIUS, _RADIUS] - levels
    mine, level, own = around[:, channel], levels[:, channel], contrast[:, channel]
    low, high = np.quantile(ring[:, channel], (0.1, 0.9), axis=1)
    noise = np.maximum((high - low) / 2.56, _ROUNDING)  # 80 % of a normal distribution lie within 2.56 deviations
    apart = np.where(own == 0, np.float32(1), own)
    shares = np.sort((mine[:, _NEXT] - level[:, None]) / apart[:, None], axis=1)
    paired = shares[:, -1] >= QUIET
    spread = np.where(paired, shares[:, :-1].mean(axis=1), shares.mean(axis=1))
    others = np.delete(np.abs(contrast), channel, axis=1)
    alone = others.max(axis=1) < ONE_COLOUR * np.abs(own) if others.shape[1] else np.zeros(len(own), np.bool_)
    wrong = np.abs(own) > np.maximum(LEAST_CONTRAST, np.where(alone, DEVIATIONS, DEVIATIONS_IN_ALL) * noise)
    wrong &= (shares[:, -2] < QUIET) & (spread < np.where(alone, MOST_SPREAD, MOST_SPREAD_IN_ALL))
    sound = np.where(np.abs(mine[:, _NEXT] - level[:, None]) < QUIET * np.abs(own)[:, None], mine[:, _NEXT], np.nan)
    with np.errstate(invalid="ignore"):
        belongs = np.nanmedian(np.where(wrong[:, None], sound, level[:, None]), axis=1)
    return wrong, belongs.astype(np.float32), np.abs(own)
