"""Printers' screens and dithers: how few inks or colours show many."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image

from denoise_ae.training.data.drawn.base import (
    Field,
    Kind,
    Picture,
    blocks,
    edge,
    pair,
    palette,
    some_angle,
    tint,
    tone,
    turned,
)

Rng = np.random.Generator
Fonts = Sequence[Path]


def _screen(side: int, angle: float, period: float, shape: int) -> Field:
    # The thresholds of a printer's screen: round dots, lines or diamonds.
    u, v = turned(side, angle)
    turn = np.float32(2 * np.pi / period)
    if shape == 0:
        result: Field = (np.cos(u * turn) + np.cos(v * turn)) * 0.25 + 0.5
        return result
    if shape == 1:
        lines: Field = np.cos(u * turn) * 0.5 + 0.5
        return lines
    diamonds: Field = np.abs((u / period) % 1 - 0.5) + np.abs((v / period) % 1 - 0.5)
    return diamonds


def halftone(side: int, rng: Rng, fonts: Fonts) -> Picture:
    """A printed picture of one ink: dots or lines of 3 to 12 pixels at any angle."""
    paper, ink = pair(rng)
    screen = _screen(side, some_angle(rng), float(rng.uniform(2.8, 12)), int(rng.choice(3, p=[0.7, 0.15, 0.15])))
    return tint(np.clip((tone(side, rng) * 0.9 + 0.05 - screen) * edge(rng) + 0.5, 0, 1), paper, ink)


def halftone_colour(side: int, rng: Rng, fonts: Fonts) -> Picture:
    """A picture in four inks, each with a screen at its own angle."""
    picture = np.full((side, side, 3), rng.integers(225, 256), np.float32)
    period = float(rng.uniform(3, 10))
    steep = edge(rng)
    inks = ((0.05, 0.65, 0.9), (0.9, 0.1, 0.5), (1, 0.92, 0.05), (0.1, 0.1, 0.1))
    for ink, degrees in zip(inks, (15, 75, 0, 45), strict=True):
        screen = _screen(side, np.radians(degrees), period, 0)
        cover = np.clip((tone(side, rng) * (0.9 if degrees != 45 else 0.5) - screen) * steep + 0.5, 0, 1)
        for channel in range(3):
            picture[..., channel] *= 1 - cover * np.float32(1 - ink[channel])
    return picture.astype(np.uint8)


@lru_cache(maxsize=8)
def _bayer(order: int) -> Field:
    matrix = np.zeros((1, 1), np.float32)
    while len(matrix) < order:
        matrix = np.block([[4 * matrix, 4 * matrix + 2], [4 * matrix + 3, 4 * matrix + 1]])
    return ((matrix + 0.5) / matrix.size).astype(np.float32)


@lru_cache(maxsize=2)
def _blue_noise(side: int) -> Field:
    # Thresholds without coarse structure: noise that loses its low frequencies and is ranked again, some times over.
    level = np.random.default_rng(0).random((side, side))
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(side), np.fft.fftfreq(side)))
    for _ in range(8):
        level = np.fft.ifft2(np.fft.fft2(level) * np.clip(frequency / 0.4, 0, 1) ** 2).real
        level = level.ravel().argsort().argsort().reshape(side, side) / level.size
    return level.astype(np.float32)


def dither_ordered(side: int, rng: Rng, fonts: Fonts) -> Picture:
    """Ordered dither: Bayer's matrices of 2, 4 or 8, or blue noise; two levels or a few, gray or in colours."""
    matrix = _blue_noise(64) if rng.random() < 0.15 else _bayer(int(rng.choice([2, 4, 4, 8, 8])))
    module = int(rng.choice([1, 1, 1, 2, 3]))
    small = -(-side // module)
    repeat = -(-small // len(matrix))
    limits = np.tile(matrix, (repeat, repeat))[:small, :small]
    levels = int(rng.choice([2, 2, 2, 3, 4, 6]))
    if rng.random() < 0.65:
        shade = np.floor(tone(small, rng) * (levels - 1) + limits) / (levels - 1)
        return blocks(tint(shade, *pair(rng)), module, side)
    planes = [np.floor(tone(small, rng) * (levels - 1) + limits) / (levels - 1) for _ in range(3)]
    return blocks((np.stack(planes, -1) * 255).clip(0, 255).astype(np.uint8), module, side)


_DIFFUSION: tuple[tuple[tuple[int, int, float], ...], ...] = (
    tuple((dy, dx, 1 / 8) for dy, dx in ((0, 1), (0, 2), (1, -1), (1, 0), (1, 1), (2, 0))),  # Atkinson
    ((0, 1, 0.5), (1, -1, 0.25), (1, 0, 0.25)),  # Sierra's lite one
    (
        (0, 1, 8 / 32),
        (0, 2, 4 / 32),
        (1, -2, 2 / 32),
        (1, -1, 4 / 32),
        (1, 0, 8 / 32),
        (1, 1, 4 / 32),
        (1, 2, 2 / 32),
    ),  # Burkes
)


def _diffuse(level: Field, kernel: tuple[tuple[int, int, float], ...]) -> Field:
    # Each row lags three pixels behind the one above, so that a whole slanted front is decided at once.
    side = len(level)
    lag, margin = 3, 4
    front = np.zeros((side + lag * side + 2 * margin, side + 2), np.float32)
    rows = np.arange(side)
    place = margin + lag * rows[:, None] + rows[None, :]
    front[place, rows[:, None]] = level
    result = np.zeros_like(front)
    for step in range(margin, len(front) - 2 * margin):
        old = front[step, :side]
        new = (old > 0.5).astype(np.float32)
        result[step, :side] = new
        error = np.clip(old - new, -0.5, 0.5)
        for dy, dx, share in kernel:
            # What would fall below the last row goes to a place that is never read.
            target = step + lag * dy + dx
            front[target if target < len(front) else 0, dy : dy + side] += error * np.float32(share)
    decided: Field = result[place, rows[:, None]]
    return decided


def dither_diffused(side: int, rng: Rng, fonts: Fonts) -> Picture:
    """Error diffusion: Floyd and Steinberg's, Atkinson's and others, black and white or with a palette."""
    module = int(rng.choice([1, 1, 1, 2, 3]))
    small = -(-side // module)
    chance = rng.random()
    if chance < 0.35:
        gray = Image.fromarray((tone(small, rng) * 255).astype(np.uint8))
        return blocks(tint(np.asarray(gray.convert("1")), *pair(rng)), module, side)
    if chance < 0.7:
        colours = np.stack([tone(small, rng) for _ in range(3)], -1) * 255
        table = Image.new("P", (1, 1))
        table.putpalette(palette(rng, int(rng.choice([4, 8, 16]))).tobytes())
        image = Image.fromarray(colours.astype(np.uint8)).quantize(palette=table, dither=Image.Dither.FLOYDSTEINBERG)
        return blocks(np.array(image.convert("RGB"), np.uint8), module, side)
    kernel = _DIFFUSION[int(rng.integers(len(_DIFFUSION)))]
    return blocks(tint(_diffuse(tone(small, rng), kernel), *pair(rng)), module, side)


SCREENS: dict[str, tuple[Kind, float]] = {
    "halftone": (halftone, 3), "halftone_colour": (halftone_colour, 2.5), "dither_ordered": (dither_ordered, 4),
    "dither_diffused": (dither_diffused, 3),
}  # fmt: skip
"""Screens and dithers, and how often each is drawn."""
