"""Simulated damage: strokes, spots and text, drawn until they cover a share of a picture.

One definition serves the command line, training and measuring, as in `denoise_ae.noise.corruptions`.
"""

from __future__ import annotations

import math
import string
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from denoise_ae.pixels.filters import draw_ellipse, draw_path, draw_text

Mask = NDArray[np.bool_]
_Canvas = NDArray[np.uint8]
_Drawer = Callable[[_Canvas, np.random.Generator], None]

THICKEST = 9
"""Largest width of a stroke in pixels."""

_LARGEST_SPOT = 6.0
"""Longest semi-axis of a spot in pixels."""

_STEP = 8.0
"""Pixels between the vertices of a stroke."""

_LETTERS = string.ascii_letters + string.digits + " .,:-"

_MOST = 20_000
"""Number of shapes after which drawing ends, however little is covered."""


def draw_mask(kind: str, height: int, width: int, share: float, generator: np.random.Generator) -> Mask:
    """Draw damage until it covers a share of a picture; the last shape may cover a little more.

    Args:
        kind: ``strokes`` (curved, 1 to 9 pixels wide, each with a width of its own), ``spots`` (ellipses of up to 13
            pixels) or ``text`` (words in letters of 8 to 40 pixels).
        height: of the picture.
        width: of the picture.
        share: of the pixels to cover, 0 to 0.5.
        generator: of the random shapes.

    Returns:
        HxW, true where the picture is covered.
    """
    canvas = np.zeros((height, width), np.uint8)
    wanted = share * height * width
    for _ in range(_MOST):
        if np.count_nonzero(canvas) >= wanted:
            break
        _DRAWERS[kind](canvas, generator)
    return canvas > 0


def _stroke(canvas: _Canvas, generator: np.random.Generator) -> None:
    """Draw a path that bends gently, as scratches and hairs do; some are straight."""
    height, width = canvas.shape
    # Log-uniform: thin strokes are more frequent.
    thickness = int((THICKEST + 1) ** generator.random())
    corners = 2 + int(generator.exponential(16))
    bend = generator.choice([0.0, 0.1, 0.5])
    turns = generator.uniform(0, 2 * math.pi) + np.cumsum(generator.normal(0, 1, corners) * bend)
    steps = _STEP * np.stack([np.cos(turns), np.sin(turns)], axis=1)
    start = generator.uniform((0, 0), (width, height))
    draw_path(canvas, np.rint(start + np.cumsum(steps, axis=0)).astype(np.int32), thickness)


def _spot(canvas: _Canvas, generator: np.random.Generator) -> None:
    height, width = canvas.shape
    centre = generator.uniform((0, 0), (width, height))
    axes = _LARGEST_SPOT ** generator.random(2)
    draw_ellipse(canvas, centre.tolist(), axes.tolist(), generator.uniform(0, 180))


def _text(canvas: _Canvas, generator: np.random.Generator) -> None:
    height, width = canvas.shape
    letters = "".join(generator.choice(list(_LETTERS), int(generator.integers(3, 25))))
    size = float(8 * 5 ** generator.random())
    # The text may begin outside, so that the left border gets as much of it as the right one.
    place = generator.uniform((-width / 2, 0), (width, height + size)).astype(int)
    draw_text(canvas, letters, place.tolist(), size, 1 + int(generator.integers(3) * size / 40))


_DRAWERS: dict[str, _Drawer] = {"strokes": _stroke, "spots": _spot, "text": _text}

KINDS: tuple[str, ...] = tuple(_DRAWERS)
"""Kinds of damage."""
