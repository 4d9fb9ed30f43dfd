"""A model, loaded once, that processes pictures tile by tile: the common base of cleaning and repairing."""

from __future__ import annotations

from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from denoise_ae.errors import ModelError, UsageError
from denoise_ae.modelfiles import catalog
from denoise_ae.modelfiles.card import ModelCard
from denoise_ae.modelfiles.catalog import DEFAULT_MODEL
from denoise_ae.modelfiles.session import Session
from denoise_ae.pixels.masked import MaskedImage
from denoise_ae.pixels.tiling import Tile, plan_tiles, round_up
from denoise_ae.system.cpus import available_cpus

SMALLEST_TILE, LARGEST_TILE = 512, 1536
"""Bounds of the default tile's side in pixels. A tile of 1536 px takes about 500 MB with our photo model."""

OVERLAPS_A_TILE = 14
"""Default side of a tile in overlaps: each side loses a fourteenth, so that 73 % of what is computed is kept."""

WORKERS = 2
"""Most tiles in work at once; never more than there are threads."""

Part = TypeVar("Part")
Done = TypeVar("Done")


class TiledModel:
    """A model, loaded once, for any number of pictures; several threads may share it.

    It can be pickled and copied: its file goes with it, and is loaded anew where it arrives.

    Args:
        model: the name of an installed model, or an ONNX file.
        device: ``auto``, ``cpu``, ``cuda``, ``dml``, ``coreml`` or ``openvino``.
        threads: CPU threads to use; None: as many as there are CPUs for this process.
        tile: side in pixels of what the network sees at once. Memory grows with its square. It is raised if the
            model's overlap would leave too little of it; None chooses by that overlap.

    Attributes:
        card: what the model is and needs.

    Raises:
        ModelError: there is no such model, it is not an image-to-image network, or it is for something else.
        DeviceError: the named device is not available.
        UsageError: `tile` is below 1, or `threads` is far more than there are CPUs or below 1.
    """

    card: ModelCard

    def __init__(
        self,
        model: str | Path,
        *,
        device: str = "auto",
        threads: int | None = None,
        tile: int | None = None,
    ) -> None:
        if tile is not None and tile < 1:
            raise UsageError(f"a tile of {tile} pixels is empty", "give --tile 1 or more, or leave it out")
        found = catalog.find(model)
        self._check_use(found.card)
        self._session = Session(found.read(), device, threads, found.card.name, found.card)
        self.card = self._session.card
        self._workers = min(WORKERS, threads or available_cpus())
        self._overlap = round_up((self.card.receptive_field - 1) // 2, self.card.size_multiple)
        # Below three overlaps most of the work would be thrown away.
        self._tile = max(tile or default_tile(self._overlap), 3 * self._overlap, self.card.min_size)

    @property
    def device(self) -> str:
        """The device that it runs on; where it was unpickled on another machine, that may be another one."""
        return self._session.device

    def _check_use(self, card: ModelCard) -> None:
        """Check that a model is made for this class's task.

        Raises:
            ModelError: it is not.
        """
        raise NotImplementedError

    def _plan(self, masked: MaskedImage) -> list[Tile]:
        height, width = masked.height, masked.width
        if self.card.fixed_size is None:
            return plan_tiles(
                height,
                width,
                self._tile,
                overlap=self._overlap,
                multiple=self.card.size_multiple,
                minimum=self.card.min_size,
            )
        rows, columns = self.card.fixed_size
        if height % rows or width % columns:
            raise ModelError(
                f"model {self.card.name} takes pictures of {columns} x {rows} pixels or sheets of such cells, "
                f"not {width} x {height}",
                f"use a model for any size, such as --model {DEFAULT_MODEL}",
            )
        return [
            Tile(window, window)
            for top in range(0, height, rows)
            for left in range(0, width, columns)
            for window in [(slice(top, top + rows), slice(left, left + columns))]
        ]

    def _plan_window(self, masked: MaskedImage, window: tuple[slice, slice]) -> list[Tile]:
        """Plan tiles that cover a part of the picture, and the margin that the network needs around it."""
        if self.card.fixed_size is not None:
            return [
                tile
                for tile in self._plan(masked)
                if all(
                    write.start < asked.stop and asked.start < write.stop
                    for write, asked in zip(tile.write, window, strict=True)
                )
            ]
        multiple = self.card.size_multiple
        top, left = (max(0, asked.start - self._overlap) // multiple * multiple for asked in window)
        bottom, right = (
            min(length, round_up(asked.stop + self._overlap, multiple))
            for length, asked in zip((masked.height, masked.width), window, strict=True)
        )
        tiles = plan_tiles(
            bottom - top,
            right - left,
            self._tile,
            overlap=self._overlap,
            multiple=multiple,
            minimum=self.card.min_size,
        )
        return [tile.shifted(top, left) for tile in tiles]


def default_tile(overlap: int) -> int:
    """Return the default side of a tile in pixels for an overlap, see `OVERLAPS_A_TILE`."""
    return min(max(OVERLAPS_A_TILE * overlap, SMALLEST_TILE), LARGEST_TILE)


def map_concurrently(work: Callable[[Part], Done], parts: list[Part], workers: int) -> Generator[Done]:
    """Do the work on several parts at once, and yield the results in order.

    While the network runs on one part, another is read or written. Parts not yet begun are dropped when the caller
    closes the generator.
    """
    if min(len(parts), workers) == 1:
        yield from map(work, parts)
        return
    pool = ThreadPoolExecutor(workers)
    try:
        yield from pool.map(work, parts)
    finally:
        pool.shutdown(cancel_futures=True)
