"""A picture that is open in the window."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from denoise_ae.desktop.picture.pyramid import reductions
from denoise_ae.errors import ImageError
from denoise_ae.imagefiles import images
from denoise_ae.imagefiles.formats import DEFAULT_MAX_PIXELS
from denoise_ae.imagefiles.picture import Picture
from denoise_ae.pixels.convert import from_unit, split_alpha, to_unit
from denoise_ae.pixels.masked import MaskedImage
from denoise_ae.restoration.hot_pixels import HotPixels, find_hot_pixels
from denoise_ae.system.files import read_whole


@dataclass(frozen=True, eq=False)
class Version:
    """The pixels of an open picture: as they are stored, or with its hot pixels filled.

    Attributes:
        pixels: without the orientation applied.
        masked: their colour as networks may see it.
        shown: HxWxC uint8 and its reductions by 2, 4, 8 ...: 1 or 3 channels, plus alpha if there is one.
        hot_pixels: how many were filled.
    """

    pixels: NDArray[Any] = field(repr=False)
    masked: MaskedImage
    shown: list[NDArray[np.uint8]] = field(repr=False)
    hot_pixels: int = 0


@dataclass(eq=False)
class Document:
    """An open picture.

    Attributes:
        picture: as decoded.
        source: its file; None for what was pasted.
        status: the file's when it was read.
        stored: its pixels.
        sound: the same with hot and dead pixels filled; None until `find_hot_pixels` is called.
        sigma: its noise in 8-bit steps as estimated without a model; None until it is needed.
    """

    picture: Picture
    source: Path | None
    status: os.stat_result | None
    stored: Version
    sound: Version | None = None
    sigma: float | None = None

    def find_hot_pixels(self) -> Version:
        """Return the picture with its hot and dead pixels filled, which are looked for once."""
        if self.sound is None:
            hot = find_hot_pixels(self.stored.masked)
            self.sound = _without(self.stored, hot) if hot else self.stored
        return self.sound

    @property
    def pixels(self) -> NDArray[Any]:
        """As stored, without the orientation applied."""
        return self.stored.pixels

    @property
    def orientation(self) -> int:
        """EXIF's, 1 to 8."""
        return self.picture.metadata.orientation

    @property
    def name(self) -> str:
        """The file's, without its folder; empty for what was pasted."""
        return self.source.name if self.source else ""

    @property
    def upright_size(self) -> tuple[int, int]:
        """Width and height of the upright picture."""
        height, width = self.pixels.shape[:2]
        return (height, width) if self.orientation >= 5 else (width, height)


def open_file(path: Path) -> Document:
    """Read a picture.

    Raises:
        ImageError: it can't be read, is damaged, too large, or holds several pages or frames.
    """
    try:
        data, status = read_whole(path)
    except IsADirectoryError as error:
        raise ImageError(f"{path}: this is a folder, not a picture") from error
    except OSError as error:
        raise ImageError(f"{path}: {error.strerror or error}") from error
    return open_bytes(data, str(path), path, status)


def open_bytes(
    data: bytes,
    name: str,
    source: Path | None = None,
    status: os.stat_result | None = None,
    *,
    max_pixels: int = DEFAULT_MAX_PIXELS,
) -> Document:
    """Decode a picture.

    Args:
        data: the file.
        name: of the file in messages.
        source: its path.
        status: its status when it was read.
        max_pixels: most pixels that it may have.

    Raises:
        ImageError: see `open_file`.
    """
    picture = images.decode(data, name, max_pixels)
    if len(picture.frames) > 1:
        message = f"{name}: holds {len(picture.frames)} pages or frames, and this view shows one picture"
        raise ImageError(message, "put it into the batch list, which cleans them all")
    return Document(picture, source, status, _version(picture.pixels))


def _version(pixels: NDArray[Any]) -> Version:
    return Version(pixels, MaskedImage(pixels, join_gray=True), reductions(to_shown(pixels)))


def _without(stored: Version, hot: HotPixels) -> Version:
    """Fill hot pixels in a copy, as `Denoiser.restore` does."""
    pixels = stored.pixels.copy()
    colour, _ = split_alpha(pixels)
    if stored.masked.channels == 1 and colour.ndim == 3:  # gray in three equal channels
        gray = colour[..., 0].copy()
        hot.fill(gray)
        colour[:] = gray[..., None]
    else:
        hot.fill(pixels)
    masked = MaskedImage(stored.pixels, join_gray=True)
    masked.correct(hot.rows, hot.columns, hot.channels, hot.values)
    return Version(pixels, masked, reductions(to_shown(pixels)), len(hot))


def to_shown(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """Return what a screen can show, HxWxC uint8: 16 bits and floating point are rounded and clipped."""
    if pixels.dtype == np.uint8:
        return np.atleast_3d(pixels)
    shown = np.empty(np.atleast_3d(pixels).shape, np.uint8)
    for top in range(0, len(pixels), 256):
        rows = np.nan_to_num(to_unit(pixels[top : top + 256]), nan=0, posinf=1, neginf=0)
        shown[top : top + 256] = np.atleast_3d(from_unit(rows, np.uint8))
    return shown


def channels_of(pixels: NDArray[Any]) -> int:
    """Return the colour's channels, 1 or 3."""
    colour, _ = split_alpha(pixels)
    return 1 if colour.ndim == 2 else 3
