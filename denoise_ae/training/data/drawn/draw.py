"""Draw pictures that are no photographs, for training.

A denoiser that saw photographs alone takes small print, codes, pixel art and cloth for noise.  These drawings teach it
otherwise.  Each picture is one kind, several side by side, or one upon another, sometimes turned, resized or faint.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from denoise_ae.training.data.drawn.base import Kind, Picture, colour, pair, smooth
from denoise_ae.training.data.drawn.figures import FIGURES
from denoise_ae.training.data.drawn.fonts import find_fonts, pick_pen, write
from denoise_ae.training.data.drawn.pages import PAGES
from denoise_ae.training.data.drawn.patterns import PATTERNS, gradient
from denoise_ae.training.data.drawn.pixels import PIXELS
from denoise_ae.training.data.drawn.screens import SCREENS

__all__ = ["KINDS", "draw_picture", "find_fonts"]

_WEIGHTED = {**PAGES, **FIGURES, **PATTERNS, **SCREENS, **PIXELS}
KINDS: dict[str, Kind] = {name: kind for name, (kind, _) in _WEIGHTED.items()}
"""All kinds by name."""
_KINDS = tuple(KINDS.values())
_SHARES = np.array([weight for _, weight in _WEIGHTED.values()])
_SHARES /= _SHARES.sum()
_RESAMPLINGS = (
    Image.Resampling.BILINEAR,
    Image.Resampling.BICUBIC,
    Image.Resampling.LANCZOS,
    Image.Resampling.BOX,
    Image.Resampling.NEAREST,
)


SMALLEST_DRAWING = 48
"""Side in pixels of the smallest picture that can be drawn."""


def draw_picture(side: int, rng: np.random.Generator, fonts: Sequence[Path]) -> Picture:
    """Draw one picture.

    Args:
        side: its width and height in pixels, 48 or more.
        rng: where all chance comes from: the same one in the same state draws the same.
        fonts: what `find_fonts` found; without any, Pillow's own font writes.

    Returns:
        8-bit RGB levels, side x side x 3.
    """
    chance = rng.random()
    if chance < 0.5 or side < 96:
        picture = _single(side, rng, fonts)
    elif chance < 0.75:
        picture = _side_by_side(side, rng, fonts)
    elif chance < 0.9:
        picture = _inset(side, rng, fonts)
    else:
        picture = _written_over(_single(side, rng, fonts), rng, fonts)
    return _faint(picture, rng) if rng.random() < 0.12 else picture


def _kind(rng: np.random.Generator) -> Kind:
    return _KINDS[int(rng.choice(len(_KINDS), p=_SHARES))]


def _single(side: int, rng: np.random.Generator, fonts: Sequence[Path]) -> Picture:
    # One kind, as it is drawn or as scanners, printers and browsers show it: turned, resized, soft.
    kind = _kind(rng)
    chance = rng.random()
    if chance < 0.62:
        return kind(side, rng, fonts)
    if chance < 0.72:
        angle = float(rng.normal(0, 3)) if rng.random() < 0.7 else float(rng.uniform(0, 360))
        larger = int(side * 1.42) + 4 if abs(angle) > 8 else int(side * 1.15) + 4
        image = Image.fromarray(kind(larger, rng, fonts)).rotate(angle, Image.Resampling.BICUBIC)
        edge = (larger - side) // 2
        return np.array(image.crop((edge, edge, edge + side, edge + side)), np.uint8)
    if chance < 0.88:
        # Mostly smaller or larger by a little; nearest gives blocks of uneven size.
        low, high = ((0.55, 1), (1, 1.3), (1.3, 2))[int(rng.choice(3, p=[0.5, 0.38, 0.12]))]
        before = max(48, int(side * rng.uniform(low, high)))
        filter_ = _RESAMPLINGS[int(rng.integers(len(_RESAMPLINGS)))]
        return np.array(Image.fromarray(kind(before, rng, fonts)).resize((side, side), filter_), np.uint8)
    image = Image.fromarray(kind(side, rng, fonts)).filter(ImageFilter.GaussianBlur(float(rng.uniform(0.3, 0.9))))
    return np.array(image, np.uint8)


def _side_by_side(side: int, rng: np.random.Generator, fonts: Sequence[Path]) -> Picture:
    # Two to four fields, straight edges between them; one of them often smooth or flat.
    picture = np.empty((side, side, 3), np.uint8)
    middle = int(side * rng.uniform(0.3, 0.7))
    cross = int(side * rng.uniform(0.3, 0.7)) if rng.random() < 0.5 else side
    for top, bottom in ((0, middle), (middle, side)):
        for left, right in ((0, cross), (cross, side)):
            high, wide = bottom - top, right - left
            if wide == 0:
                continue
            extent = max(high, wide, 48)
            chance = rng.random()
            if chance < 0.15:
                field = gradient(extent, rng, fonts)
            elif chance < 0.2:
                field = np.full((extent, extent, 3), colour(rng), np.uint8)
            else:
                field = _single(extent, rng, fonts)
            picture[top:bottom, left:right] = field[:high, :wide]
    return picture if rng.random() < 0.5 else np.ascontiguousarray(picture.transpose(1, 0, 2))


def _inset(side: int, rng: np.random.Generator, fonts: Sequence[Path]) -> Picture:
    # A small drawing within a large one, or a large one's share that a soft-edged mask lets through.
    picture = _single(side, rng, fonts) if rng.random() < 0.7 else gradient(side, rng, fonts)
    if rng.random() < 0.3:
        other = _single(side, rng, fonts)
        steep = float(rng.choice([4, 1000]))
        mask = np.clip((smooth(side, rng, int(rng.integers(2, 6)))[..., None] - 0.5) * steep + 0.5, 0, 1)
        result: Picture = (picture * (1 - mask) + other * mask + np.float32(0.5)).astype(np.uint8)
        return result
    for _ in range(int(rng.integers(1, 4))):
        extent = int(rng.integers(48, max(49, int(side * 0.6))))
        top, left = rng.integers(0, side - extent + 1, 2)
        part = picture[top : top + extent, left : left + extent]
        margin = int(rng.choice([0, 2, 6]))
        part[:] = pair(rng)[0]
        inner = slice(margin, extent - margin)
        part[inner, inner] = _single(extent, rng, fonts)[inner, inner]
    return picture


def _written_over(picture: Picture, rng: np.random.Generator, fonts: Sequence[Path]) -> Picture:
    # Captions upon a pattern, some with an outline.
    image = Image.fromarray(picture)
    draw = ImageDraw.Draw(image)
    side = len(picture)
    for _ in range(int(rng.integers(2, 9))):
        pen = pick_pen(rng, fonts, int(rng.integers(9, 41)))
        place = (int(rng.integers(-20, side)), int(rng.integers(-5, side)))
        text = pen.words(rng, int(rng.integers(4, 24)))
        edge = int(rng.choice([0, 0, 1, 2]))
        write(draw, place, text, pen, ink=colour(rng), halo=edge, around=colour(rng))
    return np.array(image, np.uint8)


def _faint(picture: Picture, rng: np.random.Generator) -> Picture:
    # Less contrast, about a gray or a colour: old print, haze, disabled buttons.
    share = float(rng.uniform(0.08, 0.7))
    ground = np.array(colour(rng), np.float32)
    table = np.arange(256, dtype=np.float32)[:, None] * share + ground * (1 - share)
    channels = [table[:, channel].astype(np.uint8)[picture[..., channel]] for channel in range(3)]
    return np.stack(channels, -1)
