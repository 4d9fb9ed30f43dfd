"""Draw pictures side by side with a label under each; Pillow draws the text."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from denoise_ae.errors import ImageError
from denoise_ae.pixels.convert import as_rgb, from_unit, split_alpha, to_unit

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

PAPER, INK = 255, 32
SMALLEST_TEXT = 14
"""Smallest height of the text in pixels; otherwise it is a 32nd of the pictures' width."""


def to_rgb8(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """Convert to HxWx3 uint8 RGB for viewing: gray is repeated, 16 bits and floats are rounded, alpha is dropped."""
    colour, _ = split_alpha(pixels)
    return as_rgb(from_unit(to_unit(colour), np.uint8))


def crop(pixels: NDArray[Any], x: int, y: int, width: int, height: int) -> NDArray[Any]:
    """Crop to a rectangle whose upper left corner is column `x`, row `y`.

    Raises:
        ImageError: the rectangle is empty, or not inside the picture.
    """
    rows, columns = pixels.shape[:2]
    if not (width > 0 and height > 0 and 0 <= x <= columns - width and 0 <= y <= rows - height):
        raise ImageError(
            f"the crop {x},{y},{width},{height} is not inside a picture of {columns} x {rows}",
            "give the left column, the top row, the width and the height",
        )
    return pixels[y : y + height, x : x + width]


def magnify(pixels: NDArray[Any], factor: int) -> NDArray[Any]:
    """Show each pixel as a square of `factor` by `factor` pixels."""
    return pixels.repeat(factor, axis=0).repeat(factor, axis=1)


def drawable(text: str) -> str:
    """Reduce a text to what the bundled font has, ASCII: accents are dropped, other letters become question marks."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return "".join(c if " " <= c <= "~" else "?" for c in plain)


def _shorten(text: str, font: FreeTypeFont, room: int) -> str:
    """Remove letters from the middle until a text fits; most file names differ at the end."""
    keep = len(text)
    short = text
    while font.getlength(short) > room and keep > 2:
        keep -= 1
        short = f"{text[: keep // 2]}…{text[len(text) - (keep - keep // 2) :]}"
    return short


def side_by_side(pictures: Sequence[NDArray[np.uint8]], labels: Sequence[tuple[str, str]]) -> NDArray[np.uint8]:
    """Draw pictures in a row, each with two lines of text under it.

    Args:
        pictures: HxWx3 uint8 RGB, all of one size.
        labels: for each a title, which is shortened if it is too wide, and a line that is never shortened: columns are
            as wide as the widest of these lines and the pictures.

    Returns:
        uint8 RGB.

    Raises:
        ImageError: there is no picture, or they differ in size.
    """
    from PIL import Image, ImageDraw, ImageFont

    sizes = {picture.shape for picture in pictures}
    if len(sizes) != 1:
        raise ImageError("only pictures of one size can be put side by side" if sizes else "no pictures to show")
    height, width, _ = sizes.pop()
    size = max(SMALLEST_TEXT, width // 32)
    font = ImageFont.load_default(size)
    assert isinstance(font, ImageFont.FreeTypeFont)
    gap = size // 2
    titles, lines = zip(*((drawable(title), drawable(line)) for title, line in labels), strict=True)
    column = max(width, *(int(font.getlength(line)) + 1 for line in lines))

    sheet = Image.new("RGB", (gap + (column + gap) * len(pictures), height + 5 * gap + 2 * size), (PAPER,) * 3)
    draw = ImageDraw.Draw(sheet)
    for index, (picture, title, line) in enumerate(zip(pictures, titles, lines, strict=True)):
        left = gap + index * (column + gap)
        sheet.paste(Image.fromarray(picture), (left + (column - width) // 2, gap))
        for row, text in enumerate((_shorten(title, font, column), line)):
            where = (left + column / 2, height + 2 * gap + row * (size + gap))
            draw.text(where, text, fill=(INK,) * 3, font=font, anchor="ma")
    return np.asarray(sheet)
