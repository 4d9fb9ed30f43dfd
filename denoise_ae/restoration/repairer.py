"""Repairer: fill the masked pixels of an array, and leave all others exactly as they are."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from denoise_ae.errors import ImageError, ModelError, UsageError
from denoise_ae.modelfiles.card import ModelCard
from denoise_ae.modelfiles.runtime import Interrupt
from denoise_ae.pixels.convert import check_image, split_alpha
from denoise_ae.pixels.masked import Floats, MaskedImage
from denoise_ae.pixels.tiling import Tile
from denoise_ae.restoration.tiled import TiledModel, map_concurrently

REPAIR_MODEL = "repair"
"""The shipped model that fills what a mask marks."""

FLIPS: tuple[tuple[int, ...], ...] = ((), (1, 2))
"""Axes of channels x height x width along which a tile is flipped, each for one run of the network, whose results are
averaged (the self-ensemble of EDSR, Lim et al. 2017). Measured under strokes, on four pictures of CBSD68: 0.09 dB with
these two, 0.10 with all four flips, 0.12 with the quarter turns besides."""


class Repairer(TiledModel):
    """A model, loaded once, that fills masked pixels of any number of pictures; see `TiledModel`."""

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
        mask: NDArray[np.bool_],
        *,
        progress: Callable[[int, int], None] | None = None,
        interrupt: Interrupt | None = None,
    ) -> NDArray[Any]:
        """Fill masked pixels from their surroundings.

        Masked, transparent and non-finite pixels are never looked at. Alpha and all unmasked pixels come back bit for
        bit.

        Args:
            image: HxW gray, HxWx2 gray with alpha, HxWx3 RGB or HxWx4 RGBA; uint8, uint16 or float32 (white is 1).
            mask: HxW, true for pixels to fill. Transparent ones stay even so.
            progress: called with (tiles done, tiles in all) after each run of the network; tiles without masked
                pixels are not run.
            interrupt: ends the work when it is set.

        Returns:
            A new array of the same shape and type.

        Raises:
            ImageError: the array is not a picture, or no pixel is left to fill from.
            UsageError: the mask is not a bool array of the picture's size.
            ModelError: the model fails.
            Interrupted: `interrupt` was set.
        """
        check_image(image)
        if mask.dtype != np.bool_ or mask.shape != image.shape[:2]:
            found = f"{mask.dtype}, {' x '.join(map(str, mask.shape))}"
            raise UsageError(f"the mask is {found}, not bool and the picture's height and width")
        result = image.copy(order="C")
        if not mask.any():
            return result
        masked = MaskedImage(image, mask, join_gray=True)
        if masked.all_ignored:
            raise ImageError("nothing is left of the picture to fill it from", "mark fewer pixels")
        colour, _ = split_alpha(result)

        def fill(tile: Tile) -> None:
            filled = self._run(masked, mask, tile, interrupt)
            masked.write(colour, filled[:, *tile.kept], *tile.write)

        tiles = [tile for tile in self._plan(masked) if mask[tile.write].any()]
        with closing(map_concurrently(fill, tiles, self._workers)) as done:
            for number, _ in enumerate(done, 1):
                if progress is not None:
                    progress(number, len(tiles))
        return result

    def _run(self, masked: MaskedImage, mask: NDArray[np.bool_], tile: Tile, interrupt: Interrupt | None) -> Floats:
        """Fill a tile, whatever channels the network takes; channels x height x width."""
        planes = np.empty((masked.channels, *tile.size), np.float32)
        masked.read(*tile.read, planes)
        # Beyond the picture's border pixels are mirrored, and so is the mask.
        border = [(0, side - part) for side, part in zip(tile.size, mask[tile.read].shape, strict=True)]
        planes_mask = np.pad(mask[tile.read], border, mode="symmetric").astype(np.float32)[None, None]
        total = np.zeros_like(planes)
        for axes in FLIPS:
            flipped = np.ascontiguousarray(np.flip(planes, axes))
            filled = self._fill(
                flipped, np.ascontiguousarray(np.flip(planes_mask, tuple(axis + 1 for axis in axes))), interrupt
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
