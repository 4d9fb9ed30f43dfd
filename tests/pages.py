"""Pages of print with specks, drawn for tests."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont

LINES = (
    "In Kiel, i.e. near it: 3.14 or 2,718 ... Is it 'his'?",
    '"quoted" jiujitsu - 12:30, x = 0.5 * y; % {a.b} #8 &c',
    "Quick brown foxes jump! Contents . . . . . . 17; @8i.",
)
"""What Pillow's own font has letters for."""


def draw_page(size=20, height=400, width=620, lines=LINES, rules=True):
    """Draw a page of text with, at its foot, a table of thin, dotted and dashed lines; uint8, HxW."""
    image = Image.new("L", (width, height), 255)
    pen = ImageDraw.Draw(image)
    font = ImageFont.load_default(size)
    for number, top in enumerate(range(10, height - 60 - size, round(1.6 * size))):
        pen.text((15, top), lines[number % len(lines)], font=font, fill=0)
        # Dots over letters, such as a diaeresis.
        pen.text((15 + 1.5 * size, top - 0.72 * size), ". .", font=font, fill=0)
    if rules:
        for top in (height - 50, height - 10):
            pen.line((15, top, width - 15, top), fill=0)
        for left in range(15, width - 14, 59):
            pen.line((left, height - 50, left, height - 10), fill=0)
        for left in range(17, width - 16, 4):
            pen.point((left, height - 30), fill=0)
        for left in range(17, width - 20, 9):
            pen.line((left, height - 20, left + 4, height - 20), fill=0)
    return np.asarray(image).copy()


def add_specks(page, count, rng, *, side=1, gray=0):
    """Put squares of a gray on blank paper; returns the page and where they are."""
    page, there = page.copy(), np.zeros(page.shape, bool)
    while count:
        top, left = (int(rng.integers(0, length - side)) for length in page.shape)
        square = slice(top, top + side), slice(left, left + side)
        if (page[square] == 255).all():
            there[square], page[square] = True, gray
            count -= 1
    return page, there
