"""Denoiser: an array in, a clean array of the same shape and type out."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from denoise_ae.errors import ModelError, UsageError
from denoise_ae.modelfiles.card import ModelCard
from denoise_ae.modelfiles.catalog import DEFAULT_MODEL
from denoise_ae.modelfiles.runtime import Interrupt
from denoise_ae.noise.estimate import estimate_sigma
from denoise_ae.pixels.convert import check_image
from denoise_ae.pixels.masked import Floats, MaskedImage
from denoise_ae.pixels.tiling import Tile
from denoise_ae.restoration.adapt import fit_factor
from denoise_ae.restoration.cleaning import (
    Keep,
    Statistics,
    Strength,
    clean_tiles,
    write_into,
)
from denoise_ae.restoration.guard import Guard, measure_guard
from denoise_ae.restoration.hot_pixels import find_hot_pixels
from denoise_ae.restoration.tiled import TiledModel
from denoise_ae.restoration.value_range import ValueRange, in_range, measure_range

STRENGTH_RANGE = (0.0, 1.5)
SIGMA_SAMPLE = 1_000_000
"""Most pixels that the noise level is estimated from."""


@dataclass(frozen=True)
class Restored:
    """A clean picture, and what was removed from it."""

    pixels: NDArray[Any]
    sigma: float | None
    """Standard deviation of the noise in 8-bit steps, as given or as estimated, in the mean over the picture; None if
    neither."""
    change: float | None = None
    """Root mean square of what the model would remove at full strength, in 8-bit steps; None at strength 0."""
    applied: float = 0.0
    """Root mean square of what was removed in fact, in 8-bit steps."""
    changed_share: float = 0.0
    """Share of the pixels that changed by more than 8 steps of 255 in any channel, 0 to 1."""
    spared_share: float = 0.0
    """Share of the pixels that would have changed so, had they not looked drawn, 0 to 1."""
    hot_pixels: int = 0
    """Hot and dead pixels that were filled first, those of each colour counted."""


@dataclass(frozen=True)
class Residual:
    """What a model would change in a part of a picture: neither rounded nor clipped, so that a share can be applied."""

    pixels: Floats
    """Clean minus noisy on the scale of 0 to 1, height x width x channels; 0 for ignored pixels."""
    levels: Floats
    """The model's own noise estimates in 8-bit steps, one for each cell; empty if it makes none. See
    `denoise_ae.restoration.cleaning.mean_level`."""


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
        self._guards: WeakKeyDictionary[MaskedImage, Guard] = WeakKeyDictionary()

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what was measured in pictures: a copy, here or in another process, sees others."""
        return {name: value for name, value in self.__dict__.items() if name != "_guards"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take on the state of another one."""
        self.__dict__.update(state, _guards=WeakKeyDictionary())

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
        luma: float | None = None,
        chroma: float | None = None,
        adapt: bool = False,
        defects: bool = True,
        progress: Callable[[int, int], None] | None = None,
    ) -> NDArray[Any]:
        """Clean a picture.

        Alpha comes back bit for bit, and so do transparent, NaN and infinite pixels, none of which affects its
        neighbours. Floating point is not clipped.

        Args:
            image: HxW gray, HxWx2 gray with alpha, HxWx3 RGB or HxWx4 RGBA; uint8, uint16 or float32 (white is 1).
            sigma: standard deviation of the noise in 8-bit steps (0 to 255, whatever the picture's depth), for models
                that take it. None estimates it: by the model itself if it can, else by
                `denoise_ae.noise.estimate.estimate_sigma`.
            strength: 0 returns the picture, 1 the model's result. More goes further: models that take a noise level get
                a higher one, for the others the change is amplified.
            luma: strength for the luminance alone; None: `strength`. 0 leaves the picture's luma as it is, see
                `denoise_ae.pixels.opponent`.
            chroma: the same for the colour.
            adapt: fit the model's own estimate to this picture first, see `fit_factor`; not with `sigma`.
            defects: fill hot and dead pixels of photographs first, see `denoise_ae.restoration.hot_pixels`; by models
                that take a noise level, unless luminance or colour is to stay as it is.
            progress: called with (tiles done, tiles in all) after each run of the network.

        Returns:
            A new array of the same shape and type.

        Raises:
            ImageError: the array is not a picture.
            UsageError: `sigma` or a strength is out of range, the model takes no `sigma`, or has no estimate to adapt.
            ModelError: the model fails, or takes one size only and the picture is not made of such cells.
        """
        if adapt:
            self.check_adapt(sigma)
        factor = self.fit_factor(image) if adapt else 1.0
        return self.restore(
            image, sigma, strength, luma=luma, chroma=chroma, factor=factor, defects=defects, progress=progress
        ).pixels

    def restore(
        self,
        image: NDArray[Any],
        sigma: float | None = None,
        strength: float = 1.0,
        *,
        luma: float | None = None,
        chroma: float | None = None,
        factor: float = 1.0,
        defects: bool = True,
        progress: Callable[[int, int], None] | None = None,
    ) -> Restored:
        """Clean a picture as `clean` does, and report the noise level it was cleaned for.

        `factor` multiplies the model's own estimate, see `fit_factor`.
        """
        check_image(image)
        asked = check_strength(strength, luma, chroma)
        if sigma is not None:
            self.check_sigma(sigma)
        if factor != 1:
            self.check_adapt(sigma)
        result = image.copy(order="C")
        masked = MaskedImage(image, join_gray=True)
        if not asked or masked.all_ignored:
            return Restored(result, 0.0, 0.0) if masked.all_ignored else Restored(result, sigma)
        # Where luminance or colour is to stay as it is, a hot pixel is part of it.
        wanted = defects and asked.luma > 0 and asked.chroma > 0 and self.card.takes_sigma
        hot = find_hot_pixels(masked) if wanted else ()
        if hot:
            masked.correct(hot.rows, hot.columns, hot.channels, hot.values)
        tiles = self._plan(masked)
        sigma_input = self._sigma_input(masked, sigma)
        if sigma_input is not None:
            sigma_input *= factor
        guard = self._guard(masked, sigma)
        found = self._clean_tiles(
            masked, tiles, write_into(masked, result), sigma_input, asked, guard=guard, progress=progress
        )
        if sigma_input is None:
            return Restored(result, None, found.change, found.applied, found.share)
        level = found.level * -sigma_input if sigma_input < 0 else 255 * sigma_input
        return Restored(
            result,
            level if sigma is None else sigma,
            found.change,
            found.applied,
            found.share,
            found.spared / found.pixels,
            len(hot),
        )

    def residual(
        self,
        picture: MaskedImage,
        window: tuple[slice, slice],
        sigma: float | None = None,
        strength: float = 1.0,
        *,
        luma: float | None = None,
        chroma: float | None = None,
        interrupt: Interrupt | None = None,
    ) -> Residual:
        """Compute what `restore` would change in a part of a picture, and only there.

        The network also reads a margin as wide as it sees, so that parts equal the whole: adding the residual and
        rounding gives the pixels of `restore`.

        Args:
            picture: made once from the array that `restore` would be given.
            window: rows and columns of the part, not empty, inside the picture; with starts and stops.
            sigma: as for `restore`; None estimates it from the whole picture at each call, unless the model does so
                itself.
            strength: above 0; see `restore`.
            luma: see `clean`.
            chroma: see `clean`.
            interrupt: ends the work when it is set.

        Raises:
            Interrupted: `interrupt` was set.
            UsageError: see `restore`.
            ModelError: see `restore`.
        """
        asked_strength = check_strength(strength, luma, chroma)
        if not asked_strength:
            raise UsageError("a strength of 0 has no residual", "give more than 0, up to 1.5")
        if sigma is not None:
            self.check_sigma(sigma)
        rows, columns = window
        change = np.zeros((rows.stop - rows.start, columns.stop - columns.start, picture.channels), np.float32)
        if picture.all_ignored:
            return Residual(change, np.empty(0, np.float32))

        def keep(tile: Tile, noisy: Floats, clean: Floats) -> None:
            places, parts = zip(
                *(_overlap(write, asked) for write, asked in zip(tile.write, window, strict=True)), strict=True
            )
            change[places] = (clean[:, *parts] - noisy[:, *parts]).transpose(1, 2, 0)

        sigma_input = self._sigma_input(picture, sigma)
        tiles = self._plan_window(picture, window)
        guard = self._guard(picture, sigma)
        found = self._clean_tiles(picture, tiles, keep, sigma_input, asked_strength, guard=guard, interrupt=interrupt)
        if picture.has_ignored:
            change[picture.ignored(*window)] = 0
        return Residual(change, 255 * found.levels)

    def fit_factor(self, image: NDArray[Any]) -> float:
        """Find the multiple of the model's own estimate that suits a picture best, see `denoise_ae.restoration.adapt`.

        It takes as long as cleaning 2 megapixels. It is for pictures whose noise differs from the model's training
        data, such as shots of other cameras. Fine, sharp texture all over a picture passes for noise.

        Args:
            image: as for `clean`.

        Returns:
            One of `denoise_ae.restoration.adapt.FACTORS`; 1 if there is too little to measure.

        Raises:
            ImageError: the array is not a picture.
            UsageError: the model estimates no noise level.
        """
        check_image(image)
        self.check_adapt(None)
        masked = MaskedImage(image, join_gray=True)
        run = in_range(self._run, self._value_range(masked))
        return fit_factor(
            masked,
            lambda noisy, factor: run(noisy, -factor),
            size_multiple=self.card.size_multiple,
            min_size=self.card.min_size,
        )

    def check_adapt(self, sigma: float | None) -> None:
        """Check that the noise level, in 8-bit steps, can be fitted to a picture.

        Raises:
            UsageError: it is given, or the model estimates none.
        """
        if sigma is not None:
            raise UsageError("a given noise level leaves nothing to adapt", "give --sigma or --adapt, not both")
        if not self.card.estimates_sigma:
            raise UsageError(
                f"model {self.card.name} estimates no noise level that could be adapted",
                f"use --model {DEFAULT_MODEL}, or leave out --adapt",
            )

    def check_sigma(self, sigma: float) -> None:
        """Check that a noise level, in 8-bit steps, can be given to the model.

        Raises:
            UsageError: it is negative or not a number, or the model takes none.
        """
        if not (math.isfinite(sigma) and sigma >= 0):
            raise UsageError(f"a noise level of {sigma:g} is out of range", "give 0 or more, in 8-bit steps")
        if not self.card.takes_sigma:
            raise UsageError(f"model {self.card.name} takes no noise level", "leave out --sigma, or set it to auto")

    def estimate_sigma(self, image: NDArray[Any]) -> float:
        """Estimate the standard deviation of a picture's noise in 8-bit steps.

        Args:
            image: as for `clean`.

        Raises:
            ImageError: the array is not a picture.
        """
        check_image(image)
        masked = MaskedImage(image, join_gray=True)
        if not self.card.estimates_sigma or masked.all_ignored:
            return 255 * estimate_sigma(masked.sample(SIGMA_SAMPLE))
        tiles, guard = self._plan(masked), self._guard(masked, None)
        return self._clean_tiles(masked, tiles, lambda *_: None, -1.0, Strength(), guard=guard).smooth_level

    def _sigma_input(self, masked: MaskedImage, sigma: float | None) -> float | None:
        """Return the noise level to give to the network, see `denoise_ae.restoration.cleaning.Run`."""
        if not self.card.takes_sigma:
            return None
        if sigma is None and self.card.estimates_sigma:
            return -1.0
        return estimate_sigma(masked.sample(SIGMA_SAMPLE)) if sigma is None else sigma / 255

    def _guard(self, masked: MaskedImage, sigma: float | None) -> Guard | None:
        """Return what bounds the estimates of a picture whose noise level is not told; measured once a picture."""
        if sigma is not None or not self.card.takes_sigma:
            return None
        if masked not in self._guards:
            self._guards[masked] = measure_guard(masked)
        return self._guards[masked]

    def _value_range(self, masked: MaskedImage) -> ValueRange:
        # What takes no noise level may be anything, and need not work alike at all scales.
        return measure_range(masked) if self.card.takes_sigma else ValueRange()

    def _clean_tiles(
        self,
        masked: MaskedImage,
        tiles: list[Tile],
        keep: Keep,
        sigma_input: float | None,
        strength: Strength,
        *,
        guard: Guard | None,
        progress: Callable[[int, int], None] | None = None,
        interrupt: Interrupt | None = None,
    ) -> Statistics:
        values = self._value_range(masked)
        largest = guard.largest(values.gain) if guard and self._session.takes_limit else None
        return clean_tiles(
            in_range(lambda noisy, level: self._run(noisy, level, interrupt, largest), values),
            masked,
            tiles,
            keep,
            sigma=sigma_input,
            strength=strength,
            guard=guard,
            batch_pixels=self._tile**2,
            workers=self._workers,
            progress=progress,
        )

    def _run(
        self,
        noisy: Floats,
        sigma_input: float | None,
        interrupt: Interrupt | None = None,
        largest: float | None = None,
    ) -> tuple[Floats, Floats | None]:
        """Run the network, whatever channels it takes; see `denoise_ae.restoration.cleaning.Run`."""

        def restore(pictures: Floats) -> tuple[Floats, Floats | None]:
            return self._session.restore(pictures, sigma_input, interrupt, largest=largest)

        count, channels, height, width = noisy.shape
        if channels == self.card.channels:
            clean, levels = restore(noisy)
        elif channels == 1:
            clean, levels = restore(noisy.repeat(self.card.channels, axis=1))
            clean = clean.mean(axis=1, keepdims=True)
        else:
            clean, levels = restore(noisy.reshape(-1, 1, height, width))
            clean = clean.reshape(noisy.shape)
        if levels is not None:
            levels = levels.reshape(count, -1, *levels.shape[2:]).mean(axis=1)
            if largest is not None and sigma_input:  # what was used
                levels = np.minimum(levels, largest / abs(sigma_input))
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


def check_strength(strength: float, luma: float | None = None, chroma: float | None = None) -> Strength:
    """Return how much is removed of luminance and colour.

    Args:
        strength: of what is not given for itself, 0 to 1.5.
        luma: strength for the luminance; None: `strength`.
        chroma: strength for the colour; None: `strength`.

    Raises:
        UsageError: one is out of range.
    """
    for value in (strength, luma, chroma):
        if value is not None and not STRENGTH_RANGE[0] <= value <= STRENGTH_RANGE[1]:
            raise UsageError(f"a strength of {value:g} is out of range", "give 0 (unchanged) to 1.5")
    return Strength(strength if luma is None else luma, strength if chroma is None else chroma)


def _overlap(write: slice, asked: slice) -> tuple[slice, slice]:
    """Return the overlap of what a tile writes and what is asked for, relative to the latter and to the former.

    Both are empty if there is none.
    """
    start = max(write.start, asked.start)
    stop = max(start, min(write.stop, asked.stop))
    return slice(start - asked.start, stop - asked.start), slice(start - write.start, stop - write.start)
