"""Curves of size against quality for small gray pictures: PNG with fewer grays, WebP, and principal components.

A point is (PSNR in dB, bytes a picture). PSNR is the mean of the pictures' figures, on 0 to 255.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from denoise_ae.errors import PackageError
from denoise_ae.training.latents.entropy import pack, round_codes, unround

if TYPE_CHECKING:
    from sklearn.decomposition import PCA

Curve = Sequence[tuple[float, float]]
"""Points (dB, bytes a picture)."""

Pictures = NDArray[np.uint8]
"""N x H x W."""

GRAYS = (2, 3, 4, 5, 6, 8, 10, 12, 16, 24, 32, 48, 64, 96, 128, 256)
"""Numbers of grays that PNG is tried with; 256 are all."""

QUALITIES = (0, 1, 2, 3, 5, 7, 10, 15, 20, 30, 40, 50, 60, 70, 75, 80, 85, 90, 95, 100)
"""WebP's qualities that are tried; without loss besides."""

COMPONENT_STEPS = tuple(2.0 ** (power / 2) for power in range(2, -9, -1))
"""Steps that principal components are rounded to, in units of all pixels' standard deviation."""

_LEAST_ERROR = 1e-10


def mean_psnr(restored: NDArray[np.floating], clean: NDArray[np.floating]) -> float:
    """Return the mean of the PSNR (dB) of pictures N x H x W on [0, 1]; equal ones have 100 dB."""
    error = np.square(restored.astype(np.float32) - clean.astype(np.float32)).reshape(len(clean), -1).mean(1)
    return float((-10 * np.log10(np.maximum(error, _LEAST_ERROR))).mean())


def cheapest(curve: Curve, decibels: float) -> float:
    """Return the fewest bytes of a curve's points that have at least this PSNR; infinity where none has."""
    return min((size for quality, size in curve if quality >= decibels - 1e-6), default=math.inf)


def as_sheet(pictures: Pictures) -> Pictures:
    """Put pictures side by side into one that is about square; what is left over is black."""
    count, height, width = pictures.shape
    columns = math.ceil(math.sqrt(count))
    rows = -(-count // columns)
    whole = np.zeros((rows * columns, height, width), np.uint8)
    whole[:count] = pictures
    return whole.reshape(rows, columns, height, width).swapaxes(1, 2).reshape(rows * height, columns * width)


def png_curve(pictures: Pictures, *, together: bool) -> Curve:
    """Return what PNG takes with fewer and fewer grays, in as few bits as hold them.

    Args:
        pictures: what is written.
        together: in one sheet, so that all share one header; else in a file each.
    """
    points = []
    for grays in GRAYS:
        numbers = np.rint(pictures * ((grays - 1) / 255)).astype(np.uint8)
        shown = numbers * (np.float32(1) / (grays - 1))
        size = sum(_png(picture, grays) for picture in _files(numbers, together=together)) / len(pictures)
        points.append((mean_psnr(shown, pictures / 255), size))
    return points


def _files(pictures: Pictures, *, together: bool) -> Sequence[Pictures]:
    return [as_sheet(pictures)] if together else list(pictures)


def _png(numbers: Pictures, grays: int) -> int:
    """Return the bytes of a PNG whose pixels are numbers of grays: with a palette, or as 8-bit gray where shorter."""
    gray = np.rint(numbers * (255 / (grays - 1))).astype(np.uint8)
    sizes = [_size(Image.fromarray(gray), "PNG", optimize=True)]
    if grays <= 16:
        indexed = Image.fromarray(numbers, "L")
        indexed.putpalette([value for gray in range(grays) for value in [round(gray * 255 / (grays - 1))] * 3])
        bits = 1 if grays == 2 else 2 if grays <= 4 else 4
        sizes.append(_size(indexed, "PNG", optimize=True, bits=bits))
    return min(sizes)


def _size(picture: Image.Image, file_format: str, **options: object) -> int:
    buffer = io.BytesIO()
    picture.save(buffer, file_format, **options)
    return buffer.tell()


def webp_curve(pictures: Pictures, *, together: bool, progress: Callable[[], None] = lambda: None) -> Curve:
    """Return what WebP takes at each quality, and without loss, with the slowest and best compression.

    Args:
        pictures: what is written.
        together: see `png_curve`.
        progress: called after each quality.
    """
    points = []
    for quality in (*QUALITIES, None):
        size, restored = 0, []
        for picture in _files(pictures, together=together):
            buffer = io.BytesIO()
            options = {"lossless": True, "quality": 100} if quality is None else {"quality": quality}
            Image.fromarray(picture).convert("RGB").save(buffer, "WEBP", method=6, **options)
            size += buffer.tell()
            restored.append(np.asarray(Image.open(buffer).convert("L")))
        shown = _cut(restored[0], pictures) if together else np.stack(restored)
        points.append((mean_psnr(shown / 255, pictures / 255), size / len(pictures)))
        progress()
    return points


def _cut(sheet: Pictures, like: Pictures) -> Pictures:
    """Cut a sheet into its pictures: the opposite of `as_sheet`."""
    count, height, width = like.shape
    rows, columns = sheet.shape[0] // height, sheet.shape[1] // width
    return sheet.reshape(rows, height, columns, width).swapaxes(1, 2).reshape(-1, height, width)[:count]


def fit_components(pictures: Pictures, most: int) -> PCA:
    """Find the principal components of pictures, the first `most` of them, with scikit-learn.

    Raises:
        PackageError: scikit-learn is missing.
    """
    try:
        from sklearn.decomposition import PCA
    except ImportError:
        raise missing_sklearn() from None
    flat = pictures.reshape(len(pictures), -1).astype(np.float32) / 255
    return PCA(min(most, *flat.shape), svd_solver="covariance_eigh").fit(flat)


def missing_sklearn() -> PackageError:
    """Return the error for scikit-learn that is not installed."""
    return PackageError(
        "this needs scikit-learn, which is not installed", "install it with: pip install 'denoise-ae[features]'"
    )


def project(components: PCA, pictures: Pictures, count: int) -> NDArray[np.float32]:
    """Return what the first `count` principal components leave of pictures: N x H x W, cut to [0, 1]."""
    return _restore(components, component_codes(components, pictures)[:, :count], pictures)


def component_codes(components: PCA, pictures: Pictures) -> NDArray[np.float32]:
    """Return the principal components of pictures, N x components."""
    flat = pictures.reshape(len(pictures), -1).astype(np.float32) / 255
    codes: NDArray[np.float32] = components.transform(flat).astype(np.float32)
    return codes


def _restore(components: PCA, codes: NDArray[np.float32], like: Pictures) -> NDArray[np.float32]:
    flat = codes @ components.components_[: codes.shape[1]].astype(np.float32) + components.mean_.astype(np.float32)
    restored: NDArray[np.float32] = flat.reshape(like.shape).clip(0, 1)
    return restored


def component_curve(components: PCA, pictures: Pictures) -> Curve:
    """Return what all principal components take when they are rounded to one step: transform coding.

    Most of the later ones round to 0 then, which takes next to nothing.
    """
    codes = component_codes(components, pictures)
    scale = float(pictures.std() / 255)
    points = []
    for step in COMPONENT_STEPS:
        steps = np.full(codes.shape[1], step * scale, np.float32)
        whole = round_codes(codes, steps)
        quality = mean_psnr(_restore(components, unround(whole, steps), pictures), pictures / 255)
        points.append((quality, len(pack(whole, steps)) / len(pictures)))
    return points
