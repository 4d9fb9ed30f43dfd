"""What all drawn kinds share: colours, coordinates, smooth tones and blocks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

Picture = npt.NDArray[np.uint8]
Field = npt.NDArray[np.float32]
Colour = tuple[int, int, int]
Kind = Callable[[int, np.random.Generator, Sequence[Path]], Picture]


@lru_cache(maxsize=16)
def grid(side: int) -> tuple[Field, Field]:
    """Coordinates x and y of a square's pixels; not to be written to."""
    axis = np.arange(side, dtype=np.float32)
    return np.broadcast_to(axis, (side, side)), np.broadcast_to(axis[:, None], (side, side))


def turned(side: int, angle: float) -> tuple[Field, Field]:
    """Coordinates of a square's pixels, turned by an angle in radians."""
    x, y = grid(side)
    cosine, sine = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    return x * cosine + y * sine, y * cosine - x * sine


def some_angle(rng: np.random.Generator) -> float:
    """An angle in radians, often one of those that drawings prefer."""
    if rng.random() < 0.45:
        return float(np.pi / 4 * rng.integers(0, 4))
    return float(rng.uniform(0, np.pi))


def edge(rng: np.random.Generator) -> float:
    """How steep an edge is, in levels of 1 per unit: hard as on screens, or soft as a good renderer draws it."""
    return 1e3 if rng.random() < 0.5 else float(rng.uniform(1.5, 5))


def colour(rng: np.random.Generator, low: int = 0, high: int = 256) -> Colour:
    """A random colour with channels from `low` to below `high`."""
    red, green, blue = rng.integers(low, high, 3).tolist()
    return red, green, blue


def luma(tint: Colour) -> float:
    """How bright a colour looks, 0 to 255."""
    return 0.3 * tint[0] + 0.59 * tint[1] + 0.11 * tint[2]


def pair(rng: np.random.Generator) -> tuple[Colour, Colour]:
    """Colours of paper and ink: mostly black and white, but also off-white, dark, coloured and faint ones."""
    chance = rng.random()
    if chance < 0.3:
        return (255, 255, 255) if rng.random() < 0.6 else colour(rng, 225), (0, 0, 0) if rng.random() < 0.5 else colour(
            rng, 0, 50
        )
    if chance < 0.42:
        level = int(rng.integers(222, 250))
        warmth = int(rng.integers(0, 22))
        return (level, level - warmth // 3, level - warmth), colour(rng, 15, 90)
    if chance < 0.57:
        return colour(rng, 0, 60), colour(rng, 150)
    if chance < 0.7:
        paper = colour(rng, 30, 226)
        step = int(rng.integers(8, 45)) * (1 if rng.random() < 0.5 else -1)
        red, green, blue = (min(255, max(0, channel + step)) for channel in paper)
        return paper, (red, green, blue)
    paper, ink = colour(rng), colour(rng)
    while abs(luma(paper) - luma(ink)) < 50:
        paper, ink = colour(rng), colour(rng)
    return paper, ink


def palette(rng: np.random.Generator, count: int) -> Picture:
    """Some colours that go together: free ones, shades of one, or the corners of the cube."""
    chance = rng.random()
    if chance < 0.5:
        return rng.integers(0, 256, (count, 3)).astype(np.uint8)
    if chance < 0.8:
        ends = np.array(pair(rng), np.float32)
        share = np.linspace(0, 1, count, dtype=np.float32)[:, None]
        result: Picture = (ends[0] + (ends[1] - ends[0]) * share).astype(np.uint8)
        return result
    return (rng.integers(0, 4, (count, 3)) * 85).astype(np.uint8)


def tint(level: npt.NDArray[np.floating] | npt.NDArray[np.bool_], paper: Colour, ink: Colour) -> Picture:
    """Colour a picture of shares: 0 gives the paper, 1 the ink."""
    ends = np.array((paper, ink), np.uint8)
    if level.dtype == np.bool_:
        hard: Picture = ends[level.astype(np.intp)]
        return hard
    steps = (np.clip(level, 0, 1) * 255 + 0.5).astype(np.uint8)
    share = np.linspace(0, 1, 256, dtype=np.float32)[:, None]
    table = ends[0] * (1 - share) + ends[1] * share
    soft: Picture = (table + 0.5).astype(np.uint8)[steps]
    return soft


def smooth(side: int, rng: np.random.Generator, cells: int) -> Field:
    """A smooth random field of 0 to 1 with about `cells` hills along a side."""
    small = Image.fromarray(rng.random((cells + 1, cells + 1)).astype(np.float32))
    large = np.asarray(small.resize((side, side), Image.Resampling.BICUBIC))
    low, high = float(large.min()), float(large.max())
    return (large - np.float32(low)) / np.float32(max(1e-6, high - low))


def tone(side: int, rng: np.random.Generator) -> Field:
    """What stands for a photograph's brightness: slopes, hills and a few edges, 0 to 1."""
    chance = rng.random()
    if chance < 0.25:
        u, _ = turned(side, float(rng.uniform(0, 2 * np.pi)))
        level = (u - u.min()) / np.float32(np.ptp(u))
    else:
        level = smooth(side, rng, int(rng.integers(1, 7)))
    for _ in range(int(rng.integers(0, 4))):
        x, y = grid(side)
        centre = rng.uniform(0, side, 2)
        radius = rng.uniform(0.05, 0.35) * side
        inside = np.hypot(x - np.float32(centre[0]), y - np.float32(centre[1])) < radius
        level = np.where(inside, np.float32(rng.random()) * 0.6 + level * 0.4, level)
    result: Field = level.astype(np.float32, copy=False)
    return result


def canvas(side: int, paper: Colour) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    """An empty picture and what draws on it."""
    image = Image.new("RGB", (side, side), paper)
    return image, ImageDraw.Draw(image)


def pixels(image: Image.Image) -> Picture:
    """A picture's levels as an array."""
    return np.array(image, np.uint8)


def repeated(picture: Picture, strip: int, rng: np.random.Generator, shifted: bool) -> Picture:
    """Fill a picture with its topmost rows, since writing is dear, each time shifted to the side or not."""
    for top in range(strip, len(picture), strip):
        part = picture[top : top + strip]
        part[:] = np.roll(picture[: len(part)], int(rng.integers(len(picture))) if shifted else 0, 1)
    return picture


def blocks(levels: Picture, module: int, side: int) -> Picture:
    """Enlarge each pixel to a block of `module`, and cut the square at the top left."""
    return levels.repeat(module, 0).repeat(module, 1)[:side, :side]
