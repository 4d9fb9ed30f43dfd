"""Decode strips and tiles of TIFF with the libtiff that Pillow brings, which is handed them as a file of its own."""

from __future__ import annotations

import ctypes
import io
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from denoise_ae.imagefiles.tiff_directory import CLASSIC, Field, Order, Tag, integers, write_directory


class Blocks(NamedTuple):
    """Strips or tiles in a file, whose header does not matter: where they begin, and how many bytes each has."""

    data: bytes
    offsets: Sequence[int]
    counts: Sequence[int]


def join(blocks: Sequence[memoryview | bytes]) -> Blocks:
    """Put blocks behind each other and the room that a header takes."""
    counts = [len(block) for block in blocks]
    return Blocks(b"".join([CLASSIC.head("<", 0), *blocks]), [*accumulate(counts[:-1], initial=8)], counts)


def decode(
    blocks: Blocks, size: tuple[int, int], block: tuple[int, int], fields: Mapping[int, int | Field], order: Order
) -> NDArray[Any]:
    """Decode strips or tiles that are told to be all of a picture.

    Args:
        blocks: strips or tiles, those beside each other first.
        size: rows and columns of the picture.
        block: rows of a strip, and 0; or rows and columns of a tile.
        fields: what else libtiff must know, in this byte order.
        order: of `fields`, and of what the blocks hold.

    Returns:
        HxW or HxWx3; uint8, or bool where it is bilevel.

    Raises:
        OSError: they are damaged. Where fields are, others too: ValueError, TypeError, LookupError, SyntaxError.
    """
    from PIL import Image
    from PIL.TiffImagePlugin import TiffImageFile

    _silence_libtiff()
    numbers: dict[int, Sequence[int]] = {Tag.HEIGHT: size[:1], Tag.WIDTH: size[1:]}
    if block[1]:
        numbers |= {Tag.TILE_HEIGHT: block[:1], Tag.TILE_WIDTH: block[1:]}
        numbers |= {Tag.TILES: blocks.offsets, Tag.TILE_COUNTS: blocks.counts}
    else:
        numbers |= {Tag.ROWS_PER_STRIP: block[:1], Tag.STRIPS: blocks.offsets, Tag.STRIP_COUNTS: blocks.counts}
    own = {tag: integers(order, field) if isinstance(field, int) else field for tag, field in fields.items()}
    own |= {tag: integers(order, *values) for tag, values in numbers.items()}
    out = io.BytesIO(blocks.data)
    start = out.seek(len(blocks.data) + len(blocks.data) % 2)
    out.write(write_directory(order, own, start))
    out.seek(0)
    out.write(CLASSIC.head(order, start))
    out.seek(0)
    image = TiffImageFile(out)
    image.im = Image.new(image.mode, image.size, None).im  # else Pillow asks whether it isn't too large, as was done
    return np.asarray(image)


def _silence_libtiff() -> None:
    """Keep libtiff from printing what it thinks of damaged strips: that they are is raised, as one line.

    Where it is built into Pillow, as on Windows, it is out of reach and goes on printing.
    """
    from PIL import _imaging

    with suppress(AttributeError, OSError):
        library = ctypes.CDLL(_imaging.__file__)  # through which those are found that it is linked to
        library.TIFFSetErrorHandler(None)
        library.TIFFSetWarningHandler(None)
