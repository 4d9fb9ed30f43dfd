"""Infer channels, size multiple and receptive field of a foreign ONNX model by running it.

The value range can't be inferred: 0 to 1 is assumed, and the card says so.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from denoise_ae.errors import ModelError
from denoise_ae.modelfiles.card import ModelCard
from denoise_ae.pixels.tiling import round_up

Batch = NDArray[np.float32]
Run = Callable[[Batch], Batch]
"""Runs the network on NxCxHxW; raises ModelError if it fails or gives another shape."""

MULTIPLES = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 24, 32, 48, 64)
"""Size multiples to try; the first that works is taken."""

_PRIMES = (3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59)
_TRIAL_SIDE = 48
_LENGTHS = (128, 256, 512)
_TOLERANCE = 1e-6


def probe(run: Run, name: str, channels: int | None, fixed_size: tuple[int, int] | None) -> ModelCard:
    """Run a network on trial pictures, and return a card of what was inferred.

    Args:
        run: the network, on pictures of 0 to 1.
        name: for the card.
        channels: as its input declares; None if open.
        fixed_size: height and width as its input declares; None if open.

    Raises:
        ModelError: it fails on every size tried; with the reason of the last failure.
    """
    failure: ModelError | None = None
    for count in (channels,) if channels else (3, 1):
        try:
            return _probe_channels(run, name, count, fixed_size)
        except ModelError as error:
            failure = failure or error
    assert failure is not None
    raise failure


def _probe_channels(run: Run, name: str, channels: int, fixed_size: tuple[int, int] | None) -> ModelCard:
    note = "Has no card by denoise-ae: a value range of 0 to 1 is assumed, the rest was inferred by trial runs."
    if fixed_size is not None:
        run(np.full((1, channels, *fixed_size), 0.5, np.float32))
        return ModelCard(name, note, channels, fixed_size=fixed_size)
    multiple = _size_multiple(run, channels)
    smallest = _min_size(run, channels, multiple)
    reach = max(_reach(run, channels, multiple, smallest, axis) for axis in (2, 3))
    if reach >= _LENGTHS[-1] // 2 - multiple:
        note += f" It sees {reach} pixels or more in each direction, so that tiles may leave seams."
    return ModelCard(name, note, channels, size_multiple=multiple, min_size=smallest, receptive_field=2 * reach + 1)


def _size_multiple(run: Run, channels: int) -> int:
    failure: ModelError | None = None
    for multiple in MULTIPLES:
        # Two different primes times the multiple: sides that share no other useful multiple.
        primes = [prime for prime in _PRIMES if prime * multiple >= _TRIAL_SIDE][:2]
        height, width = (prime * multiple for prime in primes)
        try:
            run(np.full((1, channels, height, width), 0.5, np.float32))
        except ModelError as error:
            failure = error
        else:
            return multiple
    assert failure is not None
    raise failure


def _min_size(run: Run, channels: int, multiple: int) -> int:
    """Find the smallest side, a multiple times a power of two: reflection padding, for one, needs some pixels."""
    side = multiple
    while side < _TRIAL_SIDE:
        try:
            run(np.full((1, channels, side, side), 0.5, np.float32))
        except ModelError:
            side *= 2
        else:
            return side
    return round_up(_TRIAL_SIDE, multiple)


def _reach(run: Run, channels: int, multiple: int, smallest: int, axis: int) -> int:
    """Find how far along one axis a change of the input reaches in the output.

    In a strip of random pixels, a band as wide as the size multiple, aligned to it, is changed. Tiles are aligned to it
    too, so this is what an overlap must cover, whatever the pooling grid.
    """
    generator = np.random.default_rng(0)
    thickness = round_up(max(smallest, 16), multiple)
    reach = 0
    for length in _LENGTHS:
        start = round_up(length // 2, multiple)
        size = round_up(length, 2 * multiple)
        shape = (1, channels, size, thickness) if axis == 2 else (1, channels, thickness, size)
        band = slice(start, start + multiple)
        reach = 0
        for _ in range(2):  # activations that are off with one random strip may be on with another
            strip = generator.random(shape, dtype=np.float32)
            changed = strip.copy()
            where = changed.swapaxes(axis, 0)[band]
            where[:] = 1 - where
            difference = np.abs(run(changed) - run(strip)).max(axis=tuple({0, 1, 2, 3} - {axis}))
            seen = np.flatnonzero(difference > _TOLERANCE)
            if seen.size:
                reach = max(reach, band.start - int(seen[0]), int(seen[-1]) - (band.stop - 1))
        if reach < min(band.start, size - band.stop):
            return reach
    return reach
