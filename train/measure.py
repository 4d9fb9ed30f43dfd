"""Measure a model on the test sets of its card, and write the figures for ``denoise-ae export --measured``.

python train/measure.py models/digits.onnx --mnist FOLDER -o figures.json
python train/measure.py models/photo.onnx --photos FOLDER/CBSD68 --pairs FOLDER/CC15 -o figures.json

Digits: MNIST's 10,000 test digits, Gaussian noise of 0.3 and 0.5 clipped to [0, 1] (seed 0), mean of the digits' PSNR;
for variational models, which are not made for cleaning, no noise and noise of 0.2.
Photographs: Gaussian noise of 15, 25 and 50 in 8-bit steps, neither clipped nor rounded (seed 0), the level told, and
for models that estimate it themselves also not told. Real noise: pairs of pictures, the level not told. Estimates: of
noise that was added, and what is made of clean pictures.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from statistics import fmean, median

import numpy as np
from numpy.typing import NDArray

from denoise_ae.imagefiles import images
from denoise_ae.measure.benchmark import NOISY, clean_cases, measure, methods, pair_cases, summarise
from denoise_ae.measure.metrics import psnr
from denoise_ae.modelfiles.session import Session
from denoise_ae.noise.corruptions import NumpySource, corrupt
from denoise_ae.pixels.convert import to_unit
from denoise_ae.restoration.denoiser import Denoiser
from denoise_ae.training.data.mnist import load_mnist

DIGIT_LEVELS = (0.3, 0.5)
VARIATIONAL_LEVELS = (0.0, 0.2)
PHOTO_SIGMAS = (15.0, 25.0, 50.0)
ESTIMATED = (0.0, 5.0, 15.0, 25.0, 50.0)
BATCH = 500


def mean_psnr(restored: NDArray[np.float32], clean: NDArray[np.float32]) -> float:
    """Return the mean of the PSNR (dB) of pictures N x H x W on [0, 1]."""
    error = ((restored.clip(0, 1) - clean) ** 2).mean((1, 2))
    return float((-10 * np.log10(np.maximum(error, 1e-10))).mean())


def measure_digits(model: Path, folder: Path) -> dict[str, float]:
    """Measure a digits model on MNIST's test digits: what was measured -> dB."""
    images, _ = load_mnist(folder, "test")
    clean = images.astype(np.float32) / 255
    session = Session(model)
    figures = {}
    for level in VARIATIONAL_LEVELS if session.card.variational else DIGIT_LEVELS:
        noisy = corrupt(clean, "gaussian", level * 255, NumpySource(0), clip=True) if level else clean
        parts = [
            session.run(noisy[start : start + BATCH, None], level if session.card.takes_sigma else None)[:, 0]
            for start in range(0, len(noisy), BATCH)
        ]
        seen = f"noise {level:g} clipped" if level else "clean, encoded and decoded"
        figures[f"MNIST test, {seen}"] = mean_psnr(np.concatenate(parts), clean)
        if level:
            figures[f"MNIST test, {seen}: noisy"] = mean_psnr(noisy, clean)
    return figures


def measure_photos(model: Path, folders: list[Path]) -> dict[str, float]:
    """Measure a photo model on folders of clean pictures: what was measured -> dB."""
    denoiser = Denoiser(model)
    figures = {}
    for folder in folders:
        cases = clean_cases(folder)
        for told in (True, False) if denoiser.card.estimates_sigma else (True,):
            rows = summarise(list(measure(cases, methods({"model": denoiser}), PHOTO_SIGMAS, known_level=told, seed=0)))
            how = "told" if told else "estimated"
            figures |= {f"{folder.name}, sigma {row.sigma:g} {how}": row.psnr for row in rows if row.method == "model"}
    return figures


def measure_pairs(model: Path, folders: list[Path]) -> dict[str, float]:
    """Measure a model on folders of noisy and clean pictures, and its least gain: what was measured -> dB."""
    figures: dict[str, float] = {}
    for folder in folders:
        found = list(measure(pair_cases(folder), methods({"model": Denoiser(model)}), (), known_level=False, seed=0))
        figures |= {f"{folder.name}: {row.method}".removesuffix(": model"): row.psnr for row in summarise(found)}
        noisy = {one.picture: one.psnr for one in found if one.method == NOISY}
        gains = [one.psnr - noisy[one.picture] for one in found if one.method != NOISY]
        figures[f"{folder.name}: least gain"] = min(gains)
    return figures


def measure_estimates(model: Path, folder: Path) -> dict[str, float]:
    """Tell what a model that estimates the noise finds in clean pictures with and without noise.

    Returns:
        The median estimate in 8-bit steps for each level, and the lowest and the mean PSNR (dB) of clean pictures to
        what is made of them.
    """
    denoiser = Denoiser(model)
    figures = {}
    for sigma in ESTIMATED:
        estimates, similarities = [], []
        for number, case in enumerate(clean_cases(folder)):
            clean = to_unit(images.read_image(case.clean).pixels)
            given = corrupt(clean, "gaussian", sigma, NumpySource(number)) if sigma else clean
            estimates.append(denoiser.estimate_sigma(given))
            if not sigma:
                similarities.append(psnr(denoiser.clean(given).clip(0, 1), clean))
        if sigma:
            figures[f"{folder.name}, estimate of sigma {sigma:g}"] = median(estimates)
        else:
            figures[f"{folder.name}, clean, estimate"] = median(estimates)
            figures[f"{folder.name}, clean to itself, mean"] = fmean(similarities)
            figures[f"{folder.name}, clean to itself, lowest"] = min(similarities)
    return figures


def main() -> None:
    """Read the command line, measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--mnist", type=Path, help="folder of MNIST's idx files")
    parser.add_argument("--photos", type=Path, action="append", default=[], help="folder of clean pictures")
    parser.add_argument(
        "--pairs", type=Path, action="append", default=[], help="folder of real noisy and clean pictures"
    )
    parser.add_argument("--estimates", type=Path, help="folder of clean pictures, to judge the model's estimates on")
    parser.add_argument("-o", "--output", type=Path, help="JSON file for the figures")
    options = parser.parse_args()
    figures = measure_digits(options.model, options.mnist) if options.mnist else {}
    figures |= measure_photos(options.model, options.photos)
    figures |= measure_pairs(options.model, options.pairs)
    if options.estimates:
        figures |= measure_estimates(options.model, options.estimates)
    for label, value in figures.items():
        print(f"{value:6.2f} {'  ' if 'estimate' in label.split()[-3:] else 'dB'}  {label}")
    if options.output:
        options.output.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
