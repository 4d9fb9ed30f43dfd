"""How much of the speed of inference alone a folder of 12-megapixel JPEGs reaches, read, cleaned and written.

python train/bench/batch_speed.py [--model NAME|FILE.onnx] [--pictures 6] [--rounds 3] [--threads N]

Both ways clean the same pictures with the same Denoiser, in turn, so that whatever else the machine does hits both. The
aim is 85 %: decoding and encoding run beside inference, but on a CPU all three share its cores.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
from shared import noisy_picture

from denoise_ae.batch import pipeline
from denoise_ae.batch.cleaning import Cleaning
from denoise_ae.batch.jobs import Existing, Failed
from denoise_ae.batch.planning import plan
from denoise_ae.imagefiles import images
from denoise_ae.restoration.denoiser import Denoiser

MEGAPIXELS = 12


def make_pictures(folder: Path, count: int) -> None:
    """Write noisy JPEGs."""
    for number in range(count):
        pixels = noisy_picture(MEGAPIXELS, seed=number)
        (folder / f"{number}.jpg").write_bytes(images.encode(pixels, "jpeg", quality=92))


def time_alone(pictures: list[Path], denoiser: Denoiser) -> float:
    """Return the seconds that cleaning alone takes."""
    total = 0.0
    for path in pictures:
        pixels = images.read_image(path).pixels
        begin = time.perf_counter()
        denoiser.clean(pixels)
        total += time.perf_counter() - begin
    return total


def time_batch(folder: Path, output: Path, denoiser: Denoiser) -> float:
    """Return the seconds from the first byte read to the last one written."""
    work = plan([folder], output, existing=Existing.REPLACE)
    begin = time.perf_counter()
    for event in pipeline.run(work.jobs, Cleaning(denoiser)):
        if isinstance(event, Failed):
            raise event.error
    return time.perf_counter() - begin


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="photo")
    parser.add_argument("--pictures", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()
    denoiser = Denoiser(options.model, device=options.device, threads=options.threads)
    megapixels = options.pictures * MEGAPIXELS
    shares = []
    with tempfile.TemporaryDirectory() as name:
        folder, output = Path(name, "in"), Path(name, "out")
        folder.mkdir()
        make_pictures(folder, options.pictures)
        pictures = sorted(folder.iterdir())
        time_alone(pictures[:1], denoiser)  # warm up
        for _ in range(options.rounds):
            alone, whole = time_alone(pictures, denoiser), time_batch(folder, output, denoiser)
            shares.append(alone / whole)
            print(
                f"inference alone {megapixels / alone:.2f} MP/s, folder {megapixels / whole:.2f} MP/s: "
                f"{100 * shares[-1]:.0f} %",
                flush=True,
            )
    print(f"median {100 * float(np.median(shares)):.0f} % on {denoiser.device}, model {denoiser.card.name}")


if __name__ == "__main__":
    main()
