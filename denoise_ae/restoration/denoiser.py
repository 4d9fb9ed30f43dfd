"""Denoiser: an array in, a clean array of the same shape and type out."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from denoise_ae.errors import ModelError, UsageError
from denoise_ae.modelfiles.card import ModelCard
from denoise_ae.modelfiles.catalog import DEFAULT_MODEL
from denoise_ae.modelfiles.session import Interrupt
from denoise_ae.noise.estimate import estimate_sigma
from denoise_ae.noise.profile import measure_picture
from denoise_ae.pixels.convert import check_image, split_alpha
from denoise_ae.pixels.masked import Floats, MaskedImage
from denoise_ae.pixels.tiling import Tile, plan_tiles, round_up
from denoise_ae.restoration.adapt import FARTHEST, PART_SIDE, PARTS, best_factor, measured_level
from denoise_ae.restoration.tiled import TiledModel, map_side_by_side

LARGEST_NOISE = 4.0
"""Most that is taken from a pixel, in standard deviations of the noise: what lies beyond, 1 of 16,000 values of
Gaussian noise, is taken for picture. Hence a picture of level 0 comes back as it was."""

STRENGTH_RANGE = (0.0, 1.5)
SIGMA_SAMPLE = 1_000_000
"""Most pixels that the noise level is estimated from."""


@dataclass(frozen=True)
class Restored:
    """A clean picture and what it was cleaned of."""

    pixels: NDArray[Any]
    sigma: float | None
    """Standard deviation of the noise in 8-bit steps, as told or as estimated; None where nobody asked for it."""
    change: float | None = None
    """Root mean square of what the model would take from the picture at full strength, in 8-bit steps; None where
    nobody wants to know it, at strength 0."""


@dataclass(frozen=True)
class Residual:
    """What a model takes from a part of a picture: neither rounded nor clipped, so that less of it can be taken too."""

    pixels: Floats
    """Clean less noisy on the scale of 0 to 1, height x width x channels; 0 for pixels that do not count."""
    levels: Floats
    """The noise levels that the model itself estimates, in 8-bit steps, a number for each cell; none where it does
    not. See `typical_level`."""


_SMOOTH_SHARE = 1 / 3


def typical_level(levels: NDArray[np.floating[Any]]) -> float:
    """Return the level that a third of the picture stays below; 0 where there is none.

    In what is finely textured an estimate is less sure, and rather too high; most pictures are smooth for a third.
    """
    return float(np.quantile(levels, _SMOOTH_SHARE)) if levels.size else 0.0


@dataclass(frozen=True)
class _Found:
    """What was found in a tile, or in all tiles, on the scale of 0 to 1."""

    pixels: int
    squares: float
    """Sum of the squares of what the model takes from the pixels."""
    levels: Floats
    """The noise levels that the model itself estimates, a number for each cell; none where it does not."""

    @property
    def level(self) -> float:
        """The picture's typical level in 8-bit steps."""
        return 255 * typical_level(self.levels)

    @property
    def change(self) -> float:
        """The root mean square of what the model takes, in 8-bit steps."""
        return 255 * math.sqrt(self.squares / self.pixels)


