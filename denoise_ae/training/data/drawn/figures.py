"""Charts, maps, sheets of music, comics and technical drawings: lines and areas with a few words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from denoise_ae.training.data.drawn.base import (
    Colour,
    Kind,
    Picture,
    canvas,
    colour,
    grid,
    pair,
    palette,
    pixels,
    smooth,
    tint,
)
from denoise_ae.training.data.drawn.fonts import Pen, pick_pen, write, write_lines
from denoise_ae.training.data.drawn.pixels import shapes

Rng = np.random.Generator
Fonts = Sequence[Path]


def _axes(draw: ImageDraw.ImageDraw, rng: Rng, side: int, pen: Pen, ink: Colour) -> None:
    step = int(rng.integers(18, 50))
    faint = colour(rng, 100, 240)
    for place in range(step, side, step):
        if step % 2:
            draw.line((24, side - 20 - place, side, side - 20 - place), faint)
        draw.text((1, side - 20 - place - pen.size // 2), f"{place * step / 10:g}", ink, pen.font)
        draw.text((20 + place, side - 17), f"{place // step}", ink, pen.font)
        draw.line((20 + place, side - 20, 20 + place, side - 17), ink)
    draw.line((24, 0, 24, side - 20, side, side - 20), ink)


def chart(side: int, rng: Rng, fonts: Fonts) -> Picture:
    """Lines, points, bars, areas or slices over axes with numbers, and a legend."""
    paper, ink = pair(rng)
    image, draw = canvas(side, paper)
    pen = pick_pen(rng, fonts, int(rng.integers(7, 14)))
    _axes(draw, rng, side, pen, ink)
    shape = int(rng.integers(5))
    base = side - 20
    for _ in range(int(rng.integers(1, 5))):
        paint = colour(rng)
        count = int(rng.integers(5, side // 4))
        x = np.linspace(25, side, count)
        y = base * (0.5 + 0.4 * np.cumsum(rng.normal(0, 0.3, count)) / np.sqrt(count) + rng.normal(0, 0.03, count))
        points = [(int(a), int(b)) for a, b in zip(x, y.clip(3, base), strict=True)]
        if shape == 0:
            draw.line(points, paint, int(rng.integers(1, 4)))
        elif shape == 1:
            radius = int(rng.integers(1, 5))
            for a, b in zip(
                rng.uniform(25, side, 3 * count), rng.normal(base / 2, base / 5, 3 * count).clip(0, base), strict=True
            ):
                draw.ellipse((a - radius, b - radius, a + radius, b + radius), paint)
        elif shape == 2:
            wide = max(2, int((side - 25) / count * rng.uniform(0.4, 1)))
            for a, b in points:
                draw.rectangle((a, b, a + wide, base), paint, ink if wide > 5 else None)
        elif shape == 3:
            draw.polygon([(25, base), *points, (side, base)], paint)
            draw.line(points, ink)
        else:
            left, top = (int(value) for value in rng.integers(24, max(25, side * 2 // 3), 2))
            size, start = int(rng.integers(20, side // 2)), 0
            while start < 360:
                end = start + int(rng.integers(10, 120))
                draw.pieslice((left, top, left + size, top + size), start, min(360, end), colour(rng), ink)
                start = end
        place = int(rng.integers(0, side - 20))
        draw.rectangle((side - 66, place, side - 58, place + 8), paint)
        draw.text((side - 54, place - 2), pen.words(rng, 9), ink, pen.font)
    return pixels(image)


def street_map(side: int, rng: Rng, fonts: Fonts) -> Picture:
    """Land in flat colours, water, roads with edges, borders of dashes, houses and names."""
    colours = palette(rng, 5) if rng.random() < 0.5 else rng.integers(170, 256, (5, 3)).astype(np.uint8)
    land = (smooth(side, rng, int(rng.integers(2, 7))) * 4.99).astype(np.int64)
    image = Image.fromarray(colours[land])
    draw = ImageDraw.Draw(image)
    for _ in range(int(side / 25 * rng.uniform(0.3, 1.2))):
        heading = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.normal(0, 0.35, 10))
        steps = np.stack([np.cos(heading), np.sin(heading)], -1) * side / 7
        points = np.cumsum(np.vstack([rng.uniform(-20, side, (1, 2)), steps]), 0)
        road = [(float(a), float(b)) for a, b in points]
        wide = int(rng.choice([1, 1, 2, 3, 5, 8]))
        if wide > 2:
            draw.line(road, colour(rng, 40, 150), wide + 2, "curve")
        draw.line(road, colour(rng, 150) if wide > 2 else colour(rng, 0, 160), wide)
    for left, top in rng.integers(0, side, (int(rng.integers(0, 40)), 2)).tolist():
        draw.rectangle(
            (left, top, left + int(rng.integers(3, 12)), top + int(rng.integers(3, 12))), (140, 130, 120), (90, 80, 80)
        )
    pen = pick_pen(rng, fonts, int(rng.integers(7, 15)))
    for left, top in rng.integers(0, side, (side // 24, 2)).tolist():
        halo = int(rng.random() < 0.4)
        write(draw, (left, top), pen.words(rng, 10), pen, ink=(30, 30, 40), halo=halo, around=(250, 250, 250))
    return pixels(image)


def music(side: int, rng: Rng, fonts: Fonts) -> Picture:
    """Staves of five lines with notes, stems, beams, bars and words beneath."""
    paper, ink = pair(rng)
    image, draw = canvas(side, paper)
    gap = int(rng.integers(3, 10))
    pen = pick_pen(rng, fonts, max(6, gap + 3))
    for top in range(gap * 3, side, gap * int(rng.integers(9, 14))):
        for number in range(5):
            draw.line((0, top + number * gap, side, top + number * gap), ink)
        x = 2 * gap
        while x < side:
            x += int(gap * rng.uniform(1.8, 4))
            y = top + int(rng.integers(-1, 10)) * gap / 2
            head = (x - gap * 0.62, y - gap * 0.45, x + gap * 0.62, y + gap * 0.45)
            draw.ellipse(head, ink if rng.random() < 0.75 else paper, ink)
            up = y > top + 2 * gap
            stem, end = (head[2], y - 3.2 * gap) if up else (head[0], y + 3.2 * gap)
            draw.line((stem, y, stem, end), ink)
            if rng.random() < 0.3:
                draw.line((stem, end, stem + 2.5 * gap, end + int(rng.integers(-2, 3))), ink, max(1, gap // 2))
            if rng.random() < 0.15:
                draw.line((x + 1.5 * gap, top, x + 1.5 * gap, top + 4 * gap), ink)
        if rng.random() < 0.5:
            draw.text((4, top + 6 * gap), pen.fitting(rng, side), ink, pen.font)
    return pixels(image)


def comic(side: int, rng: Rng, fonts: Fonts) -> Picture:
    """Framed fields with flat shapes, thick outlines, areas of dots, and speech in balloons."""
    x, y = grid(side)
    period = float(rng.uniform(3, 9))
    turn = np.float32(2 * np.pi / period)
    dots = tint(np.cos((x + y) * turn * 0.7) + np.cos((x - y) * turn * 0.7) > rng.uniform(-0.6, 1.2), *pair(rng))
    flat = shapes(side, rng, fonts) if rng.random() < 0.5 else pixels(canvas(side, colour(rng))[0])
    image = Image.fromarray(np.where(smooth(side, rng, 3)[..., None] > 0.5, dots, flat))
    draw = ImageDraw.Draw(image)
    line = int(rng.integers(2, 7))
    for _ in range(int(rng.integers(2, 9))):
        left, top = (int(value) for value in rng.integers(-20, side, 2))
        wide, high = (int(value) for value in rng.integers(20, side // 2 + 21, 2))
        draw.ellipse((left, top, left + wide, top + high), colour(rng, 60), (0, 0, 0), line)
    pen = pick_pen(rng, fonts, int(rng.integers(9, 17)))
    left, top = (int(value) for value in rng.integers(0, max(1, side // 2), 2))
    draw.ellipse((left, top, left + 120, top + 60), (255, 255, 255), (0, 0, 0), line)
    write_lines(draw, rng, pen, (0, 0, 0), (left + 20, top + 14, left + 100, top + 50))
    step = int(rng.integers(side // 3, side + 1))
    for place in range(int(rng.integers(0, step)), side, step):
        draw.rectangle((place, 0, place + 6, side), (255, 255, 255))
        draw.line((place, 0, place, side), (0, 0, 0), 2)
        draw.line((place + 6, 0, place + 6, side), (0, 0, 0), 2)
    return pixels(image)


def plan(side: int, rng: Rng, fonts: Fonts) -> Picture:
    """A technical drawing: thin lines, circles, arcs, dashes, arrows and dimensions."""
    paper, ink = pair(rng)
    image, draw = canvas(side, paper)
    pen = pick_pen(rng, fonts, int(rng.integers(7, 14)), plain=True)
    for _ in range(int(side / 8 * rng.uniform(0.4, 1.2))):
        a, b, c, d = (int(value) for value in rng.integers(0, side, 4))
        chance = rng.random()
        if chance < 0.3:
            draw.line((a, b, c, b) if rng.random() < 0.5 else (a, b, a, d), ink, int(rng.choice([1, 1, 1, 2])))
        elif chance < 0.45:
            draw.line((a, b, c, d), ink)
        elif chance < 0.6:
            radius = int(rng.integers(2, 40))
            draw.arc((a - radius, b - radius, a + radius, b + radius), 0, int(rng.integers(60, 400)), ink)
        elif chance < 0.7:
            draw.rectangle((a, b, a + c // 4, b + d // 4), None, ink)
        elif chance < 0.8:
            for x in range(a, min(side, a + c), 7):
                draw.line((x, b, x + 3, b), ink)
        else:
            draw.text((a, b), f"{c / 10:g}", ink, pen.font)
    return pixels(image)


FIGURES: dict[str, tuple[Kind, float]] = {
    "chart": (chart, 4), "street_map": (street_map, 3), "music": (music, 2.5), "comic": (comic, 2.5), "plan": (plan, 2),
}  # fmt: skip
"""Figures, and how often each is drawn."""
