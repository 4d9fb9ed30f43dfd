"""Measure a model on the test sets of its card, and write the figures for ``denoise-ae export --measured``.

python train/measure.py models/digits.onnx --mnist FOLDER -o figures.json
python train/measure.py models/photo.onnx --photos FOLDER/CBSD68 --photos FOLDER/Set12 -o figures.json

Digits: MNIST's 10,000 test digits, Gaussian noise of 0.3 and 0.5 clipped to [0, 1] (seed 0), mean of the digits' PSNR.
Photographs: Gaussian noise of 15, 25 and 50 in 8-bit steps, neither clipped nor rounded (seed 0), the level told.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from denoise_ae.benchmark import clean_cases, measure, methods, summarise
from denoise_ae.denoiser import Denoiser
from denoise_ae.noise import NumpySource, corrupt
from denoise_ae.runtime import Session
from denoise_ae.training.mnist import load_mnist

DIGIT_LEVELS = (0.3, 0.5)
PHOTO_SIGMAS = (15.0, 25.0, 50.0)
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
    for level in DIGIT_LEVELS:
        noisy = corrupt(clean, "gaussian", level * 255, NumpySource(0), clip=True)
        parts = [
            session.run(noisy[start : start + BATCH, None], level if session.card.takes_sigma else None)[:, 0]
            for start in range(0, len(noisy), BATCH)
        ]
        figures[f"MNIST test, noise {level:g} clipped"] = mean_psnr(np.concatenate(parts), clean)
        figures[f"MNIST test, noise {level:g} clipped: noisy"] = mean_psnr(noisy, clean)
    return figures


def measure_photos(model: Path, folders: list[Path]) -> dict[str, float]:
    """Measure a photo model on folders of clean pictures: what was measured -> dB."""
    restores = methods({"model": Denoiser(model)})
    figures = {}
    for folder in folders:
        for row in summarise(list(measure(clean_cases(folder), restores, PHOTO_SIGMAS, told=True, seed=0))):
            if row.method == "model":
                figures[f"{folder.name}, sigma {row.sigma:g} told"] = row.psnr
    return figures


def main() -> None:
    """Read the command line, measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--mnist", type=Path, help="folder of MNIST's idx files")
    parser.add_argument("--photos", type=Path, action="append", default=[], help="folder of clean pictures")
    parser.add_argument("-o", "--output", type=Path, help="JSON file for the figures")
    options = parser.parse_args()
    figures = measure_digits(options.model, options.mnist) if options.mnist else {}
    figures |= measure_photos(options.model, options.photos)
    for label, value in figures.items():
        print(f"{value:6.2f} dB  {label}")
    if options.output:
        options.output.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
