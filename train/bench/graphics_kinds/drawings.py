"""Drawings: sprites, charts, maps, a circuit board, sheet music, a comic."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from .canvas import (
    FINE,
    Colour,
    canvas,
    colour,
    fine_canvas,
    grid,
    own_font,
    reduced,
    rounded,
    scene,
)
from .text import PLAIN, phrase


def _word(random: np.random.Generator) -> str:
    return phrase(random, PLAIN.split(), 1)


def sprites(random: np.random.Generator, side: int) -> Image.Image:
    """Mirrored figures of few colours with an outline, one to three pixels a cell."""
    image, draw = canvas(side, colour(random, 60, 200))
    y = 4
    for row in range(side):
        cell = 1 + row % 3
        height = 16 * cell
        if y + height > side:
            break
        for x in range(4, side - height, height + 6):
            palette = np.array([(0, 0, 0), *(colour(random) for _ in range(3))], np.uint8)
            half = np.kron(random.integers(1, 4, (8, 4)), np.ones((2, 2), int))  # coarse spots,
            half = np.where(random.random((16, 8)) < 0.25, random.integers(0, 4, (16, 8)), half)  # and fine ones
            body = np.hypot(*np.mgrid[-7.5:8.5, 0.5:8.5]) < 7.5
            figure = np.where(np.hstack([body[:, ::-1], body]), np.hstack([half[:, ::-1], half]), -1)
            drawn = Image.fromarray(palette[figure].repeat(cell, 0).repeat(cell, 1))
            mask = Image.fromarray((255 * (figure >= 0)).astype(np.uint8).repeat(cell, 0).repeat(cell, 1))
            image.paste(drawn, (x, y), mask)
        draw.line((0, y + height + 3, side, y + height + 3), colour(random))
        y += height + 6
    return image


def tile_map(random: np.random.Generator, side: int) -> Image.Image:
    """A game's map of few repeated tiles of 8 pixels."""
    y, x = np.mgrid[:8, :8]
    shapes = [
        (y % 4 == 3) | ((x + 4 * (y // 4)) % 8 == 7),  # bricks
        (x + 2 * y) % 5 == 0,  # grass
        (y + (x // 2) % 2) % 4 == 0,  # waves
        np.hypot(y - 3.5, x - 3.5) < 3,  # stones
        (x == y) | (x + y == 7),  # crates
        (x == 0) | (y == 0),  # slabs
        (x % 4 == 1) & (y % 4 == 1),  # gravel
    ]
    tiles = []
    for shape in shapes:
        dark = np.array(colour(random, 0, 130))
        tiles.append(np.where(shape[..., None], dark, dark + random.integers(40, 120, 3)).astype(np.uint8))
    places = np.repeat(np.repeat(random.integers(0, len(tiles), (side // 16, side // 16)), 2, 0), 2, 1)
    laid = np.array(tiles)[places]  # rows x columns x 8 x 8 x 3
    return Image.fromarray(laid.swapaxes(1, 2).reshape(8 * len(places), -1, 3))


def _axes(random: np.random.Generator, draw: ImageDraw.ImageDraw, side: int) -> None:
    """Draw a frame with ticks, figures, dotted lines and a title, on a fine canvas."""
    low, high = 34 * FINE, (side - 22) * FINE
    draw.rectangle((low, 22 * FINE, (side - 10) * FINE, high), outline=(40, 40, 40), width=FINE)
    for number, at in enumerate(range(low + 30 * FINE, (side - 24) * FINE, 36 * FINE)):
        for dot in range(22 * FINE, high, 4 * FINE):
            draw.line((at, dot, at, dot + 2 * FINE), (200, 200, 200), FINE)
            draw.line((low + dot, at, low + dot + 2 * FINE, at), (200, 200, 200), FINE)
        draw.line((at, high, at, high + 4 * FINE), (40, 40, 40), FINE)
        draw.text((at, high + 5 * FINE), f"{10 * number}", (40, 40, 40), own_font(9 * FINE), "ma")
        draw.text((low - 4 * FINE, at), f"{0.25 * number:.2f}", (40, 40, 40), own_font(9 * FINE), "rm")
    draw.text((side * FINE // 2, 5 * FINE), f"{_word(random)} ({_word(random)})", (0, 0, 0), own_font(12 * FINE), "ma")


def line_chart(random: np.random.Generator, side: int) -> Image.Image:
    """Curves, smooth and ragged, whole and dashed, with a legend."""
    image, draw = fine_canvas(side)
    _axes(random, draw, side)
    x = np.arange(36, side - 12, 3)
    for number in range(6):
        shade = colour(random, 0, 190)
        rough = np.cumsum(random.normal(0, 3 if number % 2 else 0.5, len(x)))
        y = (side / 2 + 0.3 * side * np.sin(x / random.uniform(30, 90) + number) + rough).clip(26, side - 26)
        points = (FINE * np.stack([x, y], -1)).tolist()
        for start in range(0, len(points) - 1, 2 if number < 3 else 4):
            draw.line([tuple(point) for point in points[start : start + 3]], shade, FINE * (1 + number % 2))
        left, at = FINE * (side - 90), FINE * (34 + 12 * number)
        draw.line((left, at, left + 18 * FINE, at), shade, FINE)
        draw.text((left + 22 * FINE, at), _word(random), (0, 0, 0), own_font(9 * FINE), "lm")
    return reduced(image)


def scatter_chart(random: np.random.Generator, side: int) -> Image.Image:
    """Clouds of discs, squares, triangles and crosses."""
    image, draw = fine_canvas(side)
    _axes(random, draw, side)
    for sort in range(4):
        shade = colour(random, 0, 200)
        middle = random.uniform(0.3 * side, 0.7 * side, 2)
        for x, y in FINE * (middle + random.normal(0, 0.13 * side, (160, 2))).clip(40, side - 28):
            reach = FINE * 2
            if sort == 0:
                draw.ellipse((x - reach, y - reach, x + reach, y + reach), shade)
            elif sort == 1:
                draw.rectangle((x - reach, y - reach, x + reach, y + reach), outline=shade, width=FINE)
            elif sort == 2:
                draw.regular_polygon((x, y, FINE * 3), 3, fill=shade)
            else:
                draw.line((x - reach, y - reach, x + reach, y + reach), shade, FINE)
                draw.line((x - reach, y + reach, x + reach, y - reach), shade, FINE)
    return reduced(image)


def bar_chart(random: np.random.Generator, side: int) -> Image.Image:
    """Bars that are filled with hatching of several kinds."""
    image, draw = canvas(side)
    fills = Image.fromarray(np.zeros((side, side), np.uint8))
    y, x = np.mgrid[:side, :side]
    lattice = ((x + y) % 6 == 0) | ((x - y) % 6 == 0)
    patterns = [(x + y) % 5 == 0, (x - y) % 4 == 0, y % 3 == 0, (x % 4 == 0) & (y % 4 == 0), lattice]
    for number, left in enumerate(range(10, side - 24, 26)):
        top = int(random.integers(20, side - 60))
        shade = colour(random, 0, 200)
        draw.rectangle((left, top, left + 19, side - 20), outline=shade)
        fills.paste(Image.fromarray((255 * patterns[number % 5]).astype(np.uint8)))
        part = (left + 1, top + 1, left + 19, side - 20)
        image.paste(shade, part, fills.crop(part))
        draw.text((left + 10, side - 17), f"{number}", (0, 0, 0), own_font(10), "ma")
        draw.text((left + 10, top - 12), f"{side - top}", (0, 0, 0), own_font(8), "ma")
    draw.line((4, side - 20, side - 4, side - 20), (0, 0, 0))
    return image


def heat_map(random: np.random.Generator, side: int) -> Image.Image:
    """Cells of 3 to 12 pixels on a scale of colours, some with their figures."""
    image, draw = canvas(side)
    stops = np.array([(68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37)])
    half = side // 2
    for number, cell in enumerate((3, 5, 8, 16)):
        count = half // cell
        values = random.random((count, count))
        if number % 2 == 0:
            values = (scene(random, count) + 0.4 * (values - 0.5)).clip(0, 1)
        levels = np.stack([np.interp(values, np.linspace(0, 1, 5), stops[:, channel]) for channel in range(3)], -1)
        left, top = half * (number % 2), half * (number // 2)
        image.paste(rounded(levels.repeat(cell, 0).repeat(cell, 1)), (left, top))
        if cell == 16:
            for (row, column), value in np.ndenumerate(values):
                at = (left + cell * column + 8, top + cell * row + 8)
                draw.text(at, f"{99 * value:.0f}", (0, 0, 0) if value > 0.6 else (255, 255, 255), own_font(8), "mm")
    return image


def street_map(random: np.random.Generator, side: int) -> Image.Image:
    """Streets with edges, blocks, water, a railway, and names."""
    image, draw = fine_canvas(side, (242, 239, 233))
    wide = FINE * side
    for _ in range(14):
        x, y = (int(v) for v in random.integers(0, wide, 2))
        green = [(200, 225, 180), (224, 223, 223), (170, 211, 223)][int(random.integers(3))]
        reach, corners, turn = (int(v) for v in random.integers((30, 4, 0), (140, 9, 90)))
        draw.regular_polygon((x, y, reach), corners, turn, green)
    for x in range(0, wide, 22 * FINE):
        for y in range(0, wide, 18 * FINE):
            if random.random() < 0.5:
                right, low = x + int(random.integers(15, 45)), y + int(random.integers(15, 40))
                draw.rectangle((x + 9, y + 9, right, low), (217, 208, 201), (190, 175, 165), 2)
    lines = []
    for number in range(16):
        start, end = random.uniform(-0.1, 1.1, 2) * wide, random.uniform(-0.1, 1.1, 2) * wide
        ends = (-30, start[0], wide + 30, end[0]) if number % 2 else (start[0], -30, end[0], wide + 30)
        lines.append((ends, int(random.choice([2, 3, 5])) * FINE))
    for ends, width in lines:
        draw.line(ends, (150, 140, 130), width + 2 * FINE)
    for ends, width in lines:
        draw.line(ends, (249, 178, 156) if width == 5 * FINE else (255, 255, 255), width)
    for step in range(0, 40, 2):
        points = [(wide * (at + step) / 40, wide * (0.3 + 0.01 * (at + step))) for at in (0, 1)]
        draw.line(points, (80, 80, 80), 2 * FINE)
    for _ in range(26):
        at = tuple(random.integers(0, wide, 2).tolist())
        draw.text(at, _word(random), (60, 60, 60), own_font(9 * FINE), stroke_width=FINE, stroke_fill=(255, 255, 255))
    return reduced(image)


def contour_map(random: np.random.Generator, side: int) -> Image.Image:
    """Brown contour lines over shades of height."""
    height = 14 * scene(random, side) + 0.4  # what is level lies between two lines
    down, across = np.gradient(height)
    slope = np.hypot(down, across) + 1e-6
    away = np.abs(height - np.rint(height)) / slope  # pixels to the nearest line
    width = np.where(np.rint(height) % 5 == 0, 1.0, 0.55)
    tint = np.interp(height[..., None], [0, 6, 14], [0, 0.5, 1]) * np.array([60, 20, 90]) + np.array([180, 215, 150])
    share = (width + 0.5 - away).clip(0, 1)[..., None]
    image = rounded(tint + share * (np.array([130, 80, 40]) - tint))
    draw = ImageDraw.Draw(image)
    for _ in range(12):
        x, y = (int(v) for v in random.integers(10, side - 10, 2))
        told = f"{100 * int(height[y, x])}"
        draw.text((x, y), told, (90, 50, 20), own_font(8), "mm", stroke_width=1, stroke_fill=(230, 235, 200))
    return image


def circuit(random: np.random.Generator, side: int) -> Image.Image:
    """A circuit board: tracks at angles of 45 degrees, pads, holes, chips and their names."""
    image, draw = fine_canvas(side, (10, 90, 50))
    for _ in range(70):
        x, y = (6 * FINE * int(v) for v in random.integers(0, side // 6, 2))
        points = [(x, y)]
        for _ in range(3):
            right, down = (int(v) for v in random.integers(-1, 2, 2))
            length = 6 * FINE * int(random.integers(2, 9))
            points.append((points[-1][0] + right * length, points[-1][1] + down * length))
        draw.line(points, (40, 150, 80), FINE * int(random.integers(1, 4)), joint="curve")
        for x, y in (points[0], points[-1]):
            draw.circle((x, y), 3 * FINE, (214, 175, 90))
            draw.circle((x, y), FINE, (20, 20, 20))
    for _ in range(8):
        x, y = (FINE * int(v) for v in random.integers(0, side - 60, 2))
        for pin in range(0, 48, 6):
            draw.rectangle((x + FINE * pin, y - 4 * FINE, x + FINE * (pin + 3), y + 28 * FINE), (200, 200, 205))
        draw.rectangle((x - FINE, y, x + 47 * FINE, y + 24 * FINE), (28, 28, 30))
        name = f"U{int(random.integers(99))} 74HC"
        draw.text((x + 4 * FINE, y + 7 * FINE), name, (230, 230, 230), own_font(9 * FINE))
    return reduced(image)


def sheet_music(random: np.random.Generator, side: int) -> Image.Image:
    """Staves with notes, stems, beams, bars and slurs."""
    image, draw = fine_canvas(side, (252, 251, 246))
    black, gap = (15, 15, 15), 5 * FINE
    for top in range(14 * FINE, FINE * side - 6 * gap, 11 * gap):
        for line in range(5):
            draw.line((6 * FINE, top + line * gap, FINE * (side - 6), top + line * gap), black, 2)
        draw.arc((9 * FINE, top - gap, 20 * FINE, top + 5 * gap), 300, 640, black, 5)
        draw.line((15 * FINE, top - 2 * gap, 15 * FINE, top + 5 * gap), black, 4)
        x, before = 30 * FINE, (0, 0)
        while x < FINE * (side - 16):
            y = top + int(random.integers(-1, 9)) * gap // 2
            hollow = random.random() < 0.2
            draw.ellipse((x, y - gap // 2, x + 7 * FINE, y + gap // 2), None if hollow else black, black, 4)
            stem = (x + 7 * FINE - 2, y - 3 * gap)
            draw.line((x + 7 * FINE - 2, y, *stem), black, 3)
            if random.random() < 0.5 and before != (0, 0):
                draw.line((*before, *stem), black, 2 * FINE)
            if random.random() < 0.15:
                draw.arc((x - 20 * FINE, y, x + 4 * FINE, y + 2 * gap), 20, 160, black, 4)
            before = stem
            x += int(random.integers(10, 20)) * FINE
            if random.random() < 0.2:
                draw.line((x, top, x, top + 4 * gap), black, 3)
                x, before = x + 6 * FINE, (0, 0)
    return reduced(image)


def comic(random: np.random.Generator, side: int) -> Image.Image:
    """Panels with thick outlines, flat colours, a screen of dots, lines of speed, and speech."""
    image, draw = fine_canvas(side)
    half = side // 2
    y, x = grid(FINE * side)
    dots = np.hypot((x + 7 * (y // 15 % 2)) % 15 - 7, y % 15 - 7) < 4.5
    for number in range(4):
        left, top = FINE * (4 + half * (number % 2)), FINE * (4 + half * (number // 2))
        right, low = left + FINE * (half - 8), top + FINE * (half - 8)
        draw.rectangle((left, top, right, low), colour(random, 120, 255))
        tone = Image.fromarray((255 * dots[top:low, left : left + (right - left) // 2]).astype(np.uint8))
        image.paste(colour(random, 0, 200), (left, top), tone)
        for _ in range(14):
            end = int(random.integers(top, low))
            length, width = (int(v) for v in random.integers((60, 1), (200, 5)))
            draw.line((right, end, right - length, (end + low) // 2), (10, 10, 10), width)
        _figure(random, draw, ((left + right) // 2, low), colour(random, 90, 255))
        draw.ellipse((left + 20, top + 12, right - 60, top + 150), (255, 255, 255), (0, 0, 0), 5)
        for line in range(3):
            words = f"{_word(random)} {_word(random)}".upper()
            draw.text(((left + right) // 2 - 20, top + 46 + 33 * line), words, (0, 0, 0), own_font(9 * FINE), "mm")
        draw.rectangle((left, top, right, low), outline=(0, 0, 0), width=2 * FINE)
    return reduced(image)


def _figure(random: np.random.Generator, draw: ImageDraw.ImageDraw, foot: tuple[int, int], shade: Colour) -> None:
    x, low = foot
    tall = int(random.integers(170, 260))
    draw.rounded_rectangle((x - 60, low - tall + 80, x + 60, low + 60), 40, shade, (0, 0, 0), 6)
    draw.circle((x, low - tall + 50), 50, (255, 220, 185), (0, 0, 0), 6)
    draw.circle((x - 18, low - tall + 40), 8, (0, 0, 0))
    draw.circle((x + 18, low - tall + 40), 8, (0, 0, 0))
    draw.arc((x - 22, low - tall + 45, x + 22, low - tall + 80), 20, 160, (0, 0, 0), 5)
    draw.chord((x - 52, low - tall - 8, x + 52, low - tall + 60), 180, 360, (60, 30, 10), (0, 0, 0), 4)
