"""Patterns: stripes, checkers, hatching, cloth, rings, cells and stars."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from denoise_ae.training.data.drawn.base import (
    Field,
    Kind,
    Picture,
    colour,
    edge,
    grid,
    pair,
    palette,
    smooth,
    some_angle,
    tint,
    tone,
    turned,
)

Rng = np.random.Generator
Fonts = Sequence[Path]


def _lines(across: Field, period: float, width: float, rng: Rng) -> Field:
    # Lines of `width` pixels, their edges anti-aliased or hard.
    distance = np.abs((across + np.float32(rng.uniform(0, period))) % period - period / 2)
    level = width / 2 - distance
    result: Field = np.clip(level * 1e3 if rng.random() < 0.4 else level + 0.5, 0, 1)
    return result


def stripes(side: int, rng: Rng, fonts: Fonts) -> Picture:
    """Stripes of 1 to 8 pixels at any angle, one set or a plaid of two."""
    paper, ink = pair(rng)
    angle = some_angle(rng)
    u, v = turned(side, angle)
    period = float(rng.integers(2, 17)) if rng.random() < 0.6 else float(rng.uniform(2, 16))
    level = _lines(u, period, period * float(rng.choice([0.25, 0.5, 0.5, 0.7])), rng)
    if rng.random() < 0.3:
        level = np.maximum(level, _lines(v, period * float(rng.choice([1, 1, 2, 0.5])) + 1, max(1, period / 3), rng))
    picture = tint(level, paper, ink)
    if rng.random() < 0.25:
        # Ribbons of several colours.
        colours = palette(rng, int(rng.integers(3, 8)))
        picture = colours[((u + 4 * side) / period).astype(np.int64) % len(colours)]
    return picture


def checkers(side: int, rng: Rng, fonts: Fonts) -> Picture:
    """Chessboards with fields of 1 to 8 pixels, straight, turned or stretched."""
    paper, ink = pair(rng)
    module = int(rng.integers(1, 9))
    if rng.random() < 0.65:
        x, y = grid(side)
        high = module if rng.random() < 0.7 else int(rng.integers(1, 9))
        return tint((x // module + y // high) % 2 > 0, paper, ink)
    u, v = turned(side, some_angle(rng))
    wave = np.sin(u * np.float32(np.pi / (module + 1))) * np.sin(v * np.float32(np.pi / (module + 1)))
    return tint(np.clip(wave * edge(rng) + 0.5, 0, 1), paper, ink)


def hatching(side: int, rng: Rng, fonts: Fonts) -> Picture:
    """Hatching and cross-hatching that follows the darkness of a picture."""
    paper, ink = pair(rng)
    dark = tone(side, rng)
    start = some_angle(rng)
    period = float(rng.uniform(3, 10))
    level = np.zeros((side, side), np.float32)
    for number in range(int(rng.integers(1, 4))):
        u, _ = turned(side, start + number * float(rng.choice([np.pi / 2, np.pi / 4, np.pi / 3])))
        lines = _lines(u, period, float(rng.uniform(0.8, 1.8)), rng)
        level = np.maximum(level, np.where(dark > 0.25 * number + 0.1, lines, 0))
    return tint(level, paper, ink)


def engraving(side: int, rng: Rng, fonts: Fonts) -> Picture:
    """Waving lines that swell with the darkness of a picture, as on bank notes and in old books."""
    paper, ink = pair(rng)
    u, v = turned(side, some_angle(rng))
    period = float(rng.uniform(3, 9))
    sway = period * rng.uniform(0, 3) * np.sin(v / np.float32(rng.uniform(8, 50)))
    if rng.random() < 0.4:
        sway = sway + period * 4 * smooth(side, rng, 4)
    wave = np.cos((u + sway) * np.float32(2 * np.pi / period)) * 0.5 + 0.5
    return tint(np.clip((tone(side, rng) * 0.9 + 0.05 - wave) * edge(rng) * 2 + 0.5, 0, 1), paper, ink)


def contours(side: int, rng: Rng, fonts: Fonts) -> Picture:
    """Lines of equal height, alone or between tinted bands."""
    paper, ink = pair(rng)
    height = smooth(side, rng, int(rng.integers(3, 9))) * np.float32(rng.integers(5, 18))
    slope = np.hypot(*np.gradient(height)) + 1e-4
    line = np.abs(height - np.round(height)) / slope
    level = np.clip(float(rng.uniform(0.5, 1.2)) + 0.5 - line, 0, 1)
    picture = tint(level, paper, ink)
    if rng.random() < 0.4:
        bands = palette(rng, 20)[np.floor(height).astype(np.int64)]
        picture = np.where(level[..., None] > 0.5, picture, bands)
    return picture


def rings(side: int, rng: Rng, fonts: Fonts) -> Picture:
    """Concentric rings, zone plates, rays and the moiré of two of them."""
    paper, ink = pair(rng)
    x, y = grid(side)
    wave = np.ones((side, side), np.float32)
    for _ in range(1 if rng.random() < 0.6 else 2):
        left, top = rng.uniform(-0.2, 1.2, 2) * side
        radius = np.hypot(x - np.float32(left), y - np.float32(top))
        chance = rng.random()
        if chance < 0.5:
            phase = radius * np.float32(2 * np.pi / rng.uniform(2.5, 14))
        elif chance < 0.8:
            # A zone plate reaches the finest pattern that pixels can hold at its own far corner.
            phase = radius * radius * np.float32(np.pi / (2 * rng.uniform(0.5, 1.5) * side))
        else:
            phase = np.arctan2(y - np.float32(top), x - np.float32(left)) * int(rng.integers(8, 90))
        wave = wave * np.cos(phase)
    return tint(np.clip(wave * edge(rng) * 0.5 + 0.5, 0, 1) if rng.random() < 0.6 else wave * 0.5 + 0.5, paper, ink)


def weave(side: int, rng: Rng, fonts: Fonts) -> Picture:
    """Cloth: plain, twill or satin, threads of 2 to 9 pixels that shine in their middle."""
    u, v = turned(side, 0.0 if rng.random() < 0.6 else some_angle(rng))
    thick = float(rng.integers(2, 10)) if rng.random() < 0.6 else float(rng.uniform(2, 9))
    across, along = (u + 2 * side) / thick, (v + 2 * side) / thick
    i, j = across.astype(np.int64), along.astype(np.int64)
    step, repeat = ((1, 2), (1, 3), (1, 4), (2, 5), (3, 8))[int(rng.integers(5))]
    over = (i + step * j) % repeat < max(1, repeat // 2)
    shine = float(rng.uniform(0, 0.7))
    gloss = 1 - shine * (2 * np.where(over, across - i, along - j) - 1) ** 2
    jitter = 1 - float(rng.uniform(0, 0.25)) * rng.random(int(5 * side / thick) + 8)
    gloss *= np.where(over, jitter[i], jitter[j])
    gloss *= 0.75 + 0.25 * smooth(side, rng, 3)
    warp, weft = np.array(pair(rng), np.float32)
    result: Picture = (np.where(over[..., None], warp, weft) * gloss[..., None]).clip(0, 255).astype(np.uint8)
    return result


def knit(side: int, rng: Rng, fonts: Fonts) -> Picture:
    """Rows of stitches like small Vs, in one wool or with a pattern."""
    x, y = grid(side)
    wide, high = float(rng.integers(4, 14)), float(rng.integers(3, 10))
    inner = np.abs(x % wide - wide / 2)
    climb = y + inner * np.float32(rng.uniform(0.6, 1.4)) * (1 if rng.random() < 0.8 else 0)
    row, column = (climb // high).astype(np.int64), (x // wide).astype(np.int64)
    shade = np.sin((climb % high) * np.float32(np.pi / high)) * np.clip(inner / wide * 4, 0.35, 1)
    wools = palette(rng, 3).astype(np.float32)
    figure = rng.integers(0, 2 if rng.random() < 0.6 else 3, (8, 8)) * int(rng.random() < 0.7)
    base = wools[figure[row % 8, column % 8]]
    result: Picture = (base * (0.35 + 0.65 * shade[..., None])).clip(0, 255).astype(np.uint8)
    return result


def cells(side: int, rng: Rng, fonts: Fonts) -> Picture:
    """A mosaic of stones round scattered points, with or without joints."""
    pitch = float(rng.uniform(8, 48))
    count = int(side / pitch) + 4
    jitter = float(rng.uniform(0.3, 1))
    offset = rng.random((count, count, 2)).astype(np.float32) * np.float32(jitter)
    x, y = grid(side)
    i = j = (np.arange(side) / pitch).astype(np.int64) + 1
    fx, fy = x / np.float32(pitch) + 1, y / np.float32(pitch) + 1
    points = offset + np.stack(np.meshgrid(np.arange(count), np.arange(count)), -1).astype(np.float32)
    names = np.arange(count * count, dtype=np.int32).reshape(count, count)
    best = np.full((side, side), 9, np.float32)
    second = best.copy()
    owner = np.zeros((side, side), np.int32)
    flat = bool(rng.random() < 0.3)
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            dx = points[:, i + right, 0][j + down] - fx
            dy = points[:, i + right, 1][j + down] - fy
            far = np.abs(dx) + np.abs(dy) if flat else dx * dx + dy * dy
            nearer = far < best
            second = np.where(nearer, best, np.minimum(second, far))
            best = np.where(nearer, far, best)
            np.copyto(owner, names[:, i + right][j + down], where=nearer)
    stones = palette(rng, int(rng.integers(4, 30)))
    picture = stones[rng.integers(0, len(stones), count * count)[owner]]
    if rng.random() < 0.5:
        picture[(second - best) * pitch < rng.uniform(1, 4)] = colour(rng)
    return picture


def stars(side: int, rng: Rng, fonts: Fonts) -> Picture:
    """A night sky: points of one blur and all brightnesses over a faint glow."""
    sky = smooth(side, rng, 3)[..., None] * rng.uniform(0, 40, 3).astype(np.float32) + rng.uniform(0, 12, 3).astype(
        np.float32
    )
    number = int(side * side * rng.uniform(0.0004, 0.006))
    spread = float(rng.uniform(0.45, 1.6))
    reach = np.arange(-5, 6)
    top, left = rng.uniform(5, side - 6, (2, number))
    rows = np.round(top).astype(np.int64)[:, None] + reach
    columns = np.round(left).astype(np.int64)[:, None] + reach
    down = np.exp(-((rows - top[:, None]) ** 2) / (2 * spread**2))
    across = np.exp(-((columns - left[:, None]) ** 2) / (2 * spread**2))
    light = np.minimum(400, 12 * rng.pareto(0.8, number) + 8)
    hue = 1 - 0.4 * rng.random((number, 3)) * (rng.random() < 0.7)
    flux = (light[:, None, None] * down[:, :, None] * across[:, None, :])[..., None] * hue[:, None, None, :]
    np.add.at(sky, (rows[:, :, None], columns[:, None, :]), flux.astype(np.float32))
    return sky.clip(0, 255).astype(np.uint8)


def gradient(side: int, rng: Rng, fonts: Fonts) -> Picture:
    """A smooth slope or hills of two or three colours."""
    ends = rng.integers(0, 256, (3, 3)).astype(np.float32)
    if rng.random() < 0.5:
        u, _ = turned(side, float(rng.uniform(0, 2 * np.pi)))
        share = (u - u.min()) / np.float32(np.ptp(u))
    else:
        share = smooth(side, rng, int(rng.integers(1, 4)))
    picture = ends[0] + (ends[1] - ends[0]) * share[..., None] + (ends[2] - ends[0]) * (share[..., None] ** 2) * 0.5
    result: Picture = (picture.clip(0, 255) + 0.49).astype(np.uint8)
    return result


def specks(side: int, rng: Rng, fonts: Fonts) -> Picture:
    """Single pixels on a flat ground, and at most a small field of random ones."""
    picture = np.empty((side, side, 3), np.uint8)
    paper, ink = pair(rng)
    picture[:] = paper
    number = int(side * side * rng.uniform(0.0005, 0.01))
    rows, columns = rng.integers(0, side, (2, number))
    picture[rows, columns] = ink if rng.random() < 0.5 else rng.integers(0, 256, (number, 3))
    for _ in range(int(rng.integers(0, 14))):
        # Lines one pixel wide, straight along a row or a column.
        place, start, length = (int(value) for value in rng.integers(0, side, 3))
        part = picture[place] if rng.random() < 0.5 else picture[:, place]
        part[start : start + length : int(rng.choice([1, 1, 2, 3]))] = ink
    if rng.random() < 0.6:
        field = max(8, side // 5)
        top, left = rng.integers(0, max(1, side - field), 2)
        picture[top : top + field, left : left + field] = palette(rng, int(rng.integers(2, 5)))[
            rng.integers(0, 2, (field, field))
        ]
    return picture


PATTERNS: dict[str, tuple[Kind, float]] = {
    "stripes": (stripes, 3), "checkers": (checkers, 2.5), "hatching": (hatching, 3), "engraving": (engraving, 3),
    "contours": (contours, 1.5), "rings": (rings, 2), "weave": (weave, 4), "knit": (knit, 2),
    "cells": (cells, 2), "stars": (stars, 2), "gradient": (gradient, 1.5), "specks": (specks, 2),
}  # fmt: skip
"""Patterns and how often each is drawn."""
