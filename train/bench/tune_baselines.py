"""Tune the strength of the benchmark's baselines on pictures that are in none of the test sets.

python train/bench/tune_baselines.py [--side 256]

Seven pictures that come with scikit-image (not those of samples/) get Gaussian noise of 15, 25 and 50 (seed 0), as in
`denoise-ae bench`; colour pictures count as gray ones too. Printed is each setting's PSNR, mean over the pictures, and
each level's best. What is best over the three levels is written down in denoise_ae/measure/baselines.py.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage import color, data

from denoise_ae.measure.baselines import non_local_means, total_variation, wavelet
from denoise_ae.measure.metrics import psnr
from denoise_ae.noise.corruptions import NumpySource, corrupt
from denoise_ae.pixels.convert import to_unit

SIGMAS = (15.0, 25.0, 50.0)
FACTORS = tuple(float(factor) for factor in np.arange(0.5, 1.65, 0.1).round(1))
METHODS: dict[str, tuple[Callable[..., NDArray[np.float32]], Sequence[float | str]]] = {
    "non-local means, factor": (non_local_means, FACTORS),
    "total variation, factor": (total_variation, FACTORS),
    "wavelet, family": (wavelet, ("db1", "db2", "sym4")),
}

Picture = NDArray[np.float32]


def middle(pixels: NDArray[Any], side: int) -> Picture:
    """Cut the middle out of a picture, as float."""
    top, left = ((length - side) // 2 for length in pixels.shape[:2])
    return to_unit(pixels[top : top + side, left : left + side])


def load(side: int) -> dict[str, list[Picture]]:
    """Load the pictures, colour and gray."""
    colour = [middle(pixels, side) for pixels in (data.astronaut(), data.rocket(), data.stereo_motorcycle()[0])]
    gray = [middle(pixels, side) for pixels in (data.camera(), data.grass(), data.gravel(), data.brick())]
    return {"colour": colour, "gray": [*gray, *(color.rgb2gray(picture).astype(np.float32) for picture in colour)]}


def main() -> None:
    """Try every setting on every picture and print the means."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=256, help="pixels of a picture's side that are used")
    options = parser.parse_args()
    for kind, pictures in load(options.side).items():
        noisy = [
            [corrupt(clean, "gaussian", sigma, NumpySource(np.random.default_rng([0, index]))) for sigma in SIGMAS]
            for index, clean in enumerate(pictures)
        ]
        for title, (restore, settings) in METHODS.items():
            table = {
                setting: [
                    fmean(
                        psnr(restore(versions[level], sigma, setting).clip(0, 1), clean)
                        for clean, versions in zip(pictures, noisy, strict=True)
                    )
                    for level, sigma in enumerate(SIGMAS)
                ]
                for setting in settings
            }
            print(f"{kind}, {title}; dB at {', '.join(f'{sigma:g}' for sigma in SIGMAS)}, and their mean")
            for setting, figures in table.items():
                print(f"  {setting!s:5} {'  '.join(f'{figure:.2f}' for figure in figures)}   {fmean(figures):.2f}")
            best = max(table, key=lambda setting: fmean(table[setting]))
            alone = [max(table, key=lambda setting: table[setting][level]) for level in range(len(SIGMAS))]
            print(f"  best {best}; at each level alone {', '.join(map(str, alone))}", flush=True)


if __name__ == "__main__":
    main()
