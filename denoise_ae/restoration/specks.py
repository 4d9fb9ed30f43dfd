"""Find specks on scans of print and drawings: what is smaller than the strokes, and no dot of a letter.

A speck may look like the dot of an i; only its place tells them apart. Specks lie anywhere, dots beside letters: over
stems, on the base line, under and over other strokes. So spots are sorted by how they look, and each kind is counted
far from all strokes, where only specks are. Where it is no more frequent beside strokes, these are specks as well;
where it is more frequent, dots of letters are among them, and all of them stay. A clean page therefore loses nothing
beside its letters. What touches strokes is judged likewise, see `denoise_ae.restoration.clinging`.

What comes in rows of even steps (leaders, dotted rules) or crowds (halftones) is no speck, and neither is what is as
large as a dot and near a stroke.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from denoise_ae.errors import UsageError
from denoise_ae.pixels.convert import check_image, from_unit, split_alpha
from denoise_ae.pixels.filters import grow, local_moments, regions, spread
from denoise_ae.pixels.masked import MaskedImage
from denoise_ae.restoration.clinging import expected_at_most, find_clinging, find_holes
from denoise_ae.restoration.defects import Defects
from denoise_ae.restoration.page import PAPER, Mask, Page, read_page
from denoise_ae.restoration.rows import paired_spots, spots_in_rows

DOT = 0.8
"""Mass from which a spot near a stroke may be a dot, whatever others there are, in squares of the stroke's width."""

DOT_SIZED, CERTAIN, FINE = 2.5, 5, 1.8
"""Mass up to which spots are specks although they are as large as dots: where so many far from strokes show it, there
are no more of them than expected, they have no partner, and lie neither over a stem nor on a line. Not on pages whose
strokes are narrower than the last, in pixels, as their dots are too much like specks."""

LONE = 1.5
"""Mass from which a spot far from all strokes is no speck either, in squares of the nearest stroke's width."""

DASH, DASH_SIZED = 1.9, 0.6
"""Ratio of the sides of a dash, and mass from which dashes, pairs and what the picture's border cuts are no specks even
if they are far from strokes."""

TINY = 0.35
"""Mass in squares of a stroke's width up to which a single spot far from strokes shows that such specks exist."""

FEWEST = 3
"""Spots of larger kinds far from strokes that show it."""

LIKE = 0.95
"""How much the logarithms of masses differ at the most where rarer kinds are judged together."""

PAIR_PIXELS = 30
"""Pixels around a spot where another makes it one of a pair, in stroke widths."""

NEAR, FAR = 3.5, 5.0
"""What is near strokes and what is far from all, in stroke widths."""

REACH = 4.5
"""How far over or under a stroke its dots lie, in stroke widths."""

LARGEST = 2.5
"""Longest side of a speck in stroke widths."""

FAINT = 0.5
"""Darkness up to which spots are of one kind, as a share of the nearest stroke's."""

FEWEST_FAR = 0.02
"""Least share of a page that is far from strokes; with less, only the smallest spots are taken for specks."""

SMALLEST = 0.28
"""Largest mass of those, in squares of the page's stroke width."""

CROWD = 15
"""So many spots in a square of 12 stroke widths are a texture."""

INK = 0.8
"""Darkness from which ink is taken to fill specks with."""

_STRIP = 256
"""Rows that are filled at a time."""

_FREE, _UNDER, _OVER, _BETWEEN, _MIDDLE, _FAR, _STROKE, _OVER_STEM, _ON_LINE = range(9)
"""Zones of a page by what lies near: nothing on the same column, a stroke above, one below, both; the rest explain
themselves."""


@dataclass(frozen=True)
class Specks(Defects):
    """Specks that were found, and what to fill them from."""

    bright: Mask
    """HxW, true at those in ink."""
    paper: Mask
    """HxW, true at paper without specks and strokes."""
    ink: Mask
    """HxW, true inside of strokes."""


