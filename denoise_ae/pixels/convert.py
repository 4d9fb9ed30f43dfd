"""Convert arrays of pixels: colour and alpha, integers to [0, 1] and back, EXIF orientation.

Pictures are HxW gray, HxWx2 gray with alpha, HxWx3 RGB or HxWx4 RGBA; uint8, uint16 or float32.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from denoise_ae.errors import ImageError

_CHUNK_PIXELS = 1 << 18
"""Pixels converted at a time, so that temporary copies stay small."""


def check_image(image: NDArray[Any]) -> None:
    """Check that an array is a picture: HxW, HxWx2, HxWx3 or HxWx4; uint8, uint16 or float32; not empty.

    Raises:
        ImageError: it is not.
    """
    if not isinstance(image, np.ndarray) or image.dtype not in (np.uint8, np.uint16, np.float32):
        kind = image.dtype if isinstance(image, np.ndarray) else type(image).__name__
        raise ImageError(f"the picture is {kind}, not an array of uint8, uint16 or float32")
    if image.size == 0 or not (image.ndim == 2 or (image.ndim == 3 and image.shape[2] in (2, 3, 4))):
        shape = " x ".join(map(str, image.shape))
        raise ImageError(f"an array of shape {shape} is not a picture", "give HxW, HxWx2, HxWx3 or HxWx4, not empty")


def peak_of(dtype: DTypeLike) -> float:
    """Return what white is for a type of pixel: 255, 65535, or 1.0 for floating point.

    Raises:
        TypeError: for any other type.
    """
    kind = np.dtype(dtype)
    if kind in (np.uint8, np.uint16):
        return float(np.iinfo(kind).max)
    if kind.kind == "f":
        return 1.0
    raise TypeError(f"pixels must be uint8, uint16 or floating point, not {kind}")


def to_unit(pixels: NDArray[Any]) -> NDArray[np.float32]:
    """Scale pixels to float32 with black at 0 and white at 1; floating point is neither scaled nor clipped."""
    scaled: NDArray[np.float32] = pixels.astype(np.float32) / np.float32(peak_of(pixels.dtype))
    return scaled


def from_unit(unit: NDArray[np.floating[Any]], dtype: DTypeLike) -> NDArray[Any]:
    """Scale [0, 1] back to a type of pixel: integers are rounded and clipped, floating point is not.

    ``from_unit(to_unit(x), x.dtype)`` is `x` again, bit for bit.
    """
    kind = np.dtype(dtype)
    if kind.kind == "f":
        return unit.astype(kind)
    peak = np.float32(peak_of(kind))
    whole: NDArray[Any] = np.rint(np.clip(unit * peak, 0, peak)).astype(kind)
    return whole


def store_unit(unit: NDArray[np.float32], out: NDArray[Any]) -> None:
    """Write [0, 1] into pixels of the same shape, as `from_unit` does, but in place; `unit` is overwritten."""
    if out.dtype.kind != "f":
        peak = np.float32(peak_of(out.dtype))
        unit *= peak
        np.clip(unit, 0, peak, out=unit)
        np.rint(unit, out=unit)
    np.copyto(out, unit, casting="unsafe")


def split_alpha(pixels: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Return views of the colour (HxW or HxWx3) and of the alpha (HxW; None without alpha)."""
    if pixels.ndim == 3 and pixels.shape[2] in (2, 4):
        colour = pixels[..., 0] if pixels.shape[2] == 2 else pixels[..., :3]
        return colour, pixels[..., -1]
    return pixels, None


def join_alpha(colour: NDArray[Any], alpha: NDArray[Any] | None) -> NDArray[Any]:
    """Append alpha to the colour; the inverse of `split_alpha`."""
    joined: NDArray[Any] = colour if alpha is None else np.dstack([colour, alpha])
    return joined


def as_rgb(colour: NDArray[Any]) -> NDArray[Any]:
    """Return HxWx3: gray repeated three times, RGB unchanged."""
    return colour if colour.ndim == 3 else np.dstack([colour] * 3)


def upright(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Apply an EXIF orientation (1 to 8), so that the picture stands upright."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    # After transposing, flip the axes that run backwards.
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def chunks(pixels: NDArray[Any]) -> list[NDArray[Any]]:
    """Split into views of a few rows each."""
    step = max(1, _CHUNK_PIXELS // pixels.shape[1])
    return [pixels[top : top + step] for top in range(0, len(pixels), step)]


def is_gray(pixels: NDArray[Any]) -> bool:
    """Tell whether red, green and blue are equal everywhere in RGB or RGBA."""
    return all((rows[..., :1] == rows[..., 1:3]).all() for rows in chunks(pixels))
