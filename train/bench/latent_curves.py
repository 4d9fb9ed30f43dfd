"""Bytes against PSNR for small gray pictures: rounded and entropy-coded codes, principal components, PNG and WebP.

A point of a curve is (PSNR in dB, bytes a picture). PSNR is the mean of the pictures' figures, on 0 to 255. Codes are
packed so that they can be unpacked again: what is counted is what a file would take, tables and headers included.
"""

from __future__ import annotations

import io
import math
import struct
import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from denoise_ae.codes.codec import Floats
from denoise_ae.training.latents.features import Pictures, component_codes

if TYPE_CHECKING:
    from sklearn.decomposition import PCA

Curve = Sequence[tuple[float, float]]
Whole = NDArray[np.int32]

GRAYS = (2, 3, 4, 5, 6, 8, 10, 12, 16, 24, 32, 48, 64, 96, 128, 256)
"""Numbers of gray levels that PNG is tried with; 256 are all."""

QUALITIES = (0, 1, 2, 3, 5, 7, 10, 15, 20, 30, 40, 50, 60, 70, 75, 80, 85, 90, 95, 100, None)
"""Qualities that WebP is tried with; None is lossless."""

COMPONENT_STEPS = tuple(2.0 ** (power / 2) for power in range(2, -9, -1))
"""Steps that principal components are rounded to, in standard deviations of all pixels."""

_HEAD = struct.Struct("<II")
"""Number of codes, and their length."""
_COLUMN = struct.Struct("<BfiBI")
"""Method, step, lowest value, bytes a value, bytes in all."""
_STORED, _HUFFMAN, _DEFLATE = range(3)
_LARGEST = 1 << 20
"""Number of steps from 0 beyond which rounding makes no sense."""


def spread_of(codes: Floats) -> Floats:
    """Return the standard deviation of each component of codes N x latent; 1 for those that never change."""
    deviations = codes.std(0)
    return np.where(deviations > 0, deviations, 1).astype(np.float32)


def round_codes(codes: Floats, steps: Floats) -> Whole:
    """Round each component of codes N x latent to multiples of its step."""
    return np.rint(codes / steps).clip(-_LARGEST, _LARGEST).astype(np.int32)


def pack(whole: Whole, steps: Floats) -> bytes:
    """Pack rounded codes, N x latent, each component as a stream of its own by the shortest of three methods."""
    parts = [_HEAD.pack(*whole.shape)]
    for column, step in zip(whole.T, steps, strict=True):
        least = int(column.min())
        width = next(width for width in (1, 2, 4) if int(column.max()) - least < 1 << (8 * width))
        # Byte planes, highest first: the high ones hardly change and shrink to nothing.
        planes = (column - least).astype(f">u{width}").view(np.uint8).reshape(-1, width).T.tobytes()
        ways = {_STORED: planes, _HUFFMAN: _deflate(planes, zlib.Z_HUFFMAN_ONLY), _DEFLATE: _deflate(planes)}
        way = min(ways, key=lambda way: len(ways[way]))
        parts += [_COLUMN.pack(way, step, least, width, len(ways[way])), ways[way]]
    return b"".join(parts)


def unpack(data: bytes) -> tuple[Whole, Floats]:
    """Return what `pack` was given."""
    count, latent = _HEAD.unpack_from(data)
    whole, steps = np.empty((count, latent), np.int32), np.empty(latent, np.float32)
    position = _HEAD.size
    for number in range(latent):
        way, steps[number], least, width, length = _COLUMN.unpack_from(data, position)
        position += _COLUMN.size
        packed = data[position : position + length]
        position += length
        planes = packed if way == _STORED else zlib.decompress(packed, wbits=-15)
        values = np.ascontiguousarray(np.frombuffer(planes, np.uint8).reshape(width, count).T)
        whole[:, number] = values.view(f">u{width}")[:, 0].astype(np.int64) + least
    return whole, steps


def _deflate(data: bytes, strategy: int = zlib.Z_DEFAULT_STRATEGY) -> bytes:
    """Compress without header and checksum."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15, 9, strategy)
    return packer.compress(data) + packer.flush()


def mean_psnr(restored: NDArray[np.floating], clean: NDArray[np.floating]) -> float:
    """Return the mean PSNR (dB) of pictures N x H x W on [0, 1]; equal ones count as 100 dB."""
    error = np.square(restored.astype(np.float32) - clean.astype(np.float32)).reshape(len(clean), -1).mean(1)
    return float((-10 * np.log10(np.maximum(error, 1e-10))).mean())


def cheapest(curve: Curve, decibels: float) -> float:
    """Return the fewest bytes of a curve's points with at least this PSNR; infinity where there is none."""
    return min((size for quality, size in curve if quality >= decibels - 1e-6), default=math.inf)


