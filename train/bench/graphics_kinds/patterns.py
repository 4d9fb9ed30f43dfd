"""Patterns: engraving, halftones, dithers, cloth, checkers, hatching, stars, swatches."""

from __future__ import annotations

import cv2
import numpy as np
from PIL import Image, ImageDraw

from .canvas import (
    FINE,
    Floats,
    canvas,
    colour,
    fine_canvas,
    grid,
    ink,
    inked,
    paper,
    reduced,
    rounded,
    scene,
    turned,
)


def _hard_and_soft(coverage: Floats) -> Floats:
    """Let the upper half have two levels only, as scans in black and white, and leave the lower half's edges soft."""
    half = len(coverage) // 2
    return np.vstack([coverage[:half] > 0.5, coverage[half:]])


def engraving(random: np.random.Generator, side: int) -> Image.Image:
    """Lines that swell where it is dark, and a second set across them where it is darker, as on bank notes."""
    dark = 0.1 + 0.7 * scene(random, side)
    y, x = grid(side)
    coverage = np.zeros((side, side))
    for degrees, least in ((random.uniform(-20, 20), 0.0), (random.uniform(50, 80), 0.5)):
        down, _ = turned(y + 6 * np.sin(x / 35), x, degrees)
        period = random.uniform(4.5, 6)
        away = np.abs(down / period - np.rint(down / period)) * period  # pixels to the middle of a line
        width = 0.42 * period * (dark - least).clip(0) / (1 - least) + np.where(dark > least, 0.35, -1)
        coverage = np.maximum(coverage, (width - away + 0.5).clip(0, 1))
    return inked(coverage, ink(random), paper(random))


def _screen(dark: Floats, period: float, degrees: float) -> Floats:
    """Return the coverage of round dots whose area follows the darkness."""
    down, right = turned(*grid(len(dark)), degrees)
    field = (np.cos(2 * np.pi * down / period) + np.cos(2 * np.pi * right / period)) / 4 + 0.5
    coverage: Floats = np.clip((field - 1 + dark) * period / 2 + 0.5, 0, 1)
    return coverage


def halftone_dots(random: np.random.Generator, side: int) -> Image.Image:
    """Round dots as in a newspaper."""
    dots = _screen(0.1 + 0.8 * scene(random, side), random.uniform(4, 7), 45)
    return inked(_hard_and_soft(dots), ink(random), paper(random))


def halftone_lines(random: np.random.Generator, side: int) -> Image.Image:
    """Lines whose width follows the darkness."""
    down, _ = turned(*grid(side), random.choice([0, 30, 45, 90]))
    period = random.uniform(4, 6)
    away = np.abs(down / period - np.rint(down / period)) * 2
    coverage = (0.1 + 0.8 * scene(random, side) - away) * period / 2 + 0.5
    return inked(_hard_and_soft(coverage.clip(0, 1)), ink(random), paper(random))


def halftone_colour(random: np.random.Generator, side: int) -> Image.Image:
    """Four inks, each with its angle, as in offset printing."""
    period = random.uniform(5, 6.5)
    levels = np.full((side, side, 3), 250.0)
    inks = {15: (0, 160, 230), 75: (230, 0, 130), 0: (255, 237, 0), 45: (35, 31, 32)}
    for degrees, shade in inks.items():
        dots = _screen((0.35 if degrees == 45 else 0.75) * scene(random, side), period, degrees)
        levels *= 1 - dots[..., None] * (1 - np.array(shade) / 255)
    return rounded(levels)


