"""Whether memory stays flat over thousands of pictures: what ``denoise-ae clean`` holds in each quarter of a run.

python train/bench/soak.py small [--pictures 2000] [--model NAME|FILE.onnx]
python train/bench/soak.py mixed [--megapixels 60] [--rounds 4] [--model NAME|FILE.onnx]

`small` cleans small pictures, no two of one size but by chance, of several formats: what grows with each picture or
each new shape shows. `mixed` cleans the same pictures from 1x1 to 60 megapixels over and over: what large ones leave
behind shows. All processes of the command are counted. Exit status 1 where the mean of the last quarter is more than
5 % above that of the second. Linux only: figures come from /proc.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from shared import SIGMA, noisy_picture, print_head, print_row

from denoise_ae.imagefiles import images

LIMIT = 0.05
"""How much the last quarter may be above the second, as a fraction."""

EVERY_SECONDS = 0.05
FORMATS = ("png", "jpeg", "webp", "tiff")


class Quarters:
    """Resident memory of a command, in bytes, for each quarter of its pictures.

    Args:
        samples: what was sampled in each.
    """

    def __init__(self, samples: Sequence[Sequence[int]]) -> None:
        self.means = [float(np.mean(quarter)) for quarter in samples]
        self.peaks = [float(max(quarter)) for quarter in samples]

    @property
    def growth(self) -> float:
        """How much the mean of the last quarter is above that of the second, as a fraction."""
        return self.means[3] / self.means[1] - 1


def sample(command: Sequence[str], pictures: int) -> Quarters:
    """Run a command that prints a line for each picture, and sample the memory of its processes.

    Args:
        command: its words.
        pictures: how many lines it prints, or a few more.

    Raises:
        CalledProcessError: it failed.
    """
    samples: list[list[int]] = [[] for _ in range(4)]
    done, ended = 0, threading.Event()

    def watch() -> None:
        while not ended.wait(EVERY_SECONDS):
            samples[min(4 * done // pictures, 3)].append(resident(process.pid))

    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        watcher = threading.Thread(target=watch)
        watcher.start()
        assert process.stdout is not None
        for _ in process.stdout:
            done += 1
            if done < pictures:  # before the end, when processes go
                samples[4 * done // pictures].append(resident(process.pid))
            else:
                ended.set()
        ended.set()
        watcher.join()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return Quarters(samples)


def resident(process: int) -> int:
    """Return the resident memory of a process and all that it started, in bytes; of one that is gone, 0."""
    folder = Path(f"/proc/{process}")
    try:
        pages = int((folder / "statm").read_text().split()[1])
        children = [word for task in folder.glob("task/*/children") for word in task.read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE") + sum(resident(int(child)) for child in children)


def make_small(folder: Path, count: int, longest: int = 160) -> int:
    """Write noisy pictures of random sizes, and return how many."""
    random = np.random.default_rng(0)
    for number in range(count):
        height, width = random.integers(1, longest, 2)
        pixels = np.clip(random.normal(128, SIGMA, (height, width, 3)), 0, 255).astype(np.uint8)
        kind = FORMATS[number % len(FORMATS)]
        (folder / f"{number}.{kind}").write_bytes(images.encode(pixels, kind))
    return count


def make_mixed(folder: Path, megapixels: float, rounds: int) -> int:
    """Write pictures from one pixel to some megapixels, in one order over and over, and return how many."""
    sizes = [(1, 1), (1, 5000), (5000, 1), (17, 31), (640, 480)]
    pictures = [np.full((height, width, 3), 128, np.uint8) for width, height in sizes]
    pictures += [noisy_picture(megapixels * share) for share in (0.03, 1, 0.2, 0.1)]
    for number, pixels in enumerate(pictures):
        kind = FORMATS[number % len(FORMATS)] if pixels.size < 3e7 else "jpeg"
        first = folder / f"0-{number}.{kind}"
        first.write_bytes(images.encode(pixels, kind))
        for turn in range(1, rounds):
            (folder / f"{turn}-{number}.{kind}").hardlink_to(first)
    return len(pictures) * rounds


def soak(folder: Path, output: Path, pictures: int, *options: str) -> Quarters:
    """Clean a folder and sample the memory of all processes that do it."""
    command = [sys.executable, "-m", "denoise_ae", "clean", str(folder), "-o", str(output), "--json", *options]
    return sample(command, pictures)


def main() -> None:
    """Make the pictures, clean them, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=["small", "mixed"])
    parser.add_argument("--model", default="photo")
    parser.add_argument("--pictures", type=int, default=2000)
    parser.add_argument("--megapixels", type=float, default=60)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "in"
        folder.mkdir()
        if options.kind == "small":
            pictures = make_small(folder, options.pictures)
        else:
            pictures = make_mixed(folder, options.megapixels, options.rounds)
        words = ("--model", options.model, "--threads", str(options.threads))
        quarters = soak(folder, Path(place) / "out", pictures, *words)
    print(f"{pictures} pictures, megabytes resident in all processes:\n")
    print_head(["quarter", "mean", "peak"])
    for number, (mean, peak) in enumerate(zip(quarters.means, quarters.peaks, strict=True), 1):
        print_row([number, f"{mean / 1e6:.1f}", f"{peak / 1e6:.1f}"])
    print(f"\nthe last quarter is {quarters.growth:+.1%} above the second")
    sys.exit(quarters.growth > LIMIT)


if __name__ == "__main__":
    main()
