"""Measure a model that repairs beside OpenCV's methods, on clean pictures damaged by seeded masks; Markdown.

python train/bench/repair.py FOLDER/CBSD68 [--model models/repair.onnx] [--radii 1 3 5 10] [-o figures.json]

Masks: strokes over 10 % of the picture (1 to 9 pixels wide, see denoise_ae/noise/damage.py), and half of the pixels
lost one by one; seed 0, each picture's own. All work on 8 bits. PSNR is of the whole picture and of the lost pixels
alone (their difference is a constant for each mask); both are means over the pictures. The radius of OpenCV's methods
is the best of
--radii for each method and mask, chosen on these very pictures: what favours them.

--find: instead, dust and scratches (spots and strokes, 1 % of the picture, of gray levels 20 and 235) are looked for by
the detector: how much of them it finds, and what it mistakes for defects in the undamaged pictures.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from denoise_ae.imagefiles import images
from denoise_ae.measure.benchmark import clean_cases
from denoise_ae.measure.metrics import psnr
from denoise_ae.noise.corruptions import NumpySource, corrupt
from denoise_ae.pixels.filters import inpaint
from denoise_ae.restoration.defects import find_defects
from denoise_ae.restoration.repairer import Repairer

SETTINGS = (("strokes", 0.1), ("mask", 0.5))
TITLES = {"strokes": "10 % under strokes", "mask": "50 % of the pixels lost"}
RADII = (1.0, 3.0, 5.0, 10.0)
OURS, METHODS = "repair", ("Telea", "Navier-Stokes")
DUST, DUST_SHARE, DUST_GRAYS = ("spots", "strokes"), 0.01, (20, 235)

Pixels = NDArray[np.uint8]
Mask = NDArray[np.bool_]


def lose(pixels: Pixels, kind: str, share: float, number: int) -> Mask:
    """Return which pixels of a picture are lost: the same for the same picture's number."""
    white = np.ones(pixels.shape[:2], np.float32)
    lost: Mask = corrupt(white, kind, share, NumpySource(np.random.default_rng([0, number]))) == 0
    return lost


def judge(filled: Pixels, clean: Pixels, lost: Mask) -> tuple[float, float]:
    """Return the PSNR of the whole picture, and of the lost pixels alone."""
    return psnr(filled, clean), psnr(filled[lost][:, None], clean[lost][:, None])


def compare(folder: Path, model: str, radii: list[float], limit: int | None) -> dict[str, dict[str, float]]:
    """Measure every method on every mask: mask, method -> dB."""
    repairer = Repairer(model)
    table: dict[str, dict[str, float]] = {}
    for kind, share in SETTINGS:
        found: dict[str, list[tuple[float, float]]] = {}
        for number, case in enumerate(clean_cases(folder)[:limit]):
            clean = images.read_image(case.clean).pixels
            lost = lose(clean, kind, share, number)
            damaged = np.where(lost[..., None], np.uint8(0), clean)
            found.setdefault(OURS, []).append(judge(repairer.repair(damaged, lost), clean, lost))
            for method in METHODS:
                for radius in radii:
                    filled = inpaint(damaged, lost, radius, telea=method == METHODS[0])
                    found.setdefault(f"{method}, radius {radius:g}", []).append(judge(filled, clean, lost))
        for method, figures in found.items():
            for where, values in zip(("whole", "lost"), zip(*figures, strict=True), strict=True):
                table.setdefault(f"{TITLES[kind]}, {where}", {})[method] = fmean(values)
    return table


def find(folder: Path, limit: int | None) -> dict[str, float]:
    """Measure the detector: what -> share."""
    recalls: dict[str, list[float]] = {}
    false: list[float] = []
    for number, case in enumerate(clean_cases(folder)[:limit]):
        clean = images.read_image(case.clean).pixels
        false.append(float(find_defects(clean).mask.mean()))
        for kind in DUST:
            for gray in DUST_GRAYS:
                dust = lose(clean, kind, DUST_SHARE, number)
                dusty = np.where(dust[..., None], np.uint8(gray), clean)
                recalls.setdefault(f"{kind} of {gray}, found", []).append(float(find_defects(dusty).mask[dust].mean()))
    means = {what: fmean(values) for what, values in recalls.items()}
    return means | {"undamaged, mistaken for defects": fmean(false)}


def main() -> None:
    """Measure, print a table, write the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="repair")
    parser.add_argument("--radii", type=float, nargs="+", default=list(RADII))
    parser.add_argument("--limit", type=int)
    parser.add_argument("--find", action="store_true")
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()
    if options.find:
        for what, share in find(options.folder, options.limit).items():
            print(f"{what}: {100 * share:.2f} %")
        return
    table = compare(options.folder, options.model, options.radii, options.limit)
    figures: dict[str, float] = {}
    where = options.folder.name + (f" (first {options.limit})" if options.limit else "")
    for title, methods in table.items():
        print(f"\n| {title} | PSNR |\n|---|---|")
        for method, value in methods.items():
            print(f"| {method} | {value:.2f} |")
        figures[f"{where}, {title}"] = methods[OURS]
        for method in METHODS:
            figures[f"{where}, {title}: {method}"] = max(
                value for name, value in methods.items() if name.startswith(method)
            )
    if options.output:
        options.output.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
