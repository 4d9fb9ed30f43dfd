"""Codes that machines read, of modules of 2 to 6 pixels, and readers that tell which can still be read."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .canvas import canvas, ink, own_font, paper
from .text import PLAIN, phrase

ODD = ["0001101", "0011001", "0010011", "0111101", "0100011", "0110001", "0101111", "0111011", "0110111", "0001011"]
"""EAN-13's digits: those of odd parity, from which the other two sets follow."""
PARITIES = ["OOOOOO", "OOEOEE", "OOEEOE", "OOEEEO", "OEOOEE", "OEEOOE", "OEEEOO", "OEOEOE", "OEOEEO", "OEEOEO"]
"""Which of the left half's digits have odd parity and which even, for each first digit."""

SWAPPED = str.maketrans("01", "10")
"""Turns light into dark. Digits of the right half are those of odd parity so; of even parity, also back to front."""

ENLARGED = (1, 2, 3, 4)


Reader = Callable[[NDArray[np.uint8]], Iterable[str]]
"""Returns what can be read from a picture."""


@dataclass(frozen=True)
class Code:
    """A code in a picture."""

    content: str
    rows: slice
    columns: slice
    read: Reader


@dataclass(frozen=True)
class Picture:
    """A picture, and the codes in it."""

    pixels: NDArray[np.uint8]
    """Height x width x 3."""
    codes: tuple[Code, ...] = ()


def readable(pixels: NDArray[np.uint8], codes: Iterable[Code]) -> set[int]:
    """Return the numbers of those codes that can be read.

    Each is cut out and tried at several sizes: the readers fail now and then at one size, on faultless codes too.
    """
    return {number for number, code in enumerate(codes) if _readable(pixels[code.rows, code.columns], code)}


def _readable(part: NDArray[np.uint8], code: Code) -> bool:
    for way in (cv2.INTER_NEAREST, cv2.INTER_CUBIC):
        for times in ENLARGED:
            enlarged = np.asarray(cv2.resize(part, None, fx=times, fy=times, interpolation=way), np.uint8)
            if code.content in code.read(enlarged):
                return True
    return False


def _read_qr(pixels: NDArray[np.uint8]) -> Iterable[str]:
    return [cv2.QRCodeDetector().detectAndDecode(pixels)[0]]


def _read_bars(pixels: NDArray[np.uint8]) -> Iterable[str]:
    """Read bars between corners that are told, since OpenCV seldom finds such low ones by itself."""
    height, width = pixels.shape[:2]
    left, top = 0.04 * width, 0.1 * height  # amid the quiet zone; amid the outermost bars
    right, low = width - left, height - top
    corners = np.array([[(left, low), (left, top), (right, top), (right, low)]], np.float32)
    return [cv2.barcode.BarcodeDetector().decode(pixels, corners)[0]]


def _dictionary() -> cv2.aruco.Dictionary:
    return cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_5X5_250)


def _read_marker(pixels: NDArray[np.uint8]) -> Iterable[str]:
    found = cv2.aruco.ArucoDetector(_dictionary()).detectMarkers(pixels)[1]
    return [] if found is None else [str(number) for number in found.ravel()]