def find_specks(image: NDArray[Any], sensitivity: float = 1.0) -> Specks:
    """Find specks of a scanned page: dark ones on paper and bright ones in ink.

    Args:
        image: HxW, HxWx2, HxWx3 or HxWx4; uint8, uint16 or float32.
        sensitivity: above 0; at 2 twice as large spots may be specks, which finds more specks and more false ones.

    Raises:
        ImageError: the array is not a picture.
        UsageError: the sensitivity is not above 0.
    """
    check_image(image)
    if not sensitivity > 0:
        raise UsageError(f"a sensitivity of {sensitivity:g} is out of range", "give more than 0, such as 1")
    page = read_page(image)
    if not page.is_stroke.any():
        nothing = np.zeros(page.ink.shape, np.bool_)
        return Specks(nothing, 0, nothing, nothing, nothing)
    zones = _zones(page)
    loose = _find_loose(page, zones, sensitivity)[page.pieces.labels]
    outside = ~spread(page.strokes, up=1, down=1, left=1, right=1)
    # What is soft fades beyond the piece; strokes and their soft edges stay.
    dark = loose | (grow(loose, 1) & outside)
    ink = np.where(page.strokes, page.ink, np.float32(0))
    far = zones == _FAR
    dark |= find_clinging(page.ink, ink, loose & far, int(np.count_nonzero(far)), page.stroke_width * sensitivity)
    bright = find_holes(page.ink, page.stroke_width * np.sqrt(sensitivity)) & ~dark
    return Specks(
        dark | bright,
        len(regions(dark | bright)) - 1,
        bright,
        (page.ink < PAPER) & outside & ~dark,
        (ink > INK) & ~dark,
    )


def fill_specks(image: NDArray[Any], specks: Specks) -> NDArray[Any]:
    """Fill specks: those on paper with the tone of the paper around them, those in ink with the ink's.

    Alpha, transparent and non-finite pixels, and all others come back bit for bit.

    Args:
        image: the one that they were found in.
        specks: what was found; its mask may be larger by now.

    Returns:
        A new array.
    """
    result = image.copy(order="C")
    colour, _ = split_alpha(result)
    pixels = colour[..., None] if colour.ndim == 2 else colour
    seen = MaskedImage(image)
    mask = specks.mask & ~seen.ignored(slice(0, seen.height), slice(0, seen.width))
    for source, filled in ((specks.ink, mask & specks.bright), (specks.paper, mask & ~specks.bright)):
        picture = MaskedImage(image, ~source)
        if picture.all_ignored:
            continue
        for top in range(0, len(result), _STRIP):
            rows, columns = slice(top, min(top + _STRIP, len(result))), slice(0, result.shape[1])
            if (chosen := filled[rows]).any():
                pixels[rows][chosen] = from_unit(picture.window(rows, columns)[chosen], pixels.dtype)
    return result


def _zones(page: Page) -> NDArray[np.uint8]:
    """Tell for each pixel of a page, HxW, which zone it lies in."""
    strokes, pieces = page.strokes, page.pieces
    distance, number = page.nearest_stroke
    widths = distance / page.scale.astype(np.float32)[number]
    reach = max(3, round(REACH * page.stroke_width)) - 1
    zones = spread(strokes, down=reach) * np.uint8(_UNDER) + spread(strokes, up=reach) * np.uint8(_OVER)
    stems = page.is_stroke & (pieces.width <= 2 * page.width + 1) & (pieces.height >= 2 * pieces.width)
    zones[spread(stems[pieces.labels], up=reach)] = _OVER_STEM
    feet = np.zeros_like(strokes)
    chosen = np.flatnonzero(page.is_stroke)
    feet[(pieces.top + pieces.height)[chosen] - 1, (pieces.left + pieces.width)[chosen] - 1] = True
    zones[spread(feet, up=1, down=1, right=reach)] = _ON_LINE
    zones[widths > NEAR] = _MIDDLE
    zones[widths > FAR] = _FAR
    zones[strokes] = _STROKE
    return zones


