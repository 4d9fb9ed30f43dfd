"""Peak memory of ``denoise-ae clean`` on a picture of 100 megapixels, as the operating system counts it.

python train/bench/memory.py [--model NAME|FILE.onnx] [--megapixels 100] [--format png]

Unix only: the figure is the child's largest resident set, the same that /usr/bin/time -v prints.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from shared import noisy_picture

from denoise_ae.imagefiles import images
from denoise_ae.imagefiles.formats import format_for


def make_picture(path: Path, megapixels: float) -> None:
    """Write a noisy picture."""
    path.write_bytes(images.encode(noisy_picture(megapixels), format_for(path)))


def main() -> None:
    """Make the picture, clean it in a process of its own, print the peak."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="photo")
    parser.add_argument("--megapixels", type=float, default=100)
    parser.add_argument("--format", default="png")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        noisy, clean = (Path(folder) / f"{name}.{options.format}" for name in ("noisy", "clean"))
        make = [sys.executable, __file__, "--make", str(noisy), str(options.megapixels)]
        subprocess.run(make, check=True)
        command = ["clean", str(noisy), "-o", str(clean), "--model", options.model, "--quiet"]
        begin = time.perf_counter()
        process = subprocess.Popen([sys.executable, "-m", "denoise_ae", *command])
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begin
        if status:
            sys.exit("cleaning failed")
        size = clean.stat().st_size
    peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    print(f"{options.megapixels:g} MP {options.format}: peak {peak / 1e6:.0f} MB, {seconds:.0f} s")
    print(f"the result has {size / 1e6:.0f} MB")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--make"]:
        make_picture(Path(sys.argv[2]), float(sys.argv[3]))
    else:
        main()