def _qr(random: np.random.Generator) -> tuple[str, NDArray[np.bool_]]:
    content = "https://ex.am/" + "".join(str(digit) for digit in random.integers(0, 10, int(random.integers(2, 14))))
    dark = cv2.QRCodeEncoder.create().encode(content) < 128
    rows, columns = (np.flatnonzero(dark.any(axis)) for axis in (1, 0))
    return content, dark[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _bars(random: np.random.Generator, count: int) -> tuple[str, NDArray[np.bool_]]:
    """Draw EAN-13 or EAN-8, as `count` says; the first digit is no 0, which would be left out in reading."""
    digits = [int(digit) for digit in (random.integers(1, 10), *random.integers(0, 10, count - 2))]
    digits.append(-(3 * sum(digits[-1::-2]) + sum(digits[-2::-2])) % 10)
    even = [bits.translate(SWAPPED)[::-1] for bits in ODD]
    parities = PARITIES[digits[0]] if count == 13 else "OOOO"
    half = count // 2
    pairs = zip(digits[-2 * half : -half], parities, strict=True)
    left = [(ODD if parity == "O" else even)[digit] for digit, parity in pairs]
    bits = "".join(["101", *left, "01010", *(ODD[digit].translate(SWAPPED) for digit in digits[-half:]), "101"])
    return "".join(map(str, digits)), np.tile([bit == "1" for bit in bits], (20, 1))


def _marker(random: np.random.Generator) -> tuple[str, NDArray[np.bool_]]:
    number = int(random.integers(250))
    return str(number), cv2.aruco.generateImageMarker(_dictionary(), number, 7) < 128


@dataclass(frozen=True)
class _Stamp:
    """A code that is drawn, quiet zone included, but has no place yet."""

    content: str
    image: Image.Image
    read: Reader

    def put(self, page: Image.Image, left: int, top: int) -> Code:
        page.paste(self.image, (left, top))
        rows, columns = slice(top, top + self.image.height), slice(left, left + self.image.width)
        return Code(self.content, rows, columns, self.read)


def _stamp(random: np.random.Generator, sort: str, module: int) -> _Stamp:
    if sort == "qr":
        (content, dark), read = _qr(random), _read_qr
    elif sort == "marker":
        (content, dark), read = _marker(random), _read_marker
    else:  # of four pixels a module the long ones are too wide
        (content, dark), read = _bars(random, 8 if module >= 4 else 13), _read_bars
    quiet = np.pad(dark, ((2, 2), (9, 9)) if sort == "bars" else 4)
    return _Stamp(content, _enlarged(random, quiet, module), read)


def _enlarged(random: np.random.Generator, dark: NDArray[np.bool_], module: int) -> Image.Image:
    colours = np.array([paper(random), ink(random)], np.uint8)
    return Image.fromarray(colours[dark.astype(int)].repeat(module, 0).repeat(module, 1))


def _sheet(random: np.random.Generator, side: int, sort: str, modules: Iterable[int]) -> Picture:
    """Fill a sheet with codes row by row, as far as they fit."""
    image, _ = canvas(side, paper(random))
    codes, x, y, high = [], 0, 0, 0
    for module in modules:
        stamp = _stamp(random, sort, module)
        width, height = stamp.image.size
        if x + width > side:
            x, y, high = 0, y + high, 0
        if x + width > side or y + height > side:
            continue
        codes.append(stamp.put(image, x, y))
        x, high = x + width, max(high, height)
    return Picture(np.array(image), tuple(codes))


def qr_codes(random: np.random.Generator, side: int) -> Picture:
    """QR codes."""
    return _sheet(random, side, "qr", [6, 4, 3, 3, 2, 2, 2, 2, 2, 2, 2])


def bar_codes(random: np.random.Generator, side: int) -> Picture:
    """EAN-13 and EAN-8."""
    return _sheet(random, side, "bars", [3, 2, 4, 2, 3, 2, 2, 2])


def markers(random: np.random.Generator, side: int) -> Picture:
    """ArUco markers, of 5x5 modules in a frame."""
    return _sheet(random, side, "marker", [6] * 4 + [5] * 5 + [4] * 6 + [3] * 16 + [2] * 24)


def data_matrix(random: np.random.Generator, side: int) -> Image.Image:
    """Fields that look like Data Matrix codes: chance within a frame that is dark on two sides. OpenCV reads none."""
    image, _ = canvas(side, paper(random))
    y = 4
    for module in [2, 3, 4, 5, 6] * (side // 100):
        count = 2 * int(random.integers(6, 11))
        for x in range(4, side - module * count, module * (count + 4)):
            dark = random.random((count, count)) < 0.5
            dark[:, 0] = dark[-1] = True
            dark[0] = np.arange(count) % 2 == 0
            dark[:, -1] = np.arange(count) % 2 == 1
            image.paste(_enlarged(random, dark, module), (x, y))
        y += module * (count + 4)
    return image


def label(random: np.random.Generator, side: int) -> Picture:
    """A parcel's label: an address, lines, a bar code and a QR code."""
    image, draw = canvas(side, paper(random))
    black = ink(random)
    for top in range(0, side - 180, 190):
        draw.rectangle((3, top + 3, side - 4, top + 186), outline=black, width=2)
        draw.line((3, top + 100, side - 4, top + 100), black, 2)
        for line, size in enumerate((14, 10, 10, 8, 8)):
            draw.text((10, top + 10 + 17 * line), phrase(random, PLAIN.split(), 4), black, own_font(size))
    codes = []
    for top in range(0, side - 180, 190):
        codes.append(_stamp(random, "qr", 2).put(image, side - 90, top + 8))
        codes.append(_stamp(random, "bars", 2).put(image, 20, top + 110))
        draw.text((50, top + 170), codes[-1].content, black, own_font(10))
    return Picture(np.array(image), tuple(codes))
