"""Map parts of an upright picture to the picture as stored; see `denoise_ae.pixels.convert.upright`."""

from __future__ import annotations

from denoise_ae.desktop.picture.canvas import Window


def to_stored(window: Window, orientation: int, shape: tuple[int, int]) -> Window:
    """Map a window of the upright picture to the stored one.

    Args:
        window: rows and columns of the upright picture.
        orientation: EXIF's, 1 to 8.
        shape: height and width as stored.
    """
    height, width = shape[::-1] if orientation >= 5 else shape
    rows, columns = window
    if orientation in (3, 4, 7, 8):
        rows = slice(height - rows.stop, height - rows.start)
    if orientation in (2, 3, 6, 7):
        columns = slice(width - columns.stop, width - columns.start)
    return (columns, rows) if orientation >= 5 else (rows, columns)


def to_stored_point(point: tuple[float, float], orientation: int, shape: tuple[int, int]) -> tuple[float, float]:
    """Map a point (row, column) of the upright picture to the stored one."""
    height, width = shape[::-1] if orientation >= 5 else shape
    row, column = point
    if orientation in (3, 4, 7, 8):
        row = height - row
    if orientation in (2, 3, 6, 7):
        column = width - column
    return (column, row) if orientation >= 5 else (row, column)
