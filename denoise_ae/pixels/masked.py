"""Pixels to ignore: transparent, non-finite or masked, and what the network sees in their place.

The network needs a value everywhere, yet nothing of what an ignored pixel holds may leak into its neighbours. So
ignored pixels are filled from the others by a pull-push pyramid (Grossman and Dally, "Point Sample Rendering", 1998):
each takes the finest of the means over 2x2, 4x4, 8x8 ... pixels that saw anything. The blocks lie on a fixed grid, so
that a window read alone gets the same fill as in the whole picture.
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from denoise_ae.pixels.convert import from_unit, peak_of, split_alpha, store_unit, to_unit

Floats = NDArray[np.float32]

_LEVELS = 5
"""Pyramid levels that are built for each window; those above are built once."""

_BLOCK = 2**_LEVELS

BEYOND_BULK = 0.0005
"""Share of the pixels that may lie beyond either end of a picture's bulk of values: lamps, glints and hot pixels."""

_BULK_SAMPLE = 1_000_000

_LEAST_BLOCKS = 12
"""Fewer blocks make no sample."""


class MaskedImage:
    """A picture's colour as the network may see it, window by window.

    Args:
        image: HxW, HxWx2, HxWx3 or HxWx4; uint8, uint16 or float32. It is only read.
        mask: HxW, true for pixels to fill, which are ignored too.
        join_gray: let one channel stand for the three of RGB that is gray, so that they stay equal.

    Attributes:
        height: in pixels.
        width: in pixels.
        channels: of the colour, 1 or 3.
        floating: whether values may lie outside 0 to 1.
        has_ignored: whether any pixel is ignored.
        all_ignored: whether all are.
    """

    def __init__(self, image: NDArray[Any], mask: NDArray[np.bool_] | None = None, *, join_gray: bool = False) -> None:
        self._mask = mask
        self._corrections: tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp], Floats] | None = None
        colour, self._alpha = split_alpha(image)
        self._colour = colour[..., None] if colour.ndim == 2 else colour
        if join_gray and self._colour.shape[2] == 3 and _is_gray(self._colour):
            self._colour = self._colour[..., :1]
        self.height, self.width, self.channels = self._colour.shape
        self.floating = self._colour.dtype.kind == "f"
        strips = [slice(start, start + _BLOCK) for start in range(0, self.height, _BLOCK)]
        all_columns = slice(0, self.width)
        self.has_ignored = self._may_have_ignored() and any(self.ignored(strip, all_columns).any() for strip in strips)
        self.all_ignored = False
        if self.has_ignored:
            sums, counts = zip(*(self._block_sums(strip) for strip in strips), strict=True)
            total, self._counts = np.concatenate(sums), np.concatenate(counts)
            self.all_ignored = not self._counts.any()
            levels = max(total.shape[:2]).bit_length()
            self._blocks = _pull_push(total, self._counts, levels, np.zeros((1, 1, 1), np.float32))

    def correct(
        self, rows: NDArray[np.intp], columns: NDArray[np.intp], channels: NDArray[np.intp], values: Floats
    ) -> None:
        """Show other values in some places, such as those of hot pixels; the picture itself stays as it is.

        Args:
            rows: of the places.
            columns: of the places.
            channels: of the places, below `channels`.
            values: what is shown there, on the scale of 0 to 1.
        """
        order = np.argsort(rows, kind="stable")
        self._corrections = rows[order], columns[order], channels[order], values[order]

    def _correct(self, pixels: Floats, rows: slice, columns: slice) -> None:
        """Put the corrected values into a window, height x width x channels, in place."""
        if self._corrections is None:
            return
        first, last = np.searchsorted(self._corrections[0], (rows.start, rows.stop))
        down, across, channels, values = (part[first:last] for part in self._corrections)
        inside = (across >= columns.start) & (across < columns.stop)
        pixels[down[inside] - rows.start, across[inside] - columns.start, channels[inside]] = values[inside]

    def ignored(self, rows: slice, columns: slice) -> NDArray[np.bool_]:
        """Return which pixels of a window are ignored: bool, height x width."""
        ignored: NDArray[np.bool_] = ~np.isfinite(self._colour[rows, columns]).all(axis=2)
        if self._mask is not None:
            ignored |= self._mask[rows, columns]
        if self._alpha is not None:
            ignored |= self._alpha[rows, columns] == 0
        return ignored

    def stored(self, rows: slice, columns: slice) -> NDArray[Any]:
        """Return a window's values as they are stored, height x width x channels; not to be written to.

        Where pixels are ignored, they are filled as in `window`, and all values are on its scale.
        """
        return self.window(rows, columns) if self.has_ignored else self._colour[rows, columns]

    def pixels_at(self, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> NDArray[Any]:
        """Return the pixels in some places as they are stored, places x channels."""
        return np.asarray(self._colour[rows, columns])

    def window(self, rows: slice, columns: slice) -> Floats:
        """Return a window with ignored pixels filled: float32, height x width x channels, black at 0, white at 1."""
        if not self.has_ignored:
            pixels = to_unit(self._colour[rows, columns])
            self._correct(pixels, rows, columns)
            return pixels
        top, left = rows.start // _BLOCK, columns.start // _BLOCK
        bottom, right = -(-rows.stop // _BLOCK), -(-columns.stop // _BLOCK)
        total, count = self._sums(slice(top * _BLOCK, bottom * _BLOCK), slice(left * _BLOCK, right * _BLOCK))
        filled = _pull_push(total, count, _LEVELS, self._blocks[top:bottom, left:right])
        y, x = rows.start - top * _BLOCK, columns.start - left * _BLOCK
        pixels = filled[y : y + rows.stop - rows.start, x : x + columns.stop - columns.start]
        self._correct(pixels, rows, columns)
        return pixels

    def read(self, rows: slice, columns: slice, out: Floats) -> None:
        """Read a window as `window` does into planes, channels x height x width.

        Beyond the picture's lower and right borders the picture is mirrored.
        """
        bottom, right = min(rows.stop, self.height), min(columns.stop, self.width)
        whole = (bottom, right) == (rows.stop, columns.stop)
        if whole and not self.has_ignored:
            colour = self._colour[rows, columns].transpose(2, 0, 1)
            np.divide(colour, np.float32(peak_of(colour.dtype)), out=out, dtype=np.float32)
            self._correct(out.transpose(1, 2, 0), rows, columns)
            return
        window = self.window(slice(rows.start, bottom), slice(columns.start, right))
        border = (0, rows.stop - bottom), (0, columns.stop - right), (0, 0)
        out[:] = (window if whole else np.pad(window, border, mode="symmetric")).transpose(2, 0, 1)

    def write(self, colour: NDArray[Any], planes: Floats, rows: slice, columns: slice) -> None:
        """Write a window's result into a picture's colour.

        With a mask, only masked pixels are written; without one, all but the ignored ones. Transparent pixels stay.

        Args:
            colour: the picture to write to, HxW or HxWxC.
            planes: the result, channels x height x width, 0 to 1; overwritten.
            rows: of the window.
            columns: of the window.
        """
        target = (colour[..., None] if colour.ndim == 2 else colour)[rows, columns]
        pixels = planes.transpose(1, 2, 0)
        if self.has_ignored:
            np.copyto(target, from_unit(pixels, target.dtype), where=self._writable(rows, columns)[..., None])
        else:
            store_unit(pixels, target)

    def _writable(self, rows: slice, columns: slice) -> NDArray[np.bool_]:
        """Return which pixels of a window get a result: bool, height x width."""
        if self._mask is None:
            return ~self.ignored(rows, columns)
        mask = self._mask[rows, columns]
        return mask if self._alpha is None else mask & (self._alpha[rows, columns] != 0)

    def sample(self, pixels: int) -> Floats:
        """Return at most about this many pixels for statistics: height x width x channels, 0 to 1.

        Large pictures and those with ignored pixels give blocks without any, spread evenly over the picture and joined
        side by side.
        """
        if self.height * self.width <= pixels and not self.has_ignored:
            return self.window(slice(0, self.height), slice(0, self.width))
        blocks = self._whole_blocks()
        if len(blocks) < _LEAST_BLOCKS:  # the picture is thin, or nearly all of it is ignored
            height = min(self.height, max(math.isqrt(pixels), pixels // self.width))
            width = min(self.width, pixels // height)
            top, left = (self.height - height) // 2, (self.width - width) // 2
            return self.window(slice(top, top + height), slice(left, left + width))
        chosen = np.linspace(0, len(blocks) - 1, min(len(blocks), pixels // _BLOCK**2)).astype(int)
        corners = (blocks[chosen] * _BLOCK).tolist()
        return np.concatenate(
            [self.window(slice(top, top + _BLOCK), slice(left, left + _BLOCK)) for top, left in corners], axis=1
        )

    @cached_property
    def bulk(self) -> tuple[float, float]:
        """The values that all pixels but `BEYOND_BULK` lie between, on 0 to 1; sampled once, not for each window."""
        sample = self.sample(_BULK_SAMPLE)
        low, high = np.quantile(sample.min(axis=2), BEYOND_BULK), np.quantile(sample.max(axis=2), 1 - BEYOND_BULK)
        return float(low), float(high)

    def parts(self, count: int, side: int) -> list[Floats]:
        """Return up to `count` squares without ignored pixels, spread evenly: side x side x channels, 0 to 1.

        In a picture smaller than `side` the squares are as large as it allows.
        """
        side = min(side, self.height, self.width)
        rows, columns = (
            np.linspace(0, length - side, min(count, length // side)).astype(int).tolist()
            for length in (self.height, self.width)
        )
        windows = [(slice(top, top + side), slice(left, left + side)) for top in rows for left in columns]
        if self.has_ignored:
            windows = [window for window in windows if not self.ignored(*window).any()]
        chosen = np.linspace(0, len(windows) - 1, min(count, len(windows))).astype(int)
        return [self.window(*windows[index]) for index in chosen]

    def _whole_blocks(self) -> NDArray[np.intp]:
        """Return row and column, in blocks, of each block inside the picture without ignored pixels."""
        if self.has_ignored:
            return np.argwhere(self._counts[..., 0] == _BLOCK**2)
        return np.argwhere(np.ones((self.height // _BLOCK, self.width // _BLOCK), np.bool_))

    def _may_have_ignored(self) -> bool:
        return self._mask is not None or self._alpha is not None or self.floating

    def _sums(self, rows: slice, columns: slice) -> tuple[Floats, Floats]:
        """Return colour, 0 where ignored, and 1 for each pixel that counts, of a window that may leave the picture."""
        counted = ~self.ignored(rows, columns)[..., None]
        total = np.where(counted, to_unit(self._colour[rows, columns]), np.float32(0))
        missing = rows.stop - rows.start - len(counted), columns.stop - columns.start - counted.shape[1]
        border = ((0, missing[0]), (0, missing[1]), (0, 0))
        return np.pad(total, border), np.pad(counted.astype(np.float32), border)

    def _block_sums(self, rows: slice) -> tuple[Floats, Floats]:
        """Return colour sums and counted pixels of a row of blocks, 1 x blocks x channels."""
        total, count = self._sums(rows, slice(0, -(-self.width // _BLOCK) * _BLOCK))
        for _ in range(_LEVELS):
            total, count = _halve(total), _halve(count)
        return total, count


def _is_gray(colour: NDArray[Any]) -> bool:
    """Tell whether the three channels of HxWx3 are equal everywhere; NaN equals NaN."""

    def same(part: NDArray[Any]) -> bool:
        return all(np.array_equal(part[..., 0], part[..., other], equal_nan=True) for other in (1, 2))

    return same(colour[: 1 + len(colour) // 64]) and same(colour)


def fill(picture: Floats, mask: NDArray[np.bool_]) -> Floats:
    """Fill masked pixels roughly: each gets the mean of the smallest block around it that holds unmasked ones.

    Args:
        picture: HxWxC, 0 to 1; values under the mask do not matter.
        mask: HxW, true for pixels to fill.

    Returns:
        A new array; unmasked pixels are unchanged. Where all are masked it is black.
    """
    return MaskedImage(np.asarray(picture, np.float32), mask).window(slice(0, mask.shape[0]), slice(0, mask.shape[1]))


def _pull_push(total: Floats, count: Floats, levels: int, top: Floats) -> Floats:
    """Return means where any pixel counts, else the mean of the next coarser block that has one.

    Args:
        total: sums of the colour of counted pixels, height x width x channels.
        count: number of pixels behind each sum, height x width x 1.
        levels: how often to halve.
        top: what the coarsest level takes where nothing counts.
    """
    if levels == 0:
        coarse = top
    else:
        pushed = _pull_push(_halve(total), _halve(count), levels - 1, top)
        coarse = pushed.repeat(2, axis=0).repeat(2, axis=1)[: total.shape[0], : total.shape[1]]
    return np.where(count > 0, total / np.maximum(count, 1), coarse)


def _halve(sums: Floats) -> Floats:
    """Add up 2x2 pixels; beyond an odd border there is nothing."""
    height, width, channels = sums.shape
    if height % 2 or width % 2:
        sums = np.pad(sums, ((0, height % 2), (0, width % 2), (0, 0)))
    halved: Floats = sums.reshape(-(-height // 2), 2, -(-width // 2), 2, channels).sum(axis=(1, 3))
    return halved