class Denoiser(TiledModel):
    """A model, loaded once, that cleans any number of pictures; see `TiledModel`."""

    def __init__(
        self,
        model: str | Path = DEFAULT_MODEL,
        *,
        device: str = "auto",
        threads: int | None = None,
        tile: int | None = None,
    ) -> None:
        super().__init__(model, device=device, threads=threads, tile=tile)

    def _check_use(self, card: ModelCard) -> None:
        if card.takes_mask:
            raise ModelError(
                f"model {card.name} fills what a mask marks, and can't clean", "use denoise-ae repair, or another model"
            )

    def clean(
        self,
        image: NDArray[Any],
        sigma: float | None = None,
        strength: float = 1.0,
        *,
        adapt: bool = False,
        progress: Callable[[int, int], None] | None = None,
    ) -> NDArray[Any]:
        """Clean a picture.

        Alpha comes back bit for bit, and so do pixels that must not count: those under alpha 0, and those that are
        NaN or infinite. None of these touches its neighbours. Floating point is not clipped.

        Args:
            image: HxW gray, HxWx2 gray with alpha, HxWx3 RGB or HxWx4 RGBA; uint8, uint16 or float32 (white is 1).
            sigma: standard deviation of the noise in 8-bit steps (0 to 255, whatever the picture's depth), for models
                that take it; None estimates it: the model itself where it can, else
                `denoise_ae.noise.estimate.estimate_sigma`.
            strength: 0 gives back the picture, 1 the model's result, and more goes beyond it: models that take a
                noise level are told a higher one, with the others the change is stretched.
            adapt: fit the model's own estimates to this picture first, see `fit_factor`; without `sigma`.
            progress: called with (tiles done, tiles in all) after each run of the network.

        Returns:
            A new array of the same shape and type.

        Raises:
            ImageError: the array is no picture.
            UsageError: `sigma` or `strength` is out of range, the model takes no `sigma`, or has none to adapt.
            ModelError: the model fails, or takes one size that the picture is no multiple of.
        """
        if adapt:
            self.check_adapt(sigma)
        return self.restore(
            image, sigma, strength, factor=self.fit_factor(image) if adapt else 1.0, progress=progress
        ).pixels

    def restore(
        self,
        image: NDArray[Any],
        sigma: float | None = None,
        strength: float = 1.0,
        *,
        factor: float = 1.0,
        progress: Callable[[int, int], None] | None = None,
    ) -> Restored:
        """Clean a picture as `clean` does, and say which noise level it was cleaned for.

        `factor` is what the model's own estimates are multiplied by, see `fit_factor`.
        """
        check_image(image)
        if not STRENGTH_RANGE[0] <= strength <= STRENGTH_RANGE[1]:
            raise UsageError(f"a strength of {strength:g} is out of range", "give 0 (leave it) to 1.5")
        if sigma is not None:
            self.check_sigma(sigma)
        if factor != 1:
            self.check_adapt(sigma)
        result = image.copy(order="C")
        masked = MaskedImage(image)
        if strength == 0 or masked.all_ignored:
            return Restored(result, 0.0, 0.0) if masked.all_ignored else Restored(result, sigma)
        tiles = self._plan(masked)
        told, mix = self._told(masked, sigma, strength)
        if told is not None:
            told *= factor
        keep = _into(masked, result)
        found = self._clean_tiles(masked, keep, tiles, sigma=told, mix=mix, progress=progress)
        if told is None:
            return Restored(result, None, found.change)
        level = (found.level * -told if told < 0 else 255 * told) / max(1.0, strength)
        return Restored(result, level if sigma is None else sigma, found.change)

    def residual(
        self,
        picture: MaskedImage,
        window: tuple[slice, slice],
        sigma: float | None = None,
        strength: float = 1.0,
        *,
        interrupt: Interrupt | None = None,
    ) -> Residual:
        """Find out what `restore` would take from a part of a picture, which is all that is computed.

        The network reads beyond the part as far as it sees, so that nothing tells parts from the whole: taking the
        residual and rounding gives the pixels of `restore`.

        Args:
            picture: made once of the array that `restore` would be given.
            window: rows and columns of the part, not empty, inside the picture; with starts and stops.
            sigma: as for `restore`; None estimates it from the whole picture each time, unless the model does itself.
            strength: above 0; see `restore`.
            interrupt: ends the work when it is set.

        Raises:
            Interrupted: `interrupt` was set.
            UsageError: see `restore`.
            ModelError: see `restore`.
        """
        if not 0 < strength <= STRENGTH_RANGE[1]:
            raise UsageError(f"a strength of {strength:g} takes no residual", "give more than 0, up to 1.5")
        if sigma is not None:
            self.check_sigma(sigma)
        rows, columns = window
        taken = np.zeros((rows.stop - rows.start, columns.stop - columns.start, picture.channels), np.float32)
        if picture.all_ignored:
            return Residual(taken, np.empty(0, np.float32))

        def keep(tile: Tile, noisy: Floats, clean: Floats) -> None:
            places, parts = zip(
                *(_shared(write, asked) for write, asked in zip(tile.write, window, strict=True)), strict=True
            )
            taken[places] = (clean[:, *parts] - noisy[:, *parts]).transpose(1, 2, 0)

        told, mix = self._told(picture, sigma, strength)
        tiles = self._plan_window(picture, window)
        found = self._clean_tiles(picture, keep, tiles, sigma=told, mix=mix, progress=None, interrupt=interrupt)
        if picture.has_ignored:
            taken[picture.ignored(*window)] = 0
        return Residual(taken, 255 * found.levels)

    def _told(self, masked: MaskedImage, sigma: float | None, strength: float) -> tuple[float | None, float]:
        """Return what the network is told of the noise on the scale of 0 to 1, and how much of its change is taken."""
        if not self.card.takes_sigma:
            return None, strength
        more, mix = max(1.0, strength), min(1.0, strength)
        if sigma is None and self.card.estimates_sigma:
            return -more, mix
        level = estimate_sigma(masked.sample(SIGMA_SAMPLE)) if sigma is None else sigma / 255
        return level * more, mix

    def fit_factor(self, image: NDArray[Any]) -> float:
        """Find out what multiple of the model's own estimates suits a picture best, see `denoise_ae.restoration.adapt`.

        That takes as long as cleaning 2 megapixels. It is for pictures whose noise is of another sort than the model's
        training: on a noisy shot of 12 megapixels there is enough that is flat to tell. Fine, sharp texture all over a
        picture passes for noise.

        Args:
            image: as for `clean`.

        Returns:
            One of `adapting.FACTORS`; 1 where there is too little to go by.

        Raises:
            ImageError: the array is no picture.
            UsageError: the model estimates no noise level.
        """
        check_image(image)
        self.check_adapt(None)
        masked = MaskedImage(image)
        if masked.all_ignored:
            return 1.0
        multiple = self.card.size_multiple
        side = min(PART_SIDE, masked.height, masked.width) // multiple * multiple
        if side < max(1, self.card.min_size):
            return 1.0
        noise, parts = measure_picture(masked), masked.parts(PARTS, side)
        if noise is None or not parts:
            return 1.0
        _, levels = self._run(np.stack([part.transpose(2, 0, 1) for part in parts]), -1.0, None)
        assert levels is not None
        if measured_level(noise, parts) > FARTHEST * math.sqrt(np.square(levels).mean()):
            return 1.0
        return best_factor(lambda noisy, factor: self._run(noisy, -factor, None)[0], parts, noise)

    def check_adapt(self, sigma: float | None) -> None:
        """Check that the noise level, in 8-bit steps, can be fitted to a picture.

        Raises:
            UsageError: it is told, or the model estimates none.
        """
        if sigma is not None:
            raise UsageError("a told noise level leaves nothing to adapt", "give --sigma or --adapt")
        if not self.card.estimates_sigma:
            raise UsageError(
                f"model {self.card.name} estimates no noise level that could be adapted",
                f"use --model {DEFAULT_MODEL}, or leave out --adapt",
            )

    def check_sigma(self, sigma: float) -> None:
        """Check that a noise level, in 8-bit steps, can be given to the model.

        Raises:
            UsageError: it is negative or no number, or the model takes none.
        """
        if not (math.isfinite(sigma) and sigma >= 0):
            raise UsageError(f"a noise level of {sigma:g} is out of range", "give 0 or more, in 8-bit steps")
        if not self.card.takes_sigma:
            raise UsageError(f"model {self.card.name} takes no noise level", "leave out --sigma, or set it to auto")

    def estimate_sigma(self, image: NDArray[Any]) -> float:
        """Estimate the standard deviation of a picture's noise in 8-bit steps, from a bounded number of its pixels.

        Args:
            image: as for `clean`.

        Raises:
            ImageError: the array is no picture.
        """
        check_image(image)
        masked = MaskedImage(image)
        if not self.card.estimates_sigma or masked.all_ignored:
            return 255 * estimate_sigma(masked.sample(SIGMA_SAMPLE))
        tiles = self._plan(masked)
        result = image.copy(order="C")
        return self._clean_tiles(masked, _into(masked, result), tiles, sigma=-1.0, mix=1.0, progress=None).level

    def _plan_window(self, masked: MaskedImage, window: tuple[slice, slice]) -> list[Tile]:
        """Plan tiles that cover a part of the picture and the margin in which the network sees it."""
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
        starts = [max(0, asked.start - self._overlap) // multiple * multiple for asked in window]
        stops = [
            min(length, round_up(asked.stop + self._overlap, multiple))
            for length, asked in zip((masked.height, masked.width), window, strict=True)
        ]
        height, width = (stop - start for start, stop in zip(starts, stops, strict=True))
        tiles = plan_tiles(
            height, width, self._tile, overlap=self._overlap, multiple=multiple, minimum=self.card.min_size
        )
        return [Tile(_moved(tile.read, starts), _moved(tile.write, starts)) for tile in tiles]

    def _clean_tiles(
        self,
        masked: MaskedImage,
        keep: Callable[[Tile, Floats, Floats], None],
        tiles: list[Tile],
        *,
        sigma: float | None,
        mix: float,
        progress: Callable[[int, int], None] | None,
        interrupt: Interrupt | None = None,
    ) -> _Found:
        """Clean tile by tile, and hand over what is kept of each: channels x height x width, noisy and clean."""
        # Small tiles, as the cells of a sheet, go through the network together.
        height, width = tiles[0].size
        together = max(1, self._tile**2 // (height * width))
        groups = [tiles[start : start + together] for start in range(0, len(tiles), together)]

        def clean_group(group: list[Tile]) -> list[_Found]:
            noisy = np.empty((len(group), masked.channels, height, width), np.float32)
            for tile, planes in zip(group, noisy, strict=True):
                masked.read(*tile.read, planes)
            clean, levels = self._run(noisy, sigma, interrupt)
            found = [
                _Found(_area(tile), _square_sum(clean[index], noisy[index], tile), _kept_cells(levels, index, tile))
                for index, tile in enumerate(group)
            ]
            _limit(noisy, clean, sigma, mix)
            for tile, before, after in zip(group, noisy, clean, strict=True):
                keep(tile, before[:, *tile.kept], after[:, *tile.kept])
            return found

        found: list[_Found] = []
        with closing(map_side_by_side(clean_group, groups, self._workers)) as parts:
            for part in parts:
                found += part
                if progress is not None:
                    progress(len(found), len(tiles))
        return _Found(
            sum(part.pixels for part in found),
            sum(part.squares for part in found),
            np.concatenate([part.levels for part in found]),
        )

    def _run(self, noisy: Floats, sigma: float | None, interrupt: Interrupt | None) -> tuple[Floats, Floats | None]:
        """Run the network on pictures NxCxHxW, whatever channels it takes itself.

        Returns:
            The clean pictures, and the noise levels N x cells where the network estimates them.
        """
        count, channels, height, width = noisy.shape
        if channels == self.card.channels:
            clean, levels = self._session.restore(noisy, sigma, interrupt)
        elif channels == 1:
            clean, levels = self._session.restore(noisy.repeat(self.card.channels, axis=1), sigma, interrupt)
            clean = clean.mean(axis=1, keepdims=True)
        else:
            clean, levels = self._session.restore(noisy.reshape(-1, 1, height, width), sigma, interrupt)
            clean = clean.reshape(noisy.shape)
        if levels is not None:
            levels = levels.reshape(count, -1, *levels.shape[2:]).mean(axis=1)
        return clean, levels


def clean(
    image: NDArray[Any],
    model: str | Path = DEFAULT_MODEL,
    *,
    sigma: float | None = None,
    strength: float = 1.0,
    device: str = "auto",
    threads: int | None = None,
    tile: int | None = None,
) -> NDArray[Any]:
    """Clean one picture; see `Denoiser`, which loads its model once for many."""
    return Denoiser(model, device=device, threads=threads, tile=tile).clean(image, sigma, strength)


def _limit(noisy: Floats, clean: Floats, sigma: float | None, mix: float) -> None:
    """Scale what was taken from the pictures, but before that cut it to what noise of a told level can be; in place."""
    told = sigma is not None and sigma >= 0
    if mix == 1 and not told:
        return
    clean -= noisy
    if told and sigma is not None:
        reach = np.float32(LARGEST_NOISE * sigma)
        np.clip(clean, -reach, reach, out=clean)
    if mix != 1:
        clean *= np.float32(mix)
    clean += noisy


def _kept_cells(levels: Floats | None, index: int, tile: Tile) -> Floats:
    """Return those of a tile's map of noise levels that speak for the pixels that are kept of it, one after another."""
    if levels is None:
        return np.empty(0, np.float32)
    cells = tuple(
        slice(kept.start * count // side, -(-kept.stop * count // side))
        for kept, count, side in zip(tile.kept, levels.shape[1:], tile.size, strict=True)
    )
    kept: Floats = levels[index][cells].ravel()
    return kept


def _into(masked: MaskedImage, result: NDArray[Any]) -> Callable[[Tile, Floats, Floats], None]:
    """Return what writes clean tiles straight into `result`, which holds the picture."""
    colour, _ = split_alpha(result)

    def keep(tile: Tile, _: Floats, clean: Floats) -> None:
        masked.write(colour, clean, *tile.write)

    return keep


def _moved(window: tuple[slice, slice], by: list[int]) -> tuple[slice, slice]:
    rows, columns = (slice(part.start + step, part.stop + step) for part, step in zip(window, by, strict=True))
    return rows, columns


def _shared(write: slice, asked: slice) -> tuple[slice, slice]:
    """Return where what a tile writes and what is asked for overlap: counted from the latter's start, and the former's.

    Both are empty where they do not overlap.
    """
    start = max(write.start, asked.start)
    stop = max(start, min(write.stop, asked.stop))
    return slice(start - asked.start, stop - asked.start), slice(start - write.start, stop - write.start)


def _area(tile: Tile) -> int:
    rows, columns = tile.kept
    return int((rows.stop - rows.start) * (columns.stop - columns.start))


def _square_sum(clean: Floats, noisy: Floats, tile: Tile) -> float:
    """Add up, over the pixels that are kept of a tile, the squares of what was taken from them; the channels' mean."""
    taken = clean[:, *tile.kept] - noisy[:, *tile.kept]
    return float(np.vdot(taken, taken)) / len(clean)
