"""Codec: the two halves of an autoencoder, from pictures to latent codes and back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from denoise_ae.errors import CodesError, ImageError, UsageError
from denoise_ae.modelfiles import catalog
from denoise_ae.modelfiles.card import ModelCard
from denoise_ae.modelfiles.graph import no_code
from denoise_ae.modelfiles.session import Session
from denoise_ae.pixels.convert import as_rgb, check_image, split_alpha, to_unit

DEFAULT_CODEC = "digits"
"""The model that encodes and decodes if none is named."""

DEFAULT_GENERATOR = "digits-vae"
"""The model that generates pictures if none is named."""

_TOGETHER = 256
"""Pictures in one run of the network."""

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
"""Weights of red, green and blue in luma (ITU-R BT.601)."""

Floats = NDArray[np.float32]


class Codec:
    """An autoencoder with a latent code, loaded once; several threads may share it.

    Args:
        model: the name of an installed model, or an ONNX file.
        device: ``auto``, ``cpu``, ``cuda``, ``dml``, ``coreml`` or ``openvino``.
        threads: CPU threads to use; None: as many as there are CPUs for this process.

    Attributes:
        card: describes the model; `card.latent` is the length of a code.
        cell: height and width of the pictures that it encodes.
        device: the device that it runs on.
        sha256: checksum of the model's file, which identifies its codes.

    Raises:
        ModelError: there is no such model, or it has no latent code.
        DeviceError: the named device is not available.
        UsageError: `threads` is below 1.
    """

    card: ModelCard
    cell: tuple[int, int]
    device: str
    sha256: str

    def __init__(self, model: str | Path = DEFAULT_CODEC, *, device: str = "auto", threads: int | None = None) -> None:
        found = catalog.find(model)
        if not found.card.latent or not found.card.fixed_size:
            raise no_code(found.card)
        self._session = Session(found.read(), device, threads, found.card.name, found.card)
        self.card, self.cell, self.sha256 = found.card, found.card.fixed_size, found.card.sha256
        self.device = self._session.device

    def encode(self, image: NDArray[Any]) -> Floats:
        """Return the latent code of a picture, or of each cell of a sheet, row by row: float32 cells x latent.

        Alpha is ignored. Models for gray pictures see the luma of colours, models for colour see gray as RGB.

        Args:
            image: HxW gray, HxWx2 gray with alpha, HxWx3 RGB or HxWx4 RGBA; uint8, uint16 or float32 (white is 1).
                Height and width are `cell`, or multiples of it.

        Raises:
            ImageError: the array is not a picture, has another size, or NaN or infinite pixels.
            ModelError: the model fails.
        """
        check_image(image)
        (height, width), (rows, columns) = image.shape[:2], self.cell
        if height % rows or width % columns:
            raise ImageError(
                f"the picture is {width} x {height} pixels: model {self.card.name} encodes {columns} x {rows}, "
                "or sheets of such cells",
                f"resize it to {columns} x {rows} pixels first",
            )
        colour = to_unit(split_alpha(image)[0])
        if not np.isfinite(colour).all():
            raise ImageError("the picture has NaN or infinite pixels", "replace them first")
        if self.card.channels == 3:
            planes = as_rgb(colour).transpose(2, 0, 1)
        else:
            planes = (colour @ _LUMA if colour.ndim == 3 else colour)[None]
        cells = planes.reshape(-1, height // rows, rows, width // columns, columns).transpose(1, 3, 0, 2, 4)
        return self.encode_cells(np.ascontiguousarray(cells.reshape(-1, len(planes), rows, columns)))

    def encode_cells(self, cells: Floats) -> Floats:
        """Return the latent codes, N x latent, of pictures of the model's own size.

        Args:
            cells: float32 N x channels x height x width as the card says, black at 0 and white at 1.

        Raises:
            ModelError: the model fails.
        """
        parts = [self._session.encode(cells[start : start + _TOGETHER]) for start in range(0, len(cells), _TOGETHER)]
        return np.concatenate(parts)

    def decode(self, codes: Floats, size: tuple[int, int] | None = None) -> Floats:
        """Decode codes to a picture.

        Args:
            codes: float32 cells x latent, finite, row by row.
            size: height and width of the picture: `cell`, or a multiple of it with as many cells as there are codes.
                None: `cell`, for one code.

        Returns:
            HxW gray or HxWx3 RGB, float32, clipped to 0 to 1.

        Raises:
            CodesError: the codes are not this model's, or their number does not match the size.
            ModelError: the model fails.
        """
        height, width = size or self.cell
        rows, columns = self.cell
        if height % rows or width % columns or (height // rows) * (width // columns) != len(codes):
            raise CodesError(
                f"{len(codes)} codes make no picture of {width} x {height} pixels",
                f"each is for {columns} x {rows} pixels",
            )
        return as_sheet(self.decode_cells(codes), width // columns)

    def decode_cells(self, codes: Floats) -> Floats:
        """Decode codes, float32 N x latent, to pictures N x channels x height x width, clipped to 0 to 1.

        Raises:
            CodesError: the codes are not this model's.
            ModelError: the model fails.
        """
        if codes.ndim != 2 or codes.shape[1] != self.card.latent or not np.isfinite(codes).all():
            raise CodesError(
                f"an array of {' x '.join(map(str, codes.shape))} holds no codes of model {self.card.name}",
                f"give finite numbers, {self.card.latent} for each code",
            )
        parts = [self._session.decode(codes[start : start + _TOGETHER]) for start in range(0, len(codes), _TOGETHER)]
        return np.concatenate(parts).clip(0, 1)

    def draw(self, count: int, seed: int = 0, spread: float = 1.0) -> Floats:
        """Draw random codes for new pictures, count x latent.

        Args:
            count: number of codes.
            seed: of the random numbers; the same seed gives the same codes.
            spread: standard deviation of each number: 1 as in training; less gives more typical pictures, with less
                variety.

        Raises:
            UsageError: the model is not variational: the distribution of its codes is unknown.
        """
        if not self.card.variational:
            raise UsageError(
                f"model {self.card.name} can't draw new pictures: its codes follow no known distribution",
                f"use a variational one, such as --model {DEFAULT_GENERATOR}; denoise-ae train --network vae makes one",
            )
        return np.random.default_rng(seed).standard_normal((count, self.card.latent), np.float32) * np.float32(spread)


def as_sheet(cells: Floats, columns: int) -> Floats:
    """Tile pictures N x channels x height x width, row by row, without gaps; missing ones are black.

    Returns:
        HxW gray or HxWx3 RGB.
    """
    count, channels, height, width = cells.shape
    rows = -(-count // columns)
    whole = np.zeros((rows * columns, channels, height, width), np.float32)
    whole[:count] = cells
    sheet: Floats = whole.reshape(rows, columns, channels, height, width).transpose(0, 3, 1, 4, 2)
    sheet = sheet.reshape(rows * height, columns * width, channels)
    return sheet[..., 0] if channels == 1 else sheet


def between(starts: Floats, ends: Floats, steps: int) -> Floats:
    """Interpolate linearly between pairs of codes, N x latent each, ends included: N * steps x latent."""
    shares = np.linspace(0, 1, steps, dtype=np.float32)[:, None]
    ways: Floats = starts[:, None] * (1 - shares) + ends[:, None] * shares
    return ways.reshape(-1, starts.shape[1])
