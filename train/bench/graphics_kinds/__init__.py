"""Pictures that are no photographs, drawn from a seed: every kind by its name."""

from __future__ import annotations

import zlib
from collections.abc import Callable

import numpy as np
from PIL import Image

from . import codes, drawings, patterns, text
from .canvas import MissingFontError as MissingFontError
from .codes import Picture as Picture

KINDS: dict[str, Callable[[np.random.Generator, int], Image.Image | Picture]] = {
    function.__name__: function
    for function in (
        text.text_latin,
        text.text_cyrillic,
        text.text_greek,
        text.text_cjk,
        text.text_arabic,
        text.text_devanagari,
        text.text_unsmoothed,
        text.text_subpixel,
        text.terminal,
        text.spreadsheet,
        text.interface,
        text.icons,
        codes.qr_codes,
        codes.bar_codes,
        codes.markers,
        codes.data_matrix,
        codes.label,
        drawings.sprites,
        drawings.tile_map,
        drawings.line_chart,
        drawings.scatter_chart,
        drawings.bar_chart,
        drawings.heat_map,
        drawings.street_map,
        drawings.contour_map,
        drawings.circuit,
        drawings.sheet_music,
        drawings.comic,
        patterns.engraving,
        patterns.halftone_dots,
        patterns.halftone_lines,
        patterns.halftone_colour,
        patterns.dither_ordered,
        patterns.dither_diffused,
        patterns.dither_palette,
        patterns.stipple,
        patterns.weave,
        patterns.knit,
        patterns.tartan,
        patterns.checkers,
        patterns.hatching,
        patterns.test_chart,
        patterns.stars,
        patterns.swatches,
        patterns.posterised,
        patterns.mosaic,
        patterns.labyrinth,
        patterns.maze,
    )
}


def draw(kind: str, seed: int, side: int) -> Picture:
    """Draw a square picture.

    Each kind has random numbers of its own, so that it stays the same whichever others are drawn before it.

    Args:
        kind: a name of `KINDS`.
        seed: another one draws another picture of the kind.
        side: height and width in pixels.

    Raises:
        MissingFontError: the kind needs a font that is not installed.
    """
    drawn = KINDS[kind](np.random.default_rng([seed, zlib.crc32(kind.encode())]), side)
    return drawn if isinstance(drawn, Picture) else Picture(np.array(drawn))
