"""What int8 costs a model in quality and gains it in speed, by how it is quantised.

python train/bench/int8.py MODEL.onnx --calibration FOLDER --test FOLDER [--limit N] [--tile 1024] [--threads 2]
    [--repeats 7]

Each choice of what stays in float32 is tried, as `denoise-ae export --int8 --keep` has them. The loss is that of the
mean PSNR, in dB, over the test pictures with white noise, cleaned as `denoise-ae bench` does. Speeds are those of runs
on one tile that take turns with the model in float32; each ratio is that of two runs in the same turn, and a figure is
the median with its range. On two cores a model like `photo` takes some minutes on the 68 pictures of CBSD68.

The aim for a model that is shipped: at most 0.05 dB lost at sigma 25, and at least 1.5 times the speed.
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
from shared import print_head, print_row, spread, take_turns

from denoise_ae.measure.benchmark import Measurement, Restore, clean_cases, measure, summarise
from denoise_ae.modelfiles.session import Session
from denoise_ae.restoration.denoiser import Denoiser
from denoise_ae.training.export.calibration import samples
from denoise_ae.training.export.int8 import feeds, noise_of, serialise
from denoise_ae.training.export.quantize import KEPT, quantize

SIGMAS = (15.0, 25.0, 50.0)
FLOAT = "float32"


def variants(model: Path, calibration: Path, folder: Path) -> dict[str, Path]:
    """Write the quantised models into a folder: name -> file; the model itself comes first."""
    card = Session(model, "cpu").card
    calibrating, _ = samples(calibration, card, noise_of(onnx.load(model), card))
    files = {FLOAT: model}
    for kept in KEPT:
        quantised = quantize(onnx.load(model), list(map(feeds, calibrating)), kept=kept)
        name = f"{kept} in float32"
        files[name] = folder / f"{len(files)}.onnx"
        files[name].write_bytes(serialise(quantised, card))
    return files


def losses(files: dict[str, Path], test: Path, limit: int | None) -> dict[str, list[float]]:
    """Return what each model loses against the first one, in dB: name -> a figure for each of `SIGMAS`."""
    restores: dict[str, Restore] = {name: Denoiser(path, device="cpu").clean for name, path in files.items()}
    found: list[Measurement] = list(measure(clean_cases(test)[:limit], restores, SIGMAS, known_level=True))
    psnr = {(row.method, row.sigma): row.psnr for row in summarise(found)}
    return {name: [psnr[FLOAT, sigma] - psnr[name, sigma] for sigma in SIGMAS] for name in files}


def main() -> None:
    """Quantise, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="an ONNX file in float32 that takes a noise level")
    parser.add_argument("--calibration", type=Path, required=True, help="folder of clean pictures")
    parser.add_argument("--test", type=Path, required=True, help="folder of others")
    parser.add_argument("--limit", type=int, help="of test pictures")
    parser.add_argument("--tile", type=int, default=1024, help="side in pixels")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=7)
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        files = variants(options.model, options.calibration, Path(folder))
        sessions = [Session(path, "cpu", options.threads) for path in files.values()]
        noisy = np.random.default_rng(0).random((1, sessions[0].card.channels, options.tile, options.tile), np.float32)
        level = 25 / 255 if sessions[0].card.takes_sigma else None
        seconds = take_turns([partial(session.run, noisy, level) for session in sessions], options.repeats)
        lost = losses(files, options.test, options.limit)
        print(f"{options.model}, {options.threads} threads, {options.tile} x {options.tile} pixels\n")
        print_head(["model", *(f"dB lost at {sigma:g}" for sigma in SIGMAS), "MP/s", "times float32", "MB"])
        for (name, path), own in zip(files.items(), seconds.T, strict=True):
            speeds = spread(options.tile**2 / 1e6 / own), spread(seconds[:, 0] / own)
            print_row([name, *(f"{loss:.3f}" for loss in lost[name]), *speeds, f"{path.stat().st_size / 1e6:.1f}"])


if __name__ == "__main__":
    main()
