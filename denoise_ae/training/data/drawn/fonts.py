"""Fonts, the scripts that they have, and made-up words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import ImageDraw, ImageFont, features

from denoise_ae.training.data.drawn.base import Colour

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

_STRIKES = (12, 14, 16, 18, 20, 22, 24, 28, 32)
"""Sizes that fonts made of bitmaps tend to have."""


@dataclass(frozen=True)
class Script:
    """Letters of one script: the ranges they lie in, how often it is drawn, and whether letters join."""

    ranges: tuple[tuple[int, int], ...]
    weight: float
    shaped: bool = False


SCRIPTS = {
    "latin": Script(((97, 122), (97, 122), (97, 122), (65, 90), (48, 57), (0xE0, 0xF6)), 45),
    "signs": Script(((33, 64), (91, 96), (123, 126), (48, 57)), 5),
    "cyrillic": Script(((0x410, 0x42F), (0x430, 0x44F), (0x430, 0x44F)), 8),
    "greek": Script(((0x391, 0x3A1), (0x3B1, 0x3C9), (0x3B1, 0x3C9)), 4),
    "han": Script(((0x4E00, 0x9000),), 12),
    "kana": Script(((0x3042, 0x3093), (0x30A2, 0x30F3), (0x4E00, 0x6000)), 5),
    "hangul": Script(((0xAC00, 0xD7A3),), 5),
    "arabic": Script(((0x627, 0x63A), (0x641, 0x64A)), 5, True),
    "hebrew": Script(((0x5D0, 0x5EA),), 3),
    "devanagari": Script(((0x915, 0x939), (0x915, 0x939), (0x93E, 0x94C)), 4, True),
    "thai": Script(((0xE01, 0xE2E), (0xE30, 0xE39)), 4, True),
    "bengali": Script(((0x995, 0x9A8), (0x9AA, 0x9B0)), 1, True),
    "tamil": Script(((0xBAE, 0xBB5), (0xBBE, 0xBC2)), 1, True),
    "telugu": Script(((0xC15, 0xC28), (0xC3E, 0xC44)), 1, True),
    "georgian": Script(((0x10D0, 0x10F0),), 1),
    "armenian": Script(((0x561, 0x586), (0x531, 0x556)), 1),
    "ethiopic": Script(((0x1200, 0x1246),), 1),
    "khmer": Script(((0x1780, 0x17A2),), 1, True),
    "tibetan": Script(((0xF49, 0xF6A),), 1, True),
    "cherokee": Script(((0x13A0, 0x13F4),), 1),
    "braille": Script(((0x2801, 0x28FF),), 1),
    "arrows": Script(((0x2190, 0x21D4), (0x2200, 0x22B0)), 1),
    "boxes": Script(((0x2500, 0x257F), (0x2580, 0x259F)), 1),
}


def find_fonts() -> list[Path]:
    """Find the fonts of the system and those that matplotlib brings.

    Returns:
        Their files, sorted; none where there are none.
    """
    folders = [
        Path("/usr/share/fonts"),
        Path("/usr/local/share/fonts"),
        Path("/System/Library/Fonts"),
        Path("C:/Windows/Fonts"),
    ]
    spec = find_spec("matplotlib")
    if spec is not None and spec.origin is not None:
        folders.append(Path(spec.origin).parent / "mpl-data" / "fonts" / "ttf")
    suffixes = (".ttf", ".otf", ".ttc", ".otb")
    return sorted(
        path for folder in folders if folder.is_dir() for path in folder.rglob("*") if path.suffix.lower() in suffixes
    )


@lru_cache(maxsize=128)  # each font of a file holds that file open
def load_font(path: Path | None, size: int, shaped: bool = False) -> Font:
    """Open a font, or Pillow's own without a path.

    Args:
        path: the font's file.
        size: height in pixels; a font of bitmaps gives its nearest one.
        shaped: whether letters join and change, as Arabic ones do (slower).
    """
    if path is None:
        return ImageFont.load_default(size)
    engine = ImageFont.Layout.RAQM if shaped and features.check("raqm") else ImageFont.Layout.BASIC
    for height in (size, *sorted(_STRIKES, key=lambda strike: abs(strike - size))):
        try:
            return ImageFont.truetype(str(path), height, layout_engine=engine)
        except OSError:
            continue
    return ImageFont.load_default(size)


def _can_write(path: Path, script: Script) -> bool:
    # A letter that is missing looks like every other missing one, so three different shapes are three letters.
    font = load_font(path, 14)
    first, last = script.ranges[0]
    letters = (first, (first + last) // 2, last - 1)
    try:
        shapes = {bytes(font.getmask(chr(letter))) for letter in letters}
    except (OSError, ValueError):
        return False
    return len(shapes) == len(letters) and all(any(shape) for shape in shapes)


@lru_cache(maxsize=4)
def _fonts_by_script(fonts: tuple[Path, ...]) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {name: [] for name in SCRIPTS}
    for path in fonts:  # font by font, since opening one is the dear part
        for name, script in SCRIPTS.items():
            if _can_write(path, script):
                found[name].append(path)
    return {name: paths for name, paths in found.items() if paths}


@lru_cache(maxsize=4096)
def _letters(path: Path | None, name: str) -> npt.NDArray[np.int64]:
    # The letters of a script that a font has; of thousands, some spread over all.
    every = np.concatenate([np.arange(first, last + 1) for first, last in SCRIPTS[name].ranges])
    every = every[:: max(1, len(every) // 120)]
    font = load_font(path, 12)
    missing = bytes(font.getmask(chr(0xFFFE)))
    there = {letter: bytes(font.getmask(chr(letter))) not in (missing, b"") for letter in set(every.tolist())}
    kept = every[[there[letter] for letter in every.tolist()]]
    return kept if len(kept) else every


@dataclass(frozen=True)
class Pen:
    """A font and the letters to write with it."""

    font: Font
    letters: npt.NDArray[np.int64]
    advance: float
    size: int

    def words(self, rng: np.random.Generator, length: int) -> str:
        """Make up words of `length` letters in all."""
        codes = self.letters[rng.integers(0, len(self.letters), max(1, length))]
        codes[rng.random(len(codes)) < 0.16] = 32
        return "".join(map(chr, codes.tolist()))

    def fitting(self, rng: np.random.Generator, width: float) -> str:
        """Make up words about `width` pixels wide."""
        return self.words(rng, round(width / self.advance))


def write(
    draw: ImageDraw.ImageDraw,
    place: tuple[float, float],
    text: str,
    pen: Pen,
    *,
    ink: Colour,
    halo: int,
    around: Colour,
) -> None:
    """Write with an outline `halo` pixels wide, or without one where a font of bitmaps can't have it."""
    try:
        draw.text(place, text, ink, pen.font, stroke_width=halo, stroke_fill=around)
    except OSError:
        draw.text(place, text, ink, pen.font)


