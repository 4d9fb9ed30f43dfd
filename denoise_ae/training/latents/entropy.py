"""How many bytes latent codes take: rounded to steps, and each of their numbers entropy-coded by zlib.

A packed file can be unpacked, so that what is counted is what it would take, its tables and headers included.
"""

from __future__ import annotations

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

Whole = NDArray[np.int32]
Floats = NDArray[np.float32]

_HEAD = struct.Struct("<II")
"""Codes, and numbers in each."""
_COLUMN = struct.Struct("<BfiBI")
"""How it is packed, its step, its least value, bytes a value, bytes in all."""
_STORED, _HUFFMAN, _DEFLATE = range(3)
_LARGEST = 1 << 20
"""Steps from 0 beyond which rounding makes no sense."""


def spread_of(codes: Floats) -> Floats:
    """Return the standard deviation of each number of codes N x latent; 1 for those that never change."""
    deviations = codes.std(0)
    return np.where(deviations > 0, deviations, 1).astype(np.float32)


def round_codes(codes: Floats, steps: Floats) -> Whole:
    """Round each number of codes N x latent to whole steps; `steps` has one for each number."""
    whole: Whole = np.rint(codes / steps).clip(-_LARGEST, _LARGEST).astype(np.int32)
    return whole


def unround(whole: Whole, steps: Floats) -> Floats:
    """Return the codes that rounded ones stand for."""
    codes: Floats = (whole * steps).astype(np.float32)
    return codes


def pack(whole: Whole, steps: Floats) -> bytes:
    """Pack rounded codes, N x latent, number by number: each is a stream of its own, in the shortest of three ways."""
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
