"""What the scripts here share: a noisy picture, ways that take turns, figures with their range, Markdown tables."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

SIGMA = 15
"""Standard deviation of the noise in `noisy_picture`, in 8-bit steps."""

BAND = 500


def noisy_picture(megapixels: float, seed: int = 0) -> NDArray[np.uint8]:
    """Make an RGB picture of 4:3 as a camera might: smooth areas, edges, grain."""
    height = round((megapixels * 1e6 * 3 / 4) ** 0.5)
    width = round(megapixels * 1e6 / height)
    random = np.random.default_rng(seed)
    pixels = np.empty((height, width, 3), np.uint8)
    x = np.arange(width)
    for top in range(0, height, BAND):  # the floats of a large picture would not fit into memory
        band = pixels[top : top + BAND]
        y = np.arange(top, top + len(band))[:, None]
        scene = 110 + 60 * np.sin(x / 90) * np.cos(y / 70) + 40 * ((x // 160 + y // 120) % 2)
        noise = SIGMA * random.standard_normal(band.shape, dtype=np.float32)
        band[:] = np.clip(scene[..., None] + noise, 0, 255)
    return pixels


def take_turns(ways: Sequence[Callable[[], object]], rounds: int) -> NDArray[np.float64]:
    """Time several ways in turn, so that whatever else the machine does hits all of them.

    Nothing is run to warm up: with three rounds or more the median passes over a slow first one.

    Returns:
        Seconds, rounds x ways.
    """
    seconds = np.empty((rounds, len(ways)))
    for turn in seconds:
        for index, way in enumerate(ways):
            begin = time.perf_counter()
            way()
            turn[index] = time.perf_counter() - begin
    return seconds


def spread(values: NDArray[np.float64]) -> str:
    """Write the median of some values and, behind it, the lowest and the highest."""
    return f"{np.median(values):.2f} ({values.min():.2f} to {values.max():.2f})"


def print_row(cells: Sequence[object]) -> None:
    """Print a row of a Markdown table, at once."""
    print(f"| {' | '.join(map(str, cells))} |", flush=True)


def print_head(cells: Sequence[str]) -> None:
    """Print the head of a Markdown table."""
    print_row(cells)
    print_row(["---"] * len(cells))
