"""PNG's chunks, and the compression of what is in them."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from denoise_ae.imagefiles.picture import damaged

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_STEP_BYTES = 1 << 18
"""Rows are filtered and compressed this much at a time."""
_SLACK = 1 << 16
"""Bytes that the compressed pixels may take beside 9 a pixel, the most that a pixel can be. What is more would still be
expanded, a thousandfold and to no end."""


def read_chunks(data: bytes, name: str) -> Iterator[tuple[bytes, memoryview]]:
    """Yield each chunk's kind, and the chunk with its length, kind and checksum, up to and with IEND.

    Raises:
        ImageError: the file is cut short, or a checksum is wrong.
    """
    view = memoryview(data)
    start, kind = len(SIGNATURE), b""
    while kind != b"IEND":
        end = start + 12 + int.from_bytes(view[start : start + 4])
        if start + 12 > len(view) or end > len(view):
            raise damaged(name, "this PNG is cut short")
        if zlib.crc32(view[start + 4 : end - 4]) != int.from_bytes(view[end - 4 : end]):
            raise damaged(name, "this PNG is damaged (a checksum is wrong)")
        kind = bytes(view[start + 4 : start + 8])
        yield kind, view[start:end]
        start = end


def is_bomb(packed: int, width: int, height: int) -> bool:
    """Tell whether so many bytes of compressed pixels are more than pixels can need."""
    return packed > 9 * (width + 8) * (height + 8) + _SLACK


def write_chunk(out: io.BytesIO, kind: bytes, payload: bytes | memoryview) -> None:
    """Write a chunk, unless it is empty."""
    if payload or kind == b"IEND":
        out.write(struct.pack(">I", len(payload)) + kind)
        out.write(payload)
        out.write(struct.pack(">I", zlib.crc32(payload, zlib.crc32(kind))))


def compress(pixels: NDArray[Any]) -> Iterator[bytes]:
    """Filter and deflate pixels, a piece at a time."""
    height, width = pixels.shape[:2]
    samples = 1 if pixels.ndim == 2 else pixels.shape[2]
    # After filtering, runs are all that noise leaves to find: looking for more takes several times as long and gains
    # next to nothing, on photographs it even loses.
    press = zlib.compressobj(1, zlib.DEFLATED, zlib.MAX_WBITS, 8, zlib.Z_RLE)
    stride = width * samples * pixels.itemsize
    above = np.zeros((1, stride), np.uint8)
    step = max(1, _STEP_BYTES // stride)
    for top in range(0, height, step):
        rows = np.ascontiguousarray(pixels[top : top + step], pixels.dtype.newbyteorder(">"))
        raw = rows.view(np.uint8).reshape(-1, stride)
        yield press.compress(_filter(raw, above, samples * pixels.itemsize).data)
        above = raw[-1:]
    yield press.flush()


def _filter(raw: NDArray[np.uint8], above: NDArray[np.uint8], pixel: int) -> NDArray[np.uint8]:
    """Predict each row by its neighbours in the way that leaves the smallest differences (PNG 1.2, chapters 6 and 9.6).

    Args:
        raw: rows x bytes.
        above: the row before the first, 1 x bytes.
        pixel: bytes of a pixel.

    Returns:
        rows x (1 + bytes): the filter's number, then the differences.
    """
    up = np.concatenate([above, raw[:-1]])
    left, corner = np.zeros_like(raw), np.zeros_like(raw)
    left[:, pixel:] = raw[:, :-pixel]
    corner[:, pixel:] = up[:, :-pixel]
    average = (left & up) + ((left ^ up) >> 1)  # without the ninth bit
    candidates = [raw, raw - left, raw - up, raw - average, raw - _paeth(left, up, corner)]
    # Differences are signed bytes: 255 is as small as 1.
    costs = [np.minimum(differences, 0 - differences).sum(axis=1, dtype=np.uint32) for differences in candidates]
    best = np.argmin(costs, axis=0)
    filtered = np.empty((len(raw), raw.shape[1] + 1), np.uint8)
    filtered[:, 0] = best
    for number, differences in enumerate(candidates):
        filtered[best == number, 1:] = differences[best == number]
    return filtered


def _paeth(left: NDArray[np.uint8], up: NDArray[np.uint8], corner: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Take the neighbour that is nearest to left + up - corner."""
    to_left = up.astype(np.int16) - corner
    to_up = left.astype(np.int16) - corner
    to_corner = np.abs(to_left + to_up)
    to_left, to_up = np.abs(to_left), np.abs(to_up)
    use_left = (to_left <= to_up) & (to_left <= to_corner)
    return np.where(use_left, left, np.where(to_up <= to_corner, up, corner))