def dither_ordered(random: np.random.Generator, side: int) -> Image.Image:
    """Bayer's matrices of 2, 4 and 8, dots of one and of two pixels, black and white and colours."""
    bayer = np.zeros((1, 1))
    parts = []
    for size in (2, 4, 8):
        bayer = np.block([[4 * bayer, 4 * bayer + 2], [4 * bayer + 3, 4 * bayer + 1]])
        thresholds = np.tile((bayer + 0.5) / size**2, (side // size, side // size))
        level = np.stack([scene(random, side)] * 3 if size != 4 else [scene(random, side) for _ in range(3)], -1)
        parts.append(255 * (level > thresholds[..., None]))
    third = side // 3
    whole = np.vstack([part[:third] for part in parts] + [parts[2][3 * third :]])
    whole[-third:] = whole[-third // 2 :].repeat(2, 0)[:third, : side // 2].repeat(2, 1)
    return rounded(whole)


def dither_diffused(random: np.random.Generator, side: int) -> Image.Image:
    """Floyd and Steinberg's, dots of one pixel above and of two below."""
    gray = rounded(255 * scene(random, side)).convert("L")
    fine = gray.convert("1").convert("RGB")
    coarse = gray.reduce(2).convert("1").convert("RGB").resize((side, side), Image.Resampling.NEAREST)
    fine.paste(coarse.crop((0, side // 2, side, side)), (0, side // 2))
    return fine


def dither_palette(random: np.random.Generator, side: int) -> Image.Image:
    """A coloured scene in 16 colours with diffused error, as in old GIFs."""
    palette = Image.new("P", (1, 1))
    palette.putpalette([level for n in range(16) for level in (255 * (n & 1), 85 * (n >> 1 & 3), 255 * (n >> 3))])
    picture = rounded(255 * np.stack([scene(random, side) for _ in range(3)], -1))
    return picture.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG).convert("RGB")


def stipple(random: np.random.Generator, side: int) -> Image.Image:
    """Dots that lie closer where it is dark, never on each other."""
    image, draw = fine_canvas(side, paper(random))
    light, shade = scene(random, side), ink(random)
    taken = np.zeros((side, side), bool)
    y, x = np.mgrid[:side, :side]
    for across, down in random.integers(4, side - 4, (side * side // 8, 2)):
        reach = round(3 + 6 * light[down, across])
        if taken[down, across]:
            continue
        part = np.s_[max(0, down - reach) : down + reach, max(0, across - reach) : across + reach]
        taken[part] |= (y[part] - down) ** 2 + (x[part] - across) ** 2 < reach**2
        draw.circle((FINE * int(across), FINE * int(down)), FINE * random.uniform(0.7, 1.4), shade)
    return reduced(image)


def weave(random: np.random.Generator, side: int) -> Image.Image:
    """Cloth of round threads: plain weave above, twill below."""
    y, x = grid(side)
    thread = float(random.integers(3, 6))
    row, column = y // thread, x // thread
    upright = np.where(y < side / 2, (row + column) % 2 < 1, (row + column) % 4 < 2)
    across = np.where(upright, x, y) % thread + 0.5
    roundness = np.sin(np.pi * across / thread)
    shades = np.array([colour(random, 60, 230), colour(random, 60, 230)])
    light = 0.45 + 0.55 * roundness + 0.1 * (scene(random, side) - 0.5)
    return rounded(shades[upright.astype(int)] * light[..., None])


def knit(random: np.random.Generator, side: int) -> Image.Image:
    """Stitches of two leaning strands, with a pattern of two wools."""
    y, x = grid(side)
    wide, high = float(random.integers(6, 10)), float(random.integers(5, 9))
    lean = np.abs((x % wide) / wide - 0.5) * high
    strand = np.cos(2 * np.pi * (y - lean) / high) * 0.35 + np.abs(np.sin(2 * np.pi * x / wide)) * 0.25 + 0.55
    wools = np.array([colour(random, 90, 240), colour(random, 30, 160)])
    stitch_y, stitch_x = ((y - lean) // high).astype(int), (x // wide).astype(int)
    second = (np.abs(stitch_x % 8 - 4) + np.abs(stitch_y % 8 - 4)) % 4 == 0
    return rounded(wools[second.astype(int)] * strand.clip(0, 1.1)[..., None])


def tartan(random: np.random.Generator, side: int) -> Image.Image:
    """Twill of threads of one and of two pixels: houndstooth on the left, a tartan on the right."""
    y, x = np.mgrid[:side, :side]
    x, y = np.where(y < side // 2, x, x // 2), np.where(y < side // 2, y, y // 2)
    upright = (x + y) % 4 < 2
    two = np.array([paper(random), ink(random)])
    sett = np.array([colour(random) for _ in range(4)])[random.integers(0, 4, 12)].repeat(5, 0)
    hound = np.where(upright[..., None], two[x // 4 % 2], two[y // 4 % 2])
    checked = np.where(upright[..., None], sett[x % len(sett)], sett[y % len(sett)])
    return rounded(np.where(np.arange(side)[None, :, None] < side // 2, hound, checked))


def checkers(random: np.random.Generator, side: int) -> Image.Image:
    """Squares of 1 to 8 pixels, and oblongs."""
    y, x = np.mgrid[:side, :side]
    image = np.empty((side, side, 3))
    count = 8
    for band in range(count):
        rows = slice(band * side // count, (band + 1) * side // count)
        for half, high in ((slice(0, side // 2), band + 1), (slice(side // 2, side), 2)):
            odd = (x[rows, half] // (band + 1) + y[rows, half] // high) % 2
            shades = np.array([colour(random, 0, 110), colour(random, 140, 255)])
            image[rows, half] = shades[odd]
    return rounded(image)


def hatching(random: np.random.Generator, side: int) -> Image.Image:
    """A plan whose areas are filled with lines of several angles and gaps, sharp on the left, soft on the right."""
    y, x = grid(side)
    coverage = np.zeros((side, side))
    cell = side // 6
    for top in range(0, side, cell):
        for left in range(0, side, cell):
            part = np.s_[top : top + cell, left : left + cell]
            down, right = turned(y[part], x[part], random.choice([0, 30, 45, 60, 90, 135]))
            gap, width = random.uniform(3, 9), random.uniform(0.5, 0.9)
            lines = [down, right] if random.random() < 0.3 else [down]
            for at in lines:
                away = np.abs(at / gap - np.rint(at / gap)) * gap
                coverage[part] = np.maximum(coverage[part], (width + 0.5 - away).clip(0, 1))
    coverage[:, : side // 2] = coverage[:, : side // 2] > 0.5
    image = inked(coverage, ink(random), paper(random))
    draw = ImageDraw.Draw(image)
    for wall in range(0, side, cell):
        draw.line((0, wall, side, wall), (0, 0, 0), 2)
        draw.line((wall, 0, wall, side), (0, 0, 0), 2)
    return image


def test_chart(random: np.random.Generator, side: int) -> Image.Image:
    """A star of spokes, rings that narrow, and gratings, as cameras are measured with."""
    half = side // 2
    y, x = grid(half)
    y, x = y - half / 2, x - half / 2
    spokes = np.sin(36 * np.arctan2(y, x)) * np.hypot(y, x) / 12 + 0.5
    rings = 0.5 + 0.5 * np.cos(np.pi * 0.55 * (x**2 + y**2) / half)
    gratings = [np.cos(2 * np.pi * x / period) > 0 for period in (2, 3, 4, 6)]
    stripes = np.vstack([part[: half // 4] for part in gratings])
    slanted = np.sin(2 * np.pi * turned(y, x, 7)[0] / random.uniform(3, 5)) * 0.5 + 0.5
    rows = [np.hstack([spokes.clip(0, 1), rings]), np.hstack([np.resize(stripes, (half, half)), slanted])]
    return inked(np.vstack(rows), ink(random), paper(random))


def stars(random: np.random.Generator, side: int) -> Image.Image:
    """Stars of several sizes and colours before a faint cloud."""
    y, x = grid(side)
    sky = 8 + 25 * scene(random, side)[..., None] ** 2 * np.array([1.0, 0.8, 1.2])
    for _ in range(side):
        at_y, at_x = random.uniform(0, side, 2)
        peak, spread = min(400, 40 * random.pareto(1.0) + 30), random.uniform(0.7, 1.5)
        top, left = max(0, int(at_y) - 7), max(0, int(at_x) - 7)
        part = np.s_[top : top + 15, left : left + 15]
        light = peak * np.exp(-((y[part] - at_y) ** 2 + (x[part] - at_x) ** 2) / (2 * spread**2))
        sky[part] += light[..., None] * random.uniform(0.7, 1, 3)
    return rounded(sky)


def swatches(random: np.random.Generator, side: int) -> Image.Image:
    """Squares and discs of 4 to 24 pixels, each of one colour."""
    image, draw = canvas(side)
    y = 0
    for number in range(side):
        size = (4, 6, 8, 12, 16, 24)[number % 6]
        for x in range(0, side, size):
            if number % 12 < 6:
                draw.rectangle((x, y, x + size - 1, y + size - 1), colour(random))
            else:
                draw.ellipse((x, y, x + size - 1, y + size - 1), colour(random))
        y += size
        if y > side:
            break
    return image


def posterised(random: np.random.Generator, side: int) -> Image.Image:
    """A scene in ten flat colours, as maps of weather and screen prints have them, next to smooth shades."""
    level = scene(random, side)
    shades = np.array([colour(random) for _ in range(10)])
    flat = shades[(9.99 * level).astype(int)].astype(float)
    flat[:, side // 2 :] = level[:, side // 2 :, None] * shades[0] + (1 - level[:, side // 2 :, None]) * shades[1]
    return rounded(flat)


def mosaic(random: np.random.Generator, side: int) -> Image.Image:
    """Stones of some ten pixels with joints between them."""
    seeds = np.ones((side, side), np.uint8)
    step = 11
    for top in range(0, side - 4, step):
        for left in range(0, side - 4, step):
            down, right = random.integers(0, 8, 2)
            seeds[min(side - 1, top + down), min(side - 1, left + right)] = 0
    _, labels = cv2.distanceTransformWithLabels(seeds, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    shades = random.integers(0, 256, (labels.max() + 1, 3)).astype(float)
    edge = np.zeros((side, side), bool)
    edge[1:] |= labels[1:] != labels[:-1]
    edge[:, 1:] |= labels[:, 1:] != labels[:, :-1]
    return rounded(np.where(edge[..., None], 40.0, shades[labels]))


def labyrinth(random: np.random.Generator, side: int) -> Image.Image:
    """Winding ridges, as in a fingerprint."""
    field = random.normal(0, 1, (side, side))
    for _ in range(15):
        field = np.tanh(6 * (cv2.GaussianBlur(field, (0, 0), 1.3) - cv2.GaussianBlur(field, (0, 0), 2.1)))
    return inked(_hard_and_soft(0.5 + 0.5 * field), ink(random), paper(random))


def maze(random: np.random.Generator, side: int) -> Image.Image:
    """A maze of walls of one and two pixels."""
    image, draw = canvas(side, paper(random))
    shade = ink(random)
    for top, step, width in ((0, 4, 1), (side // 3, 6, 2), (2 * side // 3, 8, 2)):
        for y in range(top, min(side, top + side // 3), step):
            for x in range(0, side, step):
                ends = (x, y, x + step, y) if random.random() < 0.5 else (x, y, x, y + step)
                draw.line(ends, shade, width)
    return image