def _find_loose(page: Page, zones: NDArray[np.uint8], sensitivity: float) -> Mask:
    """Tell which pieces are specks that touch no stroke; length N."""
    spots = np.flatnonzero(~page.is_stroke)[1:]
    found = np.zeros(len(page.pieces), np.bool_)
    if not len(spots):
        return found
    columns, rows = page.pieces.centres[spots].T
    place = np.rint(rows).astype(int), np.rint(columns).astype(int)
    beside = page.nearest_stroke[1][place]
    width = page.scale[beside]
    mass, extent = page.mass[spots], page.extent[spots]
    size = mass / width**2 / sensitivity
    zone = np.where(zones[place] == _STROKE, _FREE, zones[place])
    areas = np.bincount(zones.ravel(), minlength=_ON_LINE + 1)
    kinds = _kinds(page, spots, page.peak[spots] / np.maximum(page.peak[beside], 0.3))
    paired = paired_spots(columns, rows, mass, np.maximum(5 * width, 3))
    kinds = 2 * kinds + paired
    possible = (extent <= np.maximum(LARGEST * width * sensitivity, 4)) & ~spots_in_rows(columns, rows, mass, width)
    possible &= ~_crowded(page, place, possible)
    far = possible & (zone == _FAR)
    # Two of a kind may be of an ellipsis, long ones are dashes, and what the border cuts may have been larger.
    shape = page.pieces.width[spots] / page.pieces.height[spots]
    fine = page.stroke_width < FINE
    meant = _cut(page, spots) | ((np.maximum(shape, 1 / shape) >= DASH) & ((extent > 2) | fine))
    chance = 0.0 if fine else PAIR_PIXELS * page.stroke_width / max(1, int(areas[_FAR]))
    meant |= paired & ~_by_chance(paired, kinds // 2, far, chance)
    specks = far & (size < np.where(meant, DASH_SIZED, LONE))
    shown = np.sort(np.log(mass[far]))
    for kind in np.unique(kinds):
        mine = possible & (kinds == kind)
        alone = int(np.count_nonzero(mine & far))
        for where in (_FREE, _UNDER, _OVER, _BETWEEN, _MIDDLE, _OVER_STEM, _ON_LINE):
            here = mine & (zone == where)
            small = here & (size < DOT)
            count = int(np.count_nonzero(here))
            if areas[_FAR] < FEWEST_FAR * zones.size:
                specks |= small & (mass <= SMALLEST * page.stroke_width**2 * sensitivity)
                continue
            share = areas[where] / areas[_FAR]
            if max(alone, count) <= FEWEST and small.any():  # what is rare is judged with what is about as large
                like = possible & (np.abs(np.log(mass) - np.median(np.log(mass[small]))) < LIKE)
                count, alone = int(np.count_nonzero(like & (zone == where))), int(np.count_nonzero(like & far))
            known = small.any() and (size[small].max() < TINY or _like(shown, np.log(mass[small])) >= FEWEST)
            if known and expected_at_most(count, alone, share):
                specks |= small
            dotted = where in (_OVER_STEM, _ON_LINE) or kind % 2 or fine
            if not dotted and alone >= CERTAIN and count <= alone * share + 0.5 * np.sqrt(alone * share):
                specks |= here & (size < DOT_SIZED)
    found[spots[specks]] = True
    return found


def _cut(page: Page, spots: NDArray[np.intp]) -> Mask:
    """Tell which spots touch the picture's border."""
    pieces, (height, width) = page.pieces, page.ink.shape
    right, bottom = pieces.left + pieces.width, pieces.top + pieces.height
    cut: Mask = (pieces.left == 0) | (pieces.top == 0) | (right == width) | (bottom == height)
    return cut[spots]


def _by_chance(paired: Mask, kinds: NDArray[np.int64], far: Mask, chance: float) -> Mask:
    """Tell which spots are of a kind that makes no more pairs far from strokes than chance does.

    Args:
        paired: which are of a pair.
        kinds: of the spots, whether paired or not.
        far: which are far from strokes.
        chance: that one of these is near a spot.
    """
    found = np.zeros(len(paired), np.bool_)
    for kind in np.unique(kinds[far]):
        mine = far & (kinds == kind)
        count = int(np.count_nonzero(mine))
        expected = count * count * chance
        found |= mine & (np.count_nonzero(mine & paired) <= expected + 2 * np.sqrt(expected))
    return found


def _like(shown: NDArray[np.float64], logs: NDArray[np.float64]) -> int:
    """Return how many of the sorted logarithms of masses are near the range of others."""
    return int(np.searchsorted(shown, logs.max() + 0.5) - np.searchsorted(shown, logs.min() - 0.5))


def _kinds(page: Page, spots: NDArray[np.intp], darkness: NDArray[np.floating[Any]]) -> NDArray[np.int64]:
    """Sort spots by mass in steps of 1.6, single pixels apart, and by peak; faint ones are all of one kind."""
    steps = np.floor(np.log(np.maximum(page.mass[spots], 0.05)) / np.log(1.6)).astype(np.int64) + 20
    kinds = 4 * np.where(page.pieces.pixels[spots] == 1, 0, steps) + np.digitize(page.peak[spots], (0.65, 0.92))
    return np.where(darkness < FAINT, -1, kinds)


def _crowded(page: Page, place: tuple[NDArray[np.int_], NDArray[np.int_]], counted: Mask) -> Mask:
    """Tell which spots lie among so many of those counted that they are a texture, such as a halftone."""
    dots = np.zeros(page.ink.shape, np.uint8)
    dots[place] = counted
    side = 2 * round(6 * page.stroke_width) + 1
    crowds = np.zeros_like(counted, shape=dots.shape)
    crowds[place] = local_moments(dots, side)[0][place] * side**2 >= CROWD
    edge = side // 4  # the outer ones of a texture have fewer around them
    crowded: Mask = spread(crowds, up=edge, down=edge, left=edge, right=edge)[place]
    return crowded
