"""Draw the crops that the README shows: noisy, by non-local means, by the model, and the truth.

python train/bench/crops.py [--model photo] [--only NAME] [--output FOLDER] (needs scikit-image, for its photographs)

Writes NAME.png for each crop into samples/shown/crops/. Whole pictures get the noise (seed 0 and the crop's place in
the list), are rounded to 8 bits and cut at black and white as in a file, and are cleaned; what is drawn is a part of
them, and the PSNR drawn under it is that of the whole picture, as with `denoise-ae compare`. Both methods are told the
level of white noise. Of camera noise the model is told nothing, and non-local means its real standard deviation, since
the estimate made for white noise finds next to none in it. Printed is, as a Markdown table: the PSNR of the picture
and, in brackets, of the crop; and by how much, in 8-bit steps, the model moved the mean of a channel away from that of
the noisy picture.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from shared import print_head, print_row
from skimage import data

from denoise_ae.imagefiles import images
from denoise_ae.imagefiles.formats import format_for
from denoise_ae.measure.baselines import BASELINES
from denoise_ae.measure.benchmark import NOISY, Restore, methods
from denoise_ae.measure.metrics import psnr
from denoise_ae.measure.side_by_side import crop as cut
from denoise_ae.measure.side_by_side import magnify, side_by_side, to_rgb8
from denoise_ae.modelfiles.catalog import DEFAULT_MODEL
from denoise_ae.noise.corruptions import NumpySource, corrupt
from denoise_ae.pixels.convert import as_rgb, from_unit, to_unit
from denoise_ae.restoration.denoiser import Denoiser
from denoise_ae.system.files import write_atomic

Pixels = NDArray[np.uint8]

SAMPLES = Path(__file__).parents[2] / "samples"
BASELINE = BASELINES["nlm"]
SIDES = 100, 80
"""Width and height of a crop: four of them, twice as large, are as wide as a page of text."""
ZOOM = 2


def page() -> Pixels:
    """Return the page of text that samples/make_samples.py draws."""
    return images.read_image(SAMPLES / "clean" / "page.png").pixels


@dataclass(frozen=True)
class Crop:
    """A part of a picture, and the noise that the whole of it gets."""

    name: str
    load: Callable[[], Pixels]
    """Returns the whole clean picture, HxW or HxWx3."""
    corner: tuple[int, int]
    """Left column and upper row of the part."""
    noise_type: str
    level: float
    """In the unit of the type of noise, see `denoise_ae.noise.corruptions`."""

    @property
    def told(self) -> float | None:
        """The level that the model is told, in 8-bit steps; None: it estimates that."""
        return self.level if self.noise_type == "gaussian" else None

    @property
    def title(self) -> str:
        """Say what the noise is."""
        return f"white noise, {self.level:g}" if self.noise_type == "gaussian" else f"{self.noise_type} noise"

    def part(self, pixels: Pixels) -> Pixels:
        """Cut the part out of the whole."""
        return cut(pixels, *self.corner, *SIDES)


CROPS = (
    Crop("skin", data.astronaut, (180, 75), "camera", 120),
    Crop("fur", data.chelsea, (150, 90), "camera", 80),
    Crop("grass", data.grass, (230, 230), "gaussian", 25),
    Crop("text", page, (34, 62), "gaussian", 50),
    Crop("night-sky", data.hubble_deep_field, (700, 415), "gaussian", 15),
    Crop("wall", data.brick, (200, 225), "gaussian", 35),
)


def make(crop: Crop, seed: list[int], model: Restore, model_name: str, folder: Path) -> None:
    """Clean a picture in both ways, draw the crop and print its row of the table."""
    clean = crop.load()
    source = NumpySource(np.random.default_rng(seed))
    noisy = from_unit(corrupt(to_unit(clean), crop.noise_type, crop.level, source), np.uint8)

    deviation = float(np.std(noisy.astype(np.float32) - clean))
    results = {
        crop.title: noisy,
        BASELINE.title: from_unit(BASELINE(to_unit(noisy), crop.told or deviation), np.uint8),
        model_name: from_unit(model(to_unit(noisy), crop.told), np.uint8),
    }
    decibels = {name: psnr(pixels, clean) for name, pixels in results.items()}

    labels = [(name, f"PSNR {figure:.2f} dB") for name, figure in decibels.items()] + [("truth", "reference")]
    panels = [magnify(to_rgb8(crop.part(pixels)), ZOOM) for pixels in (*results.values(), clean)]
    path = folder / f"{crop.name}.png"
    write_atomic(path, images.encode(side_by_side(panels, labels), format_for(path), name=str(path)), overwrite=True)

    figures = [
        f"{decibels[name]:.2f} ({psnr(crop.part(pixels), crop.part(clean)):.2f})" for name, pixels in results.items()
    ]
    shift = (as_rgb(results[model_name]).astype(np.float32) - as_rgb(noisy)).mean(axis=(0, 1))
    print_row([crop.name, crop.title, *figures, f"{shift[np.abs(shift).argmax()]:+.2f}"])


def main() -> None:
    """Draw all crops, or one of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--only", choices=[crop.name for crop in CROPS])
    parser.add_argument("--output", type=Path, default=SAMPLES / "shown" / "crops")
    parser.add_argument("--threads", type=int)
    options = parser.parse_args()
    model = Denoiser(options.model, threads=options.threads)
    ((name, way),) = methods({model.card.name: model}).items()
    options.output.mkdir(parents=True, exist_ok=True)
    print_head(["crop", "noise", NOISY, BASELINE.title, name, "shift"])
    for index, crop in enumerate(CROPS):
        if options.only in (None, crop.name):
            make(crop, [0, index], way, name, options.output)


if __name__ == "__main__":
    main()
