"""A result in the making: the model's residual, and which parts of it are done or previewed.

A canvas belongs to one picture and one `PictureSettings.base`, so that a result is never shown for other settings than
its own. Pure numpy; one thread writes it, others may read what is done.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from denoise_ae.desktop.picture.document import Version
from denoise_ae.desktop.picture.pyramid import level_count, level_shape, refresh
from denoise_ae.desktop.picture.settings import PictureSettings
from denoise_ae.pixels.convert import chunks, from_unit, join_alpha, split_alpha, to_unit
from denoise_ae.pixels.opponent import apply_change
from denoise_ae.restoration.cleaning import Strength, mean_level
from denoise_ae.restoration.denoiser import Residual

CELL = 128
"""Side in pixels of the squares that are marked as done."""

GROWTH = (1, 10)
"""Sides in cells of the parts that are cleaned one after another. The first one comes soon; the others are as large as
a tile, since the network reads a margin around each: many small ones would take twice as long in all."""

Window = tuple[slice, slice]
"""Rows and columns, with starts and stops."""


class Canvas:
    """The residual of one picture with one model and level.

    Args:
        pixels: the picture, as stored: HxW, HxWx2, HxWx3 or HxWx4.
        settings: with a strength of at least 1, see `PictureSettings.base`.

    Attributes:
        levels: the residual on the scale of 0 to 1, height x width x channels, and its reductions by 2, 4, 8 ...
        done: bool, one for each cell of 128 x 128 pixels.
        previewed: the same for cells that hold a preview, or did until they were done.
        sigma: the picture's noise in 8-bit steps, as given or estimated; None while unknown.
        base: what the residual is added to; None while unknown.
    """

    def __init__(self, pixels: NDArray[Any], settings: PictureSettings) -> None:
        self.settings = settings
        self.height, self.width = pixels.shape[:2]
        colour, _ = split_alpha(pixels)
        channels = 1 if colour.ndim == 2 else 3
        # Half precision errs by 0.02 of an 8-bit step at most, where a residual is large.
        kind = np.float32 if pixels.dtype.kind == "f" else np.float16
        self.levels: list[NDArray[Any]] = [
            np.zeros((*level_shape(self.height, self.width, level), channels), kind)
            for level in range(level_count(self.height, self.width))
        ]
        self.done = np.zeros((-(-self.height // CELL), -(-self.width // CELL)), np.bool_)
        self.previewed = np.zeros_like(self.done)
        self.sigma = settings.sigma
        self.base: Version | None = None
        self._estimates: list[NDArray[np.float32]] = []
        self._parts = 0

    @property
    def complete(self) -> bool:
        """Whether all of it is clean."""
        return bool(self.done.all())

    @property
    def share(self) -> float:
        """How much of it is clean, 0 to 1."""
        return float(self.done.mean())

    @property
    def bytes(self) -> int:
        """Memory taken."""
        return sum(level.nbytes for level in self.levels)

    def cells(self, seen: Window) -> Window:
        """Return the rows and columns of cells that a part of the picture touches."""
        rows, columns = (
            slice(max(0, part.start // CELL), min(-(-part.stop // CELL), count))
            for part, count in zip(seen, self.done.shape, strict=True)
        )
        return rows, columns

    def restart_growth(self) -> None:
        """Make the next part a small one again: someone waits for it."""
        self._parts = 0

    def is_done(self, seen: Window) -> bool:
        """Return whether all of a part is clean."""
        return bool(self.done[self.cells(seen)].all())

    def next_window(self, seen: Window | None, focus: tuple[float, float]) -> Window | None:
        """Choose what to clean next: what is visible, nearest to the focus first, then the rest; None: all is done.

        Args:
            seen: visible part of the picture; None: nothing.
            focus: row and column of the focus, in pixels.
        """
        where = self.cells(seen) if seen is not None else (slice(0, 0), slice(0, 0))
        if self.done[where].all():
            where = slice(0, self.done.shape[0]), slice(0, self.done.shape[1])
        missing = np.argwhere(~self.done[where]) + np.array([where[0].start, where[1].start])
        if not len(missing):
            return None
        distance = np.abs((missing + 0.5) * CELL - focus).max(axis=1)
        row, column = missing[distance.argmin()]
        side = GROWTH[min(self._parts, len(GROWTH) - 1)]
        self._parts += 1
        return self._grown(where, int(row), int(column), side)

    def next_preview(self, seen: Window | None, least: int, most: int) -> Window | None:
        """Choose what to preview: what is visible and neither clean nor previewed; None if that isn't worth it.

        Args:
            seen: visible part of the picture; None: nothing.
            least: fewest pixels that are worth it.
            most: most pixels that are worth it.
        """
        if seen is None:
            return None
        where = self.cells(seen)
        missing = np.argwhere(~(self.done | self.previewed)[where])
        if not len(missing):
            return None
        starts, stops = missing.min(axis=0), missing.max(axis=0) + 1
        rows, columns = (
            slice((part.start + int(start)) * CELL, min((part.start + int(stop)) * CELL, length))
            for part, start, stop, length in zip(where, starts, stops, (self.height, self.width), strict=True)
        )
        pixels = (rows.stop - rows.start) * (columns.stop - columns.start)
        return (rows, columns) if least <= pixels <= most else None

    def put_preview(self, window: Window, taken: NDArray[np.float32]) -> None:
        """Store the approximate residual of a part, where it isn't done."""
        cells = self.cells(window)
        done = self.done[cells].repeat(CELL, axis=0).repeat(CELL, axis=1)[: taken.shape[0], : taken.shape[1]]
        np.copyto(self.levels[0][window], taken, where=~done[..., None], casting="same_kind")
        refresh(self.levels, window)
        self.previewed[cells] = True

    def _grown(self, where: Window, row: int, column: int, side: int) -> Window:
        """Grow a part from a cell, up to a number of cells on a side, over what is mostly not done.

        Some cells are computed twice if that makes fewer parts.
        """

        def wanted(rows: slice, columns: slice) -> bool:
            return bool(self.done[rows, columns].mean() <= 0.5)

        top, bottom, left, right = row, row + 1, column, column + 1
        grows = True
        while grows:
            grows = False
            if bottom - top < side:
                if bottom < where[0].stop and wanted(slice(bottom, bottom + 1), slice(left, right)):
                    bottom, grows = bottom + 1, True
                elif top > where[0].start and wanted(slice(top - 1, top), slice(left, right)):
                    top, grows = top - 1, True
            if right - left < side:
                if right < where[1].stop and wanted(slice(top, bottom), slice(right, right + 1)):
                    right, grows = right + 1, True
                elif left > where[1].start and wanted(slice(top, bottom), slice(left - 1, left)):
                    left, grows = left - 1, True
        return (
            slice(top * CELL, min(bottom * CELL, self.height)),
            slice(left * CELL, min(right * CELL, self.width)),
        )

    def put(self, window: Window, residual: Residual) -> None:
        """Store the residual of a part."""
        self.levels[0][window] = residual.pixels
        refresh(self.levels, window)
        if residual.levels.size:
            self._estimates.append(residual.levels)
            if self.settings.sigma is None:
                self.sigma = mean_level(np.concatenate(self._estimates))
        self.done[self.cells(window)] = True

    def result(self, pixels: NDArray[Any], mix: Strength) -> NDArray[Any]:
        """Return the picture plus a share of the residual: the same as `Denoiser.clean` within 1 step of 255.

        Args:
            pixels: the picture that the canvas was made of; not changed.
            mix: the shares, 0 to 1.
        """
        pixels = self.base.pixels if self.base else pixels
        result = pixels.copy()
        if mix:
            for before, after, taken in zip(chunks(pixels), chunks(result), chunks(self.levels[0]), strict=True):
                after[:] = apply(before, taken, mix)
        return result


def apply(pixels: NDArray[Any], taken: NDArray[Any], mix: Strength) -> NDArray[Any]:
    """Add a share of a residual HxWxC to pixels of any type; alpha stays."""
    colour, alpha = split_alpha(pixels)
    clean = to_unit(colour)
    add_share(clean[..., None] if clean.ndim == 2 else clean, taken, mix, floating=pixels.dtype.kind == "f")
    return join_alpha(from_unit(clean, pixels.dtype), alpha)


def add_share(colour: NDArray[np.float32], taken: NDArray[Any], mix: Strength, *, floating: bool = False) -> None:
    """Add a share of a residual to a colour, both HxWxC on the scale of 0 to 1, in place; see `apply_change`."""
    planes, change = (each.transpose(2, 0, 1)[None] for each in (colour, taken.astype(np.float32)))
    apply_change(planes, change, mix.luma, mix.chroma, floating=floating)
