"""What the kinds are drawn with: canvases, fonts, colours, and a smooth scene for what prints one."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Colour = tuple[int, int, int]
Floats = NDArray[np.floating[Any]]

FINE = 3
"""How many times as large a smooth drawing is drawn before it is reduced: Pillow's lines have no soft edges."""


class MissingFontError(Exception):
    """A font is not installed; the message is its file's name."""


def canvas(side: int, colour: Colour = (255, 255, 255)) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    """Return an empty picture, and what draws on it."""
    image = Image.new("RGB", (side, side), colour)
    return image, ImageDraw.Draw(image)


def fine_canvas(side: int, colour: Colour = (255, 255, 255)) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    """Return a canvas `FINE` times as large, for `reduced`."""
    return canvas(side * FINE, colour)


def reduced(image: Image.Image) -> Image.Image:
    """Reduce what was drawn on a `fine_canvas`, which softens its edges."""
    return image.reduce(FINE)


@cache
def font(name: str, size: int) -> ImageFont.FreeTypeFont:
    """Load an installed font by its file's name. There is no second choice: the picture would be another one.

    Raises:
        MissingFontError: there is none of that name.
    """
    try:
        return ImageFont.truetype(name, size)
    except OSError as error:
        raise MissingFontError(name) from error


@cache
def own_font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Return the font that Pillow brings along, for kinds that only need some letters."""
    return ImageFont.load_default(size)


def colour(random: np.random.Generator, low: int = 0, high: int = 255) -> Colour:
    """Pick a colour whose channels lie between two levels, both included."""
    red, green, blue = (int(level) for level in random.integers(low, high + 1, 3))
    return red, green, blue


def ink(random: np.random.Generator) -> Colour:
    """Pick a dark colour, near black."""
    return colour(random, 0, 50)


def paper(random: np.random.Generator) -> Colour:
    """Pick a light colour, near white."""
    return colour(random, 225, 255)


def scene(random: np.random.Generator, side: int) -> Floats:
    """Make a smooth gray picture with some edges, on [0, 1]: what halftones, dithers and engravings show."""
    y, x = np.mgrid[:side, :side] / side
    level = np.zeros((side, side))
    for _ in range(5):
        across, down = random.uniform(-2.5, 2.5, 2)
        level += np.cos(2 * np.pi * (across * x + down * y + random.random()))
    for _ in range(3):
        centre_y, centre_x, radius = random.uniform(0.15, 0.85), random.uniform(0.15, 0.85), random.uniform(0.08, 0.2)
        level[np.hypot(y - centre_y, x - centre_x) < radius] += random.choice([-3, 3])
    return np.clip(level / 7 + 0.5, 0, 1)


def grid(side: int) -> tuple[Floats, Floats]:
    """Return each pixel's row and column."""
    y, x = np.mgrid[:side, :side].astype(np.float64)
    return y, x


def turned(y: Floats, x: Floats, degrees: float) -> tuple[Floats, Floats]:
    """Return rows and columns in a grid that is turned."""
    sine, cosine = np.sin(np.radians(degrees)), np.cos(np.radians(degrees))
    return y * cosine - x * sine, x * cosine + y * sine


def inked(coverage: Floats, dark: Colour, light: Colour) -> Image.Image:
    """Mix two colours by how much of each pixel the dark one covers; beyond [0, 1] is cut off."""
    share = np.clip(coverage, 0, 1)[..., None]
    return rounded(np.array(light) + share * (np.array(dark) - np.array(light)))


def rounded(levels: Floats) -> Image.Image:
    """Make a picture of levels from 0 to 255, height x width or height x width x 3."""
    return Image.fromarray(np.rint(levels).clip(0, 255).astype(np.uint8)).convert("RGB")
