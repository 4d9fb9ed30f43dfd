"""Repairer: an array and a mask in, an array out whose marked pixels are filled and whose others are untouched."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from denoise_ae.errors import ImageError, ModelError, UsageError
from denoise_ae.modelfiles.card import ModelCard
from denoise_ae.modelfiles.session import Interrupt
from denoise_ae.pixels.convert import check_image, split_alpha
from denoise_ae.pixels.masked import Floats, Visible
from denoise_ae.pixels.tiling import Tile
from denoise_ae.restoration.tiled import TiledModel, map_side_by_side

REPAIR_MODEL = "repair"
"""The shipped model that fills what a mask marks."""

FLIPS: tuple[tuple[int, ...], ...] = ((), (1, 2))
"""Axes of channels x height x width along which a tile is turned round, each for one run of the network; their mean is
taken (the self-ensemble of EDSR, Lim et al. 2017). Measured under strokes, on four pictures of CBSD68: 0.09 dB with
these two, 0.10 with all four flips, 0.12 with the quarter turns besides."""


class Repairer(TiledModel):
    """A model, loaded once, that fills lost pixels of any number of pictures; see `TiledModel`."""

    def __init__(
        self,
        model: str | Path = REPAIR_MODEL,
        *,
        device: str = "auto",
        threads: int | None = None,
        tile: int | None = None,
    ) -> None:
        super().__init__(model, device=device, threads=threads, tile=tile)

    def _check_use(self, card: ModelCard) -> None:
        if not card.takes_mask:
            raise ModelError(f"model {card.name} takes no mask, and can't repair", f"use --model {REPAIR_MODEL}")

    def repair(
        self,
        image: NDArray[Any],
        lost: NDArray[np.bool_],
        *,
        progress: Callable[[int, int], None] | None = None,
        interrupt: Interrupt | None = None,
    ) -> NDArray[Any]:
        """Fill lost pixels from what surrounds them.

        Nothing of what lies under the mask is looked at, nor what alpha 0 hides, nor what is NaN or infinite. Alpha
        comes back bit for bit, and so does every pixel that is not marked.

        Args:
            image: HxW gray, HxWx2 gray with alpha, HxWx3 RGB or HxWx4 RGBA; uint8, uint16 or float32 (white is 1).
            lost: HxW, true for pixels to be filled. Those under alpha 0 stay all the same.
            progress: called with (tiles done, tiles in all) after each run of the network; tiles without lost pixels
                are not run.
            interrupt: ends the work when it is set.

        Returns:
            A new array of the same shape and type.

        Raises:
            ImageError: the array is no picture, or no pixel is left to fill from.
            UsageError: the mask is no array of bools of the picture's size.
            ModelError: the model fails.
            Interrupted: `interrupt` was set.
        """
        check_image(image)
        if lost.dtype != np.bool_ or lost.shape != image.shape[:2]:
            told = f"{lost.dtype}, {' x '.join(map(str, lost.shape))}"
            raise UsageError(f"the mask is {told}, not bool and as high and wide as the picture")
        result = image.copy(order="C")
        if not lost.any():
            return result
        visible = Visible(image, lost)
        if visible.all_holes:
            raise ImageError("nothing is left of the picture to fill it from", "mark fewer pixels")
        colour, _ = split_alpha(result)

        def fill(tile: Tile) -> None:
            filled = self._run(visible, lost, tile, interrupt)
            visible.write(colour, filled[:, *tile.kept], *tile.write)

        tiles = [tile for tile in self._plan(visible) if lost[tile.write].any()]
        with closing(map_side_by_side(fill, tiles, self._workers)) as done:
            for number, _ in enumerate(done, 1):
                if progress is not None:
                    progress(number, len(tiles))
        return result

    def _run(self, visible: Visible, lost: NDArray[np.bool_], tile: Tile, interrupt: Interrupt | None) -> Floats:
        """Run the network on a tile, whatever channels it takes itself; channels x height x width."""
        planes = np.empty((visible.channels, *tile.size), np.float32)
        visible.read(*tile.read, planes)
        # As pixels that are made up behind the picture's border are mirrored, so is what is known of them.
        border = [(0, side - part) for side, part in zip(tile.size, lost[tile.read].shape, strict=True)]
        mask = np.pad(lost[tile.read], border, mode="symmetric").astype(np.float32)[None, None]
        total = np.zeros_like(planes)
        for axes in FLIPS:
            flipped = np.ascontiguousarray(np.flip(planes, axes))
            filled = self._fill(
                flipped, np.ascontiguousarray(np.flip(mask, tuple(axis + 1 for axis in axes))), interrupt
            )
            total += np.flip(filled, axes)
        return total / np.float32(len(FLIPS))

    def _fill(self, planes: Floats, mask: Floats, interrupt: Interrupt | None) -> Floats:
        """Run the network once: channels x height x width, and the mask, 1 x 1 x height x width."""
        channels = len(planes)
        if channels < self.card.channels:
            filled = self._session.fill(planes[None].repeat(self.card.channels, axis=1), mask, interrupt)
            return np.asarray(filled[0].mean(axis=0, keepdims=True))
        if channels > self.card.channels:  # each as a gray picture of its own
            each = self._session.fill(planes[:, None], mask.repeat(channels, axis=0), interrupt)
            return np.asarray(each[:, 0])
        return np.asarray(self._session.fill(planes[None], mask, interrupt)[0])