def pick_pen(rng: np.random.Generator, fonts: Sequence[Path], size: int, plain: bool = False) -> Pen:
    """Choose a script and one of the fonts that have it.

    Args:
        rng: where chance comes from.
        fonts: fonts to choose from; without any, Pillow's own writes Latin.
        size: height in pixels.
        plain: write Latin letters or digits only.
    """
    by_script = _fonts_by_script(tuple(fonts)) if fonts else {}
    names = [name for name in by_script if not plain or name in ("latin", "signs")]
    path: Path | None = None
    name = "latin"
    if names:
        weights = np.array([SCRIPTS[name].weight for name in names])
        name = names[int(rng.choice(len(names), p=weights / weights.sum()))]
        path = by_script[name][int(rng.integers(len(by_script[name])))]
    letters = _letters(path, name)
    font = load_font(path, size, SCRIPTS[name].shaped)
    sample = "".join(map(chr, letters[:: max(1, len(letters) // 5)].tolist()))
    return Pen(font, letters, max(1.5, font.getlength(sample) / len(sample)), size)


def write_lines(
    draw: ImageDraw.ImageDraw, rng: np.random.Generator, pen: Pen, ink: Colour | int, box: tuple[int, int, int, int]
) -> None:
    """Fill a box with lines of made-up words, some of them shorter."""
    left, top, right, bottom = box
    leading = max(pen.size + 1, int(pen.size * rng.uniform(1.05, 1.6)))
    for y in range(top, bottom - pen.size // 2, leading):
        width = (right - left) * (1 if rng.random() < 0.8 else rng.random())
        draw.text((left, y), pen.fitting(rng, width), ink, pen.font)
