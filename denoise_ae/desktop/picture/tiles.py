"""The view's pixmaps: square tiles, made when first visible and cached."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QByteArray
from PySide6.QtGui import QColorSpace, QImage, QPixmap

from denoise_ae.desktop.picture.canvas import CELL, Canvas, Window, add_share
from denoise_ae.desktop.picture.document import Document, channels_of
from denoise_ae.desktop.picture.orientation import to_stored
from denoise_ae.pixels.convert import upright
from denoise_ae.restoration.cleaning import Strength

SIDE = 256
"""Side of a tile in pixels of its level."""

MOST_TILES = 480
"""About 120 MB."""

GAIN = 3
"""Amplification of the difference: noise of 5 steps becomes clearly visible, noise of 40 is not clipped."""

UNDONE = 0.42
"""Brightness of what is neither clean nor previewed yet."""

_CHECKS = 8
_LIGHT, _DARK = 204, 153


class Kind(StrEnum):
    """What is shown of a picture."""

    ORIGINAL = "original"
    RESULT = "result"
    DIFFERENCE = "difference"


@dataclass(frozen=True)
class Layer:
    """One way to show the picture."""

    kind: Kind
    canvas: Canvas | None = None
    """None: the picture is unchanged, as at strength 0."""
    mix: Strength = field(default_factory=Strength)
    title: str = ""


class Tiles:
    """Makes and caches the tiles of one document.

    Args:
        document: to show.
    """

    def __init__(self, document: Document) -> None:
        self._document = document
        self._kept: OrderedDict[tuple[Kind, int, Strength, int, int, int], tuple[Canvas | None, QPixmap]] = (
            OrderedDict()
        )
        icc = document.picture.metadata.icc
        space = QColorSpace.fromIccProfile(QByteArray(icc)) if icc else QColorSpace()
        srgb = QColorSpace(QColorSpace.NamedColorSpace.SRgb)
        self._space = space if space.isValid() and space != srgb else None
        self._srgb = srgb

    def level_size(self, level: int) -> tuple[int, int]:
        """Return width and height of a level, upright."""
        height, width = self._document.stored.shown[level].shape[:2]
        return (height, width) if self._document.orientation >= 5 else (width, height)

    @property
    def levels(self) -> int:
        """Number of levels, with the picture itself."""
        return len(self._document.stored.shown)

    def get(self, layer: Layer, level: int, row: int, column: int) -> QPixmap:
        """Return a tile, from the cache or a new one."""
        key = layer.kind, id(layer.canvas), layer.mix, level, row, column
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key][1]
        pixmap = QPixmap.fromImage(self._make(layer, level, row, column))
        self._kept[key] = layer.canvas, pixmap  # the canvas too, so that no other one can get its id
        while len(self._kept) > MOST_TILES:
            self._kept.popitem(last=False)
        return pixmap

    def forget(self, canvas: Canvas, window: Window) -> None:
        """Drop the tiles that show a part of a canvas, which has changed."""
        for key in [key for key, (owner, _) in self._kept.items() if owner is canvas]:
            _, _, _, level, row, column = key
            touched = self._stored(level, row, column)
            scaled = [slice(part.start << level, part.stop << level) for part in touched]
            if all(
                one.start < other.stop and other.start < one.stop for one, other in zip(scaled, window, strict=True)
            ):
                del self._kept[key]

    def _stored(self, level: int, row: int, column: int) -> Window:
        width, height = self.level_size(level)
        seen = (
            slice(row * SIDE, min((row + 1) * SIDE, height)),
            slice(column * SIDE, min((column + 1) * SIDE, width)),
        )
        shape = self._document.stored.shown[level].shape
        return to_stored(seen, self._document.orientation, (shape[0], shape[1]))

    def _make(self, layer: Layer, level: int, row: int, column: int) -> QImage:
        window = self._stored(level, row, column)
        pixels = upright(draw(self._document, layer, level, window), self._document.orientation)
        image = to_image(pixels)
        if self._space is not None and layer.kind is not Kind.DIFFERENCE:
            image.setColorSpace(self._space)
            image.convertToColorSpace(self._srgb)
        return image


def to_image(pixels: NDArray[np.uint8]) -> QImage:
    """Copy HxWx3 RGB into an image."""
    height, width = pixels.shape[:2]
    pixels = np.ascontiguousarray(pixels)
    return QImage(pixels.data, width, height, 3 * width, QImage.Format.Format_RGB888).copy()


def draw(document: Document, layer: Layer, level: int, window: Window) -> NDArray[np.uint8]:
    """Draw a part of a level as stored, HxWx3 RGB, with a chequered background behind transparent pixels."""
    shown = document.stored.shown[level][window]
    channels = channels_of(document.pixels)
    colour: NDArray[Any] = shown[..., :channels]
    if layer.kind is not Kind.ORIGINAL and layer.canvas and layer.mix:
        clean = _cleaned(document, layer.canvas, layer.mix, level, window)
        if layer.kind is Kind.DIFFERENCE:  # noisy minus clean, around a middle gray
            clean = 128 + GAIN * (colour - clean)
        colour = np.rint(np.clip(clean, 0, 255, out=clean), out=clean).astype(np.uint8)
    elif layer.kind is Kind.DIFFERENCE:
        colour = np.full(colour.shape, 128, np.uint8)
    if colour.shape[2] == 1:
        colour = colour.repeat(3, axis=2)
    if shown.shape[2] > channels and layer.kind is not Kind.DIFFERENCE:
        colour = _on_checks(colour, shown[..., channels:], window)
    if layer.canvas and layer.mix and layer.kind is not Kind.ORIGINAL:
        colour = _dimmed(colour, layer.canvas, level, window)
    return colour


def _cleaned(document: Document, canvas: Canvas, mix: Strength, level: int, window: Window) -> NDArray[np.float32]:
    """Return a part of a level with a share of the residual, HxWxC, 0 to 255 where it need not be clipped."""
    base = canvas.base or document.stored
    clean = base.shown[level][window][..., : channels_of(document.pixels)].astype(np.float32)
    clean /= 255
    add_share(clean, canvas.levels[level][window], mix)
    clean *= 255
    return clean


def _on_checks(colour: NDArray[np.uint8], alpha: NDArray[np.uint8], window: Window) -> NDArray[np.uint8]:
    rows, columns = (np.arange(part.start, part.stop) // _CHECKS for part in window)
    ground = np.where((rows[:, None] + columns) % 2, _DARK, _LIGHT)[..., None]
    opacity = alpha / np.float32(255)
    mixed: NDArray[np.uint8] = (colour * opacity + ground * (1 - opacity)).astype(np.uint8)
    return mixed


def _dimmed(colour: NDArray[np.uint8], canvas: Canvas, level: int, window: Window) -> NDArray[np.uint8]:
    """Darken what is neither clean nor previewed yet."""
    rows, columns = (
        np.minimum((np.arange(part.start, part.stop) << level) // CELL, count - 1)
        for part, count in zip(window, canvas.done.shape, strict=True)
    )
    undone = ~(canvas.done | canvas.previewed)[rows][:, columns]
    if not undone.any():
        return colour
    dimmed: NDArray[np.uint8] = np.where(undone[..., None], (colour * np.float32(UNDONE)).astype(np.uint8), colour)
    return dimmed