def as_sheet(pictures: Pictures) -> Pictures:
    """Arrange pictures in one that is about square; unused cells are black."""
    count, height, width = pictures.shape
    columns = math.ceil(math.sqrt(count))
    rows = -(-count // columns)
    whole = np.zeros((rows * columns, height, width), np.uint8)
    whole[:count] = pictures
    return whole.reshape(rows, columns, height, width).swapaxes(1, 2).reshape(rows * height, columns * width)


def _cut(sheet: Pictures, like: Pictures) -> Pictures:
    """Cut a sheet into its pictures: the inverse of `as_sheet`."""
    count, height, width = like.shape
    rows, columns = sheet.shape[0] // height, sheet.shape[1] // width
    return sheet.reshape(rows, height, columns, width).swapaxes(1, 2).reshape(-1, height, width)[:count]


def _files(pictures: Pictures, *, together: bool) -> Sequence[Pictures]:
    return [as_sheet(pictures)] if together else list(pictures)


def png_curve(pictures: Pictures, *, together: bool) -> Curve:
    """Return the curve of PNG with fewer and fewer gray levels, in as few bits as hold them.

    Args:
        pictures: what is written.
        together: in one sheet with one header; else in a file each.
    """
    points = []
    for grays in GRAYS:
        numbers = np.rint(pictures * ((grays - 1) / 255)).astype(np.uint8)
        shown = numbers * (np.float32(1) / (grays - 1))
        size = sum(_png(picture, grays) for picture in _files(numbers, together=together)) / len(pictures)
        points.append((mean_psnr(shown, pictures / 255), size))
    return points


def _png(numbers: Pictures, grays: int) -> int:
    """Return the bytes of a PNG of gray levels below `grays`: with a palette, or in 8 bits where that is shorter."""
    gray = np.rint(numbers * (255 / (grays - 1))).astype(np.uint8)
    sizes = [_size(Image.fromarray(gray))]
    if grays <= 16:
        indexed = Image.fromarray(numbers, "L")
        indexed.putpalette([value for gray in range(grays) for value in [round(gray * 255 / (grays - 1))] * 3])
        sizes.append(_size(indexed, bits=1 if grays == 2 else 2 if grays <= 4 else 4))
    return min(sizes)


def _size(picture: Image.Image, **options: int) -> int:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=True, **options)
    return buffer.tell()


def webp_curve(pictures: Pictures, *, together: bool) -> Curve:
    """Return the curve of WebP at each quality, and lossless, by its slowest method; see `png_curve`."""
    points = []
    for quality in QUALITIES:
        size, restored = 0, []
        for picture in _files(pictures, together=together):
            buffer = io.BytesIO()
            options = {"lossless": True, "quality": 100} if quality is None else {"quality": quality}
            Image.fromarray(picture).convert("RGB").save(buffer, "WEBP", method=6, **options)
            size += buffer.tell()
            restored.append(np.asarray(Image.open(buffer).convert("L")))
        shown = _cut(restored[0], pictures) if together else np.stack(restored)
        points.append((mean_psnr(shown / 255, pictures / 255), size / len(pictures)))
    return points


def project(components: PCA, pictures: Pictures, count: int) -> Floats:
    """Return pictures N x H x W projected on the first `count` principal components, clipped to [0, 1]."""
    return _restore(components, component_codes(components, pictures)[:, :count], pictures)


def _restore(components: PCA, codes: Floats, like: Pictures) -> Floats:
    flat = codes @ components.components_[: codes.shape[1]].astype(np.float32) + components.mean_.astype(np.float32)
    return flat.reshape(like.shape).clip(0, 1)


def component_curve(components: PCA, pictures: Pictures) -> Curve:
    """Return the curve of all principal components rounded to one step: transform coding.

    Most of the later ones round to 0, which takes next to nothing.
    """
    codes = component_codes(components, pictures)
    scale = float(pictures.std() / 255)
    points = []
    for step in COMPONENT_STEPS:
        steps = np.full(codes.shape[1], step * scale, np.float32)
        whole = round_codes(codes, steps)
        restored = _restore(components, (whole * steps).astype(np.float32), pictures)
        points.append((mean_psnr(restored, pictures / 255), len(pack(whole, steps)) / len(pictures)))
    return points
