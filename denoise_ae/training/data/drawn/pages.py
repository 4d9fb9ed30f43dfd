"""Drawings with writing: pages, small print, windows, terminals and tables."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from denoise_ae.training.data.drawn.base import Kind, Picture, canvas, colour, pair, pixels, repeated
from denoise_ae.training.data.drawn.fonts import pick_pen, write_lines

Rng = np.random.Generator
Fonts = Sequence[Path]


def _size(rng: Rng) -> int:
    # Small writing is what denoisers destroy first, so it is the most common.
    return int(
        rng.choice([int(rng.integers(6, 11)), int(rng.integers(9, 17)), int(rng.integers(16, 41))], p=[0.4, 0.4, 0.2])
    )


def text_page(side: int, rng: Rng, fonts: Fonts) -> Picture:
    """A page in one font, one to three columns, smoothed, hard or with the coloured fringes of flat screens."""
    paper, ink = pair(rng)
    pen = pick_pen(rng, fonts, _size(rng))
    columns = 1 if rng.random() < 0.7 else int(rng.integers(2, 4))
    wide = side // columns
    if rng.random() < 0.15 and pen.size < 20:
        # A screen's three lamps per pixel each get their own third of the letter.
        fine = Image.new("L", (3 * side, 3 * side))
        large = pick_pen(rng, fonts, 3 * pen.size)
        write_lines(ImageDraw.Draw(fine), rng, large, 255, (6, 6, 3 * side, 3 * side))
        thirds = np.asarray(fine.resize((3 * side, side), Image.Resampling.BOX), np.float32)
        thirds = (thirds + np.roll(thirds, 1, 1) + np.roll(thirds, -1, 1)).reshape(side, side, 3) / np.float32(765)
        back, front = np.array((paper, ink), np.float32)
        result: Picture = (back + (front - back) * thirds).astype(np.uint8)
        return result
    # Small writing is dear, so a strip of it is repeated, shifted each time.
    strip = side if pen.size > 16 or columns > 1 else min(side, max(40, 5 * pen.size))
    image, draw = canvas(side, paper)
    draw.fontmode = "1" if rng.random() < 0.3 else "L"
    for column in range(columns):
        left = column * wide
        draw.rectangle((left, 0, left + wide, side), paper)
        write_lines(
            draw, rng, pen, ink, (left + int(rng.integers(0, 9)), int(rng.integers(-4, 9)), left + wide - 4, strip)
        )
    return repeated(pixels(image), strip, rng, True)


def text_mixed(side: int, rng: Rng, fonts: Fonts) -> Picture:
    """Words of all fonts, sizes and colours scattered over a ground, as on posters and labels."""
    paper, ink = pair(rng)
    image, draw = canvas(side, paper)
    pens = [pick_pen(rng, fonts, _size(rng)) for _ in range(3)]
    for _ in range(int(side / 10 * rng.uniform(0.5, 1.2))):
        pen = pens[int(rng.integers(3))]
        draw.fontmode = "1" if rng.random() < 0.25 else "L"
        left, top = (int(value) for value in rng.integers(-20, side, 2))
        text = pen.words(rng, int(rng.integers(3, 22)))
        if rng.random() < 0.2:
            draw.rectangle(
                (left - 3, top - 2, left + int(pen.advance * len(text)) + 3, top + int(pen.size * 1.3)), colour(rng)
            )
        draw.text((left, top), text, ink if rng.random() < 0.4 else colour(rng), pen.font)
    return pixels(image)


def window(side: int, rng: Rng, fonts: Fonts) -> Picture:
    """A program's windows: title bars, buttons, lists, fields, sliders and ticks."""
    paper, ink = pair(rng)
    image, draw = canvas(side, colour(rng))
    pen = pick_pen(rng, fonts, int(rng.integers(8, 16)))
    accent = colour(rng)
    row = pen.size + int(rng.integers(5, 12))
    for _ in range(int(rng.integers(1, 4))):
        left, top = (int(value) for value in rng.integers(-10, max(2, side // 2), 2))
        wide, high = (int(value) for value in rng.integers(side // 2, side + 10, 2))
        draw.rectangle((left, top, left + wide, top + high), paper, ink)
        draw.rectangle((left + 1, top + 1, left + wide - 1, top + row), accent)
        draw.text((left + 6, top + 3), pen.words(rng, 14), paper, pen.font)
        for y in range(top + row + 6, top + high - row, row):
            chance, x = rng.random(), left + 8
            if chance < 0.25:
                draw.rounded_rectangle((x, y, x + 70, y + row - 4), 3, accent if rng.random() < 0.4 else paper, ink)
                draw.text((x + 6, y + 1), pen.fitting(rng, 55), ink, pen.font)
            elif chance < 0.4:
                draw.rectangle((x, y + 2, x + 9, y + 11), paper, ink)
                if rng.random() < 0.5:
                    draw.line((x + 2, y + 6, x + 4, y + 9, x + 8, y + 3), ink)
                draw.text((x + 16, y), pen.words(rng, 12), ink, pen.font)
            elif chance < 0.5:
                draw.line((x, y + row // 2, left + wide - 10, y + row // 2), ink)
                middle = x + int(rng.integers(10, max(11, wide - 20)))
                draw.ellipse((middle - 5, y + row // 2 - 5, middle + 5, y + row // 2 + 5), accent, ink)
            else:
                if chance < 0.6:
                    draw.rectangle((left + 2, y - 1, left + wide - 14, y + row - 3), accent)
                draw.rectangle((x, y + 2, x + 9, y + 11), colour(rng))
                draw.text((x + 16, y), pen.fitting(rng, wide * 0.6), ink, pen.font)
    return pixels(image)


def terminal(side: int, rng: Rng, fonts: Fonts) -> Picture:
    """An editor or terminal: coloured words in indented lines, numbers at the left, marked parts."""
    dark = rng.random() < 0.7
    paper = colour(rng, 0, 50) if dark else colour(rng, 225)
    colours = [colour(rng, 110) if dark else colour(rng, 0, 150) for _ in range(5)]
    image, draw = canvas(side, paper)
    draw.fontmode = "1" if rng.random() < 0.35 else "L"
    pen = pick_pen(rng, fonts, int(rng.integers(7, 19)), plain=rng.random() < 0.8)
    leading = pen.size + int(rng.integers(1, 6))
    strip = min(side, 2 + 8 * leading)
    for number, y in enumerate(range(2, strip, leading)):
        draw.text((3, y), str(number + 87), colours[0], pen.font)
        x = 3 + pen.advance * (4 + 3 * int(rng.integers(0, 4)))
        while x < side and rng.random() < 0.87:
            word = pen.words(rng, int(rng.integers(2, 12)))
            if rng.random() < 0.05:
                draw.rectangle((x, y, x + len(word) * pen.advance, y + pen.size), colour(rng))
            draw.text((x, y), word, colours[int(rng.integers(5))], pen.font)
            x += pen.advance * (len(word) + 1)
    return repeated(pixels(image), strip, rng, False)


def table(side: int, rng: Rng, fonts: Fonts) -> Picture:
    """A spreadsheet: thin rules, numbers, shaded headings and marked cells."""
    paper, ink = pair(rng)
    image, draw = canvas(side, paper)
    pen = pick_pen(rng, fonts, int(rng.integers(6, 15)), plain=rng.random() < 0.7)
    rule, head = colour(rng), pair(rng)[0]
    row = pen.size + int(rng.integers(3, 9))
    edges = [0, *np.cumsum(rng.integers(24, 90, side // 24 + 1)).tolist()]
    strip = min(side, 8 * row)
    for number, y in enumerate(range(0, strip, row)):
        if number == 0 or rng.random() < 0.06:
            draw.rectangle((0, y, side, y + row), head)
        for left, right in pairwise(edges):
            if left > side:
                break
            if rng.random() < 0.05:
                draw.rectangle((left, y, right, y + row), colour(rng))
            if rng.random() < 0.85:
                number_text = f"{rng.normal() * 10 ** int(rng.integers(0, 5)):.{int(rng.integers(0, 4))}f}"
                text = number_text if rng.random() < 0.7 else pen.words(rng, 9)
                draw.text((left + 2, y + 1), text[: max(1, int((right - left - 3) / pen.advance))], ink, pen.font)
        draw.line((0, y, side, y), rule)
    for x in edges:
        draw.line((x, 0, x, side), rule)
    return repeated(pixels(image), strip, rng, False)


PAGES: dict[str, tuple[Kind, float]] = {
    "text_page": (text_page, 13), "text_mixed": (text_mixed, 5), "window": (window, 4), "terminal": (terminal, 3.5),
    "table": (table, 3),
}  # fmt: skip
"""Pages and screens of writing, and how often each is drawn."""
