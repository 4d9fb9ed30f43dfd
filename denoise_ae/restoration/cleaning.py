"""Clean tiles with a network, and sum up what it removed and which noise level it estimated."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from denoise_ae.pixels.convert import split_alpha
from denoise_ae.pixels.masked import Floats, MaskedImage
from denoise_ae.pixels.opponent import apply_change, luma_of
from denoise_ae.pixels.tiling import Tile
from denoise_ae.restoration.guard import Guard
from denoise_ae.restoration.tiled import map_concurrently

LARGEST_NOISE = 4.0
"""Most that is removed from a pixel, in standard deviations of a given noise level: what lies beyond, 1 of 16,000
values of Gaussian noise, counts as picture. Hence a picture cleaned at level 0 comes back unchanged."""

Run = Callable[[Floats, float | None], tuple[Floats, Floats | None]]
"""Runs the network on pictures NxCxHxW, 0 to 1, with the noise level on the same scale (None without one, -x for x
times its own estimate); gives the clean pictures and, if it estimates them, the levels N x cells."""

Keep = Callable[[Tile, Floats, Floats], None]
"""Takes a tile and what is kept of it, noisy and clean: channels x height x width."""


_SMOOTH_SHARE = 1 / 3

NOTICEABLE = 8
"""Difference of a pixel in 8-bit steps that counts as changed noticeably."""


def smooth_level(levels: NDArray[np.floating[Any]]) -> float:
    """Return the noise level that a third of the picture stays below; 0 without any level.

    The best guess at noise that is alike everywhere: estimates in finely textured areas are uncertain and rather too
    high, and most pictures are smooth for a third. What a picture was cleaned for is its `mean_level`.
    """
    return float(np.quantile(levels, _SMOOTH_SHARE)) if levels.size else 0.0


def mean_level(levels: NDArray[np.floating[Any]]) -> float:
    """Return the noise level that a picture was cleaned for, in the mean over its area; 0 without any level."""
    return float(levels.mean()) if levels.size else 0.0


@dataclass(frozen=True)
class Strength:
    """How much noise is removed, 0 (none) to 1.5: from the luminance, and from the colour; see `pixels.opponent`."""

    luma: float = 1.0
    chroma: float = 1.0

    def __bool__(self) -> bool:
        """Return whether anything is removed at all."""
        return bool(self.luma or self.chroma)


@dataclass(frozen=True)
class Statistics:
    """What a network removed from tiles, and the levels it estimated, on the scale of 0 to 1."""

    pixels: int
    squares: float
    """Sum over the pixels of the squares of what the network removed."""
    applied_squares: float
    """The same of what was removed in fact, at the strength that was asked for."""
    noticeable: int
    """Pixels that changed by more than `NOTICEABLE` in any channel."""
    spared: int
    """Pixels that would have changed so, had they not looked drawn."""
    levels: Floats
    """Estimated noise levels, one for each cell; empty if the network does not estimate them."""

    @property
    def level(self) -> float:
        """The mean noise level in 8-bit steps."""
        return 255 * mean_level(self.levels)

    @property
    def smooth_level(self) -> float:
        """The noise level of the smooth parts in 8-bit steps."""
        return 255 * smooth_level(self.levels)

    @property
    def change(self) -> float:
        """The root mean square of what the network removed, in 8-bit steps."""
        return 255 * math.sqrt(self.squares / self.pixels)

    @property
    def applied(self) -> float:
        """The root mean square of what was removed in fact, in 8-bit steps."""
        return 255 * math.sqrt(self.applied_squares / self.pixels)

    @property
    def share(self) -> float:
        """The share of the pixels that changed noticeably, 0 to 1."""
        return self.noticeable / self.pixels


def clean_tiles(
    run: Run,
    masked: MaskedImage,
    tiles: list[Tile],
    keep: Keep,
    *,
    sigma: float | None,
    strength: Strength,
    guard: Guard | None,
    batch_pixels: int,
    workers: int,
    progress: Callable[[int, int], None] | None = None,
) -> Statistics:
    """Clean a picture tile by tile.

    Args:
        run: the network.
        masked: the picture.
        tiles: all of one size.
        keep: takes the result of each tile.
        sigma: noise level that the network is given, see `Run`.
        strength: up to 1 the share of the network's change that is applied. Beyond 1, a higher noise level for networks
            that are given one or estimate it, more of the change for the others.
        guard: leaves alone what is drawn; None: nothing.
        batch_pixels: pixels of the tiles that go through the network together.
        workers: batches in work at once.
        progress: called with (tiles done, tiles in all) after each run of the network.
    """
    # Small tiles, as the cells of a sheet, go through the network together.
    height, width = tiles[0].size
    count = max(1, batch_pixels // (height * width))
    batches = [tiles[start : start + count] for start in range(0, len(tiles), count)]

    def clean_batch(batch: list[Tile]) -> list[Statistics]:
        noisy = np.empty((len(batch), masked.channels, height, width), np.float32)
        for tile, planes in zip(batch, noisy, strict=True):
            masked.read(*tile.read, planes)
        clean, levels = run(noisy, _raised(sigma, strength.luma))
        shares = [guard.share(tile) if guard else None for tile in batch]
        spared = [_spare(*place) for place in zip(clean, noisy, shares, batch, strict=True)]
        squares = [_square_sum(clean[index], noisy[index], tile) for index, tile in enumerate(batch)]
        _limit(noisy, clean, _raised(sigma, strength.luma))
        if sigma is not None and masked.channels == 3 and max(1, strength.luma) != max(1, strength.chroma):
            other, _ = run(noisy, _raised(sigma, strength.chroma))
            for place in zip(other, noisy, shares, batch, strict=True):
                _spare(*place)
            _limit(noisy, other, _raised(sigma, strength.chroma))
            _take_chroma(clean, other)
        most = np.inf if sigma is None else 1.0
        luma, chroma = min(most, strength.luma), min(most, strength.chroma)
        if (luma, chroma) != (1, 1):
            clean -= noisy
            apply_change(mixed := noisy.copy(), clean, luma, chroma, floating=masked.floating)
            clean = mixed
        statistics = []
        for index, tile in enumerate(batch):
            before, after = noisy[index][:, *tile.kept], clean[index][:, *tile.kept]
            removed = after - before
            applied = float(np.vdot(removed, removed)) / len(removed)
            noticeable = int(np.count_nonzero((np.abs(removed, out=removed) > NOTICEABLE / 255).any(axis=0)))
            cells = _kept_cells(levels, index, tile, shares[index])
            statistics.append(Statistics(_area(tile), squares[index], applied, noticeable, spared[index], cells))
            keep(tile, before, after)
        return statistics

    found: list[Statistics] = []
    with closing(map_concurrently(clean_batch, batches, workers)) as results:
        for statistics in results:
            found += statistics
            if progress is not None:
                progress(len(found), len(tiles))
    return Statistics(
        sum(part.pixels for part in found),
        sum(part.squares for part in found),
        sum(part.applied_squares for part in found),
        sum(part.noticeable for part in found),
        sum(part.spared for part in found),
        np.concatenate([part.levels for part in found]),
    )


def write_into(masked: MaskedImage, result: NDArray[Any]) -> Keep:
    """Return what writes clean tiles straight into `result`, a copy of the picture."""
    colour, _ = split_alpha(result)

    def keep(tile: Tile, _: Floats, clean: Floats) -> None:
        masked.write(colour, clean, *tile.write)

    return keep


def _raised(sigma: float | None, strength: float) -> float | None:
    """Return the noise level for a network at a strength: raised where that is above 1."""
    return sigma if sigma is None else sigma * max(1.0, strength)


def _limit(noisy: Floats, clean: Floats, sigma: float | None) -> None:
    """Clip the change to what noise of a given level can be, in place."""
    if sigma is None or sigma < 0:
        return
    reach = np.float32(LARGEST_NOISE * sigma)
    clean -= noisy
    np.clip(clean, -reach, reach, out=clean)
    clean += noisy


def _take_chroma(clean: Floats, other: Floats) -> None:
    """Give pictures Nx3xHxW the chroma of others, in place; their luma stays."""
    other -= clean
    other -= luma_of(other)
    clean += other


def _spare(clean: Floats, noisy: Floats, share: Floats | None, tile: Tile) -> int:
    """Undo what a network did where a picture is drawn, in place; planes are channels x height x width.

    Returns:
        How many of the kept pixels it would have changed noticeably.
    """
    if share is None:
        return 0
    undone = (noisy - clean) * share
    clean += undone
    return int(np.count_nonzero((np.abs(undone[:, *tile.kept]) > NOTICEABLE / 255).any(axis=0)))


def _kept_cells(levels: Floats | None, index: int, tile: Tile, share: Floats | None) -> Floats:
    """Return those cells of a tile's map of noise levels that cover its kept pixels, flattened; 0 where drawn."""
    if levels is None:
        return np.empty(0, np.float32)
    cells = tuple(
        slice(kept.start * count // side, -(-kept.stop * count // side))
        for kept, count, side in zip(tile.kept, levels.shape[1:], tile.size, strict=True)
    )
    kept: Floats = levels[index][cells]
    if share is not None:
        height, width = (size // count for size, count in zip(tile.size, levels.shape[1:], strict=True))
        kept = kept * (1 - share[height // 2 :: height, width // 2 :: width][cells])
    return kept.ravel()


def _area(tile: Tile) -> int:
    rows, columns = tile.kept
    return int((rows.stop - rows.start) * (columns.stop - columns.start))


def _square_sum(clean: Floats, noisy: Floats, tile: Tile) -> float:
    """Sum the squares of what was removed over a tile's kept pixels, averaged over the channels."""
    removed = clean[:, *tile.kept] - noisy[:, *tile.kept]
    return float(np.vdot(removed, removed)) / len(clean)
