"""Plan tiles: which windows of a picture the network reads, and which part of each result is kept.

If `overlap` covers half the receptive field, a kept pixel sees in its tile all that it would see in the whole picture,
so that tiled equals whole. Two things make it exact: tiles start at multiples of the network's size multiple, so that
its pooling grid lies as in the whole picture; and the picture's borders are tile borders, so that a network pads in the
same places. All tiles have one size, so that the runtime can reuse its memory.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Tile:
    """One tile, in pixels of the picture: rows, then columns."""

    read: tuple[slice, slice]
    """What the network reads; it may reach beyond the picture's lower and right borders, where pixels are mirrored."""
    write: tuple[slice, slice]
    """What is kept of the result, inside `read` and inside the picture."""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of `read`."""
        return self.read[0].stop - self.read[0].start, self.read[1].stop - self.read[1].start

    @property
    def kept(self) -> tuple[slice, slice]:
        """`write` relative to the start of `read`."""
        rows, columns = (
            slice(write.start - read.start, write.stop - read.start)
            for read, write in zip(self.read, self.write, strict=True)
        )
        return rows, columns

    def shifted(self, rows: int, columns: int) -> Tile:
        """Return the tile moved down and to the right by so many pixels."""

        def move(window: tuple[slice, slice]) -> tuple[slice, slice]:
            down, right = window
            return (
                slice(down.start + rows, down.stop + rows),
                slice(right.start + columns, right.stop + columns),
            )

        return Tile(move(self.read), move(self.write))


def round_up(value: int, multiple: int) -> int:
    """Return the smallest multiple that is not below `value`."""
    return -(-value // multiple) * multiple


def plan_tiles(
    height: int, width: int, tile: int, *, overlap: int = 0, multiple: int = 1, minimum: int = 1
) -> list[Tile]:
    """Cut a picture into tiles, row by row.

    The write windows cover each pixel once. The read windows all have one size, at most `tile` a side, chosen so that
    the tiles share the work evenly. A picture that fits into one tile is read whole.

    Args:
        height: of the picture, at least 1.
        width: of the picture, at least 1.
        tile: largest side of a read window; rounded down to the multiple.
        overlap: how far the network sees in each direction; rounded up to the multiple.
        multiple: starts and sides of read windows are multiples of it.
        minimum: smallest side of a read window.

    Raises:
        ValueError: the overlap leaves nothing of a tile.
    """
    tile = max(tile // multiple, -(-minimum // multiple)) * multiple
    overlap = round_up(overlap, multiple)
    rows = _cut(height, tile, overlap, multiple, minimum)
    columns = _cut(width, tile, overlap, multiple, minimum)
    return [
        Tile((read_rows, read_columns), (write_rows, write_columns))
        for read_rows, write_rows in rows
        for read_columns, write_columns in columns
    ]


def _cut(length: int, tile: int, overlap: int, multiple: int, minimum: int) -> list[tuple[slice, slice]]:
    """Cut one axis; return what is read and what is kept of each piece."""
    padded = round_up(max(length, minimum), multiple)
    if padded <= tile:
        return [(slice(0, padded), slice(0, length))]
    largest = tile - 2 * overlap
    if largest < multiple:
        raise ValueError(f"tiles of {tile} px are too small for an overlap of {overlap} px")
    # The first and the last piece also keep their overlap at the picture's border, so the cores divide `inner`.
    inner = padded - 2 * overlap
    core = round_up(max(-(-inner // -(-inner // largest)), minimum - 2 * overlap), multiple)
    count = -(-inner // core)
    side = core + 2 * overlap
    starts = [*range(0, (count - 1) * core, core), padded - side]
    edges = [0, *(start + overlap for start in starts[1:]), length]
    return [
        (slice(start, start + side), slice(low, high))
        for start, low, high in zip(starts, edges[:-1], edges[1:], strict=True)
    ]
