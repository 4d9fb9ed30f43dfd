"""Make the sample pictures: ``python samples/make_samples.py [FOLDER]`` (needs scikit-image, for its photographs).

Writes FOLDER/clean/NAME.png and FOLDER/noisy/NAME.png, by default beside this file. The same pixels each time.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont
from skimage import data

from denoise_ae.noise.corruptions import NumpySource, corrupt
from denoise_ae.pixels.convert import from_unit, to_unit

Gray = NDArray[np.uint8]
Points = list[tuple[float, float]]

PAGE_SIZE = (560, 464)
PAGE_TEXT = """\
Noise is what a sensor adds: a few photons more or
less than the light would have it, and a little of the
amplifier's own hiss. Nobody can say what it was in any
one pixel. But pictures are not random. Edges run on,
skies are smooth, and letters have a shape that the eye
knows before it has read them.

An autoencoder learns that. It is shown a noisy picture
and asked for the clean one, some millions of times. A
narrow middle leaves no room for noise, so that what
comes through is what pictures have in common.

   item              price       sold
   ink, black        12.40        318
   paper, A4          4.95      1,207
   pens, blue         0.85      2,940
"""

DIGIT_STROKES: dict[int, list[Points]] = {
    0: [[(0.5, 0), (0.1, 0.2), (0.05, 0.6), (0.3, 1), (0.7, 0.95), (0.92, 0.5), (0.8, 0.1), (0.45, 0)]],
    1: [[(0.35, 0.15), (0.55, 0), (0.52, 0.5), (0.5, 1)]],
    2: [[(0.1, 0.25), (0.35, 0), (0.75, 0.1), (0.75, 0.4), (0.4, 0.75), (0.05, 1), (0.5, 0.93), (0.95, 0.97)]],
    3: [[(0.15, 0.1), (0.55, 0), (0.8, 0.2), (0.4, 0.47), (0.85, 0.65), (0.7, 0.95), (0.1, 0.95)]],
    4: [[(0.3, 0), (0.1, 0.55), (0.5, 0.6), (0.95, 0.52)], [(0.75, 0.1), (0.68, 0.55), (0.65, 1)]],
    5: [[(0.85, 0), (0.3, 0.03), (0.22, 0.42), (0.7, 0.45), (0.82, 0.75), (0.5, 1), (0.1, 0.92)]],
    6: [[(0.7, 0), (0.25, 0.35), (0.12, 0.75), (0.45, 1), (0.8, 0.78), (0.55, 0.52), (0.2, 0.7)]],
    7: [[(0.08, 0.08), (0.5, 0.04), (0.88, 0.05), (0.6, 0.5), (0.4, 1)]],
    8: [
        [
            (0.75, 0.1),
            (0.35, 0),
            (0.25, 0.3),
            (0.7, 0.6),
            (0.75, 0.92),
            (0.35, 1),
            (0.2, 0.75),
            (0.6, 0.45),
            (0.75, 0.1),
        ]
    ],
    9: [[(0.8, 0.25), (0.45, 0), (0.15, 0.25), (0.4, 0.5), (0.8, 0.25), (0.75, 0.6), (0.6, 1)]],
}
"""Points of each digit's strokes, (across, down) in a unit box; a smooth curve goes through them."""


def _curve(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Run a Catmull-Rom spline through points (N x 2) and sample it densely."""
    p = np.vstack([2 * points[0] - points[1], points, 2 * points[-1] - points[-2]])
    t = np.linspace(0, 1, 40)[:, None]
    pieces = []
    for a, b, c, d in zip(p, p[1:], p[2:], p[3:], strict=False):
        cubic = 2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3
        pieces.append(cubic / 2)
    return np.vstack(pieces)


def _digit(value: int, generator: np.random.Generator) -> Gray:
    """Draw one digit, 28x28, as MNIST has them: white on black, in a box of 20x20, centred on its mass."""
    slant, aspect = generator.normal(0.08, 0.12), generator.uniform(0.6, 0.8)
    strokes = [np.array(stroke) + generator.normal(0, 0.025, (len(stroke), 2)) for stroke in DIGIT_STROKES[value]]
    track = np.vstack([_curve(stroke) for stroke in strokes])
    track = np.stack([aspect * track[:, 0] - slant * track[:, 1], track[:, 1]], axis=1)
    track = (track - track.min(0)) / np.ptp(track, axis=0).max() * 17
    track += 13.5 - track.mean(0)
    rows, columns = np.mgrid[:28, :28]
    distance = np.hypot(columns[..., None] - track[:, 0], rows[..., None] - track[:, 1]).min(-1)
    pen = generator.uniform(1.1, 1.5)
    return from_unit(np.clip(pen + 0.5 - distance, 0, 1), np.uint8)


def digits() -> Gray:
    """Draw a sheet of two rows of ten digits, 28x28 each."""
    generator = np.random.default_rng(28)
    rows = [[_digit(value, generator) for value in order] for order in (range(10), generator.permutation(10))]
    return np.vstack([np.hstack(row) for row in rows])


def page() -> Gray:
    """Set a page of text as a scanner sees it: a little turned and soft, on paper that is not evenly lit."""
    width, height = PAGE_SIZE
    sheet = Image.new("L", (2 * width, 2 * height), 255)
    draw = ImageDraw.Draw(sheet)
    draw.text((76, 60), "On noise", fill=0, font=ImageFont.load_default(56))
    draw.text((76, 150), PAGE_TEXT, fill=0, font=ImageFont.load_default(36), spacing=10)
    sheet = sheet.rotate(0.6, Image.Resampling.BICUBIC, fillcolor=255)
    sheet = sheet.filter(ImageFilter.GaussianBlur(1.2)).resize(PAGE_SIZE, Image.Resampling.LANCZOS)
    ink = 1 - to_unit(np.asarray(sheet))
    down, across = np.mgrid[:height, :width]
    light = 0.93 - 0.10 * across / width - 0.05 * down / height
    blotches = np.random.default_rng(5).normal(0, 0.008, (height // 6, width // 6)).astype(np.float32)
    paper = light + np.asarray(Image.fromarray(blotches).resize(PAGE_SIZE, Image.Resampling.BICUBIC))
    return from_unit(paper * (1 - 0.85 * ink), np.uint8)


CLEAN = {"cat": data.chelsea, "coffee": data.coffee, "page": page, "digits": digits}

NOISE: dict[str, list[tuple[str, float]]] = {
    "cat": [("gaussian", 25)],
    "coffee": [("gaussian", 25)],
    "page": [("speckle", 0.1), ("gaussian", 15)],
    "digits": [("gaussian", 0.3 * 255)],
}
"""What is added to each picture, in this order; clipped to [0, 1] and rounded to 8 bits at the end."""


def make(folder: Path) -> None:
    """Write all clean and noisy pictures."""
    for name, draw in CLEAN.items():
        clean = draw()
        source = NumpySource(0)
        noisy = to_unit(clean)
        for noise_type, level in NOISE[name]:
            noisy = corrupt(noisy, noise_type, level, source)
        for kind, pixels in (("clean", clean), ("noisy", from_unit(noisy, np.uint8))):
            (folder / kind).mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(folder / kind / f"{name}.png", optimize=True)


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
