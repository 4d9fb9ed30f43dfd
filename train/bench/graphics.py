"""What models do to pictures that are no photographs: text, codes, charts, halftones, cloth and more.

python train/bench/graphics.py [MODEL|FILE.onnx ...] [--kinds qr_codes text_cjk ...] [--pictures FOLDER] [--side 384]
    [--seed 0] [--threads 1] [--json FILE] [--show FOLDER]

Every picture is cleaned untouched, with white noise of 3, 6 and 12, and from a JPEG of quality 90; nobody tells the
noise level. A kind is harmed where

- the untouched picture comes back with less than 42 dB, or with a block of 16x16 pixels off by more than 12 levels rms;
- with noise 6 it comes less than 1 dB nearer to the clean picture, or has a block that far off it;
- a code that could be read before cleaning can't be read after it: untouched, with noise 6, or from the JPEG.

In the table `a > b` is before and after cleaning, PSNR to the clean picture in dB, 99 where they are the same. `block`
is the worst block's rms, `codes` how many can be read untouched, with noise 6 and from the JPEG, `told` the noise level
that the model says it found, untouched and with noise 6. Kinds whose font is not installed are skipped, and named.
`--pictures` takes clean ones; the middle of each is measured. About a minute a model on one core.
"""

from __future__ import annotations

import argparse
import io
import json
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from graphics_kinds import KINDS, MissingFontError, Picture, draw
from graphics_kinds.codes import readable
from numpy.typing import NDArray
from PIL import Image
from shared import print_head, print_row

from denoise_ae import Denoiser

Pixels = NDArray[np.uint8]

MODELS = ("photo", "photo-int8", "photo-fast")
LEVELS = (3, 6, 12)
QUALITY = 90
UNTOUCHED, NOISE_6, JPEG = "untouched", "noise 6", f"jpeg {QUALITY}"
CODES_READ = (UNTOUCHED, NOISE_6, JPEG)

LEAST_UNTOUCHED = 42.0
LEAST_GAIN = 1.0
MOST_BLOCK = 12.0
BLOCK = 16
SAME = 99.0
"""PSNR of pictures that are the same; infinity would not go into JSON."""

SMALLEST_SIDE = 256
"""Smaller pages would not hold the bar codes."""

SHOWN_TIMES = 4
"""What a shown difference is multiplied by."""


@dataclass(frozen=True)
class Trial:
    """What a model made of one picture in one state."""

    before: float
    """PSNR of what was given to the model to the clean picture, in dB."""
    after: float
    """PSNR of what came back."""
    block: float
    """Rms of the worst block of what came back less the clean picture, in 8-bit steps."""
    told: float | None
    """Noise level that the model says it found, in 8-bit steps."""
    codes_before: int
    """How many codes could be read in what was given."""
    codes_after: int
    codes_lost: list[int]
    """Numbers of those that could be read before, and no longer."""


Trials = dict[str, Trial]
"""By the picture's state."""


def psnr(picture: Pixels, clean: Pixels) -> float:
    """Return the peak signal-to-noise ratio in dB, `SAME` at most."""
    mean_square = np.square(picture.astype(np.float64) - clean).mean()
    return float(min(SAME, 10 * np.log10(255**2 / mean_square))) if mean_square else SAME


def worst_block(picture: Pixels, clean: Pixels) -> float:
    """Return the rms of the difference, in 8-bit steps, in the worst block; sides must be multiples of `BLOCK`."""
    squares = np.square(picture.astype(np.float64) - clean).mean(-1)
    height, width = squares.shape
    blocks = squares.reshape(height // BLOCK, BLOCK, width // BLOCK, BLOCK).mean((1, 3))
    return float(np.sqrt(blocks.max()))


def states(clean: Pixels, seed: int) -> dict[str, Pixels]:
    """Return the picture as it is, with noise, and from a JPEG."""
    made = {UNTOUCHED: clean}
    for level in LEVELS:
        noise = np.random.default_rng([seed, level]).normal(0, level, clean.shape)
        made[f"noise {level}"] = np.rint(clean + noise).clip(0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(clean).save(file, "JPEG", quality=QUALITY)
    made[JPEG] = np.array(Image.open(file))
    return made


def opened(folder: Path, side: int) -> Iterator[tuple[str, Picture]]:
    """Read the pictures of a folder, the middle of each, of at most `side` pixels a side."""
    suffixes = Image.registered_extensions()
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in suffixes:
            continue
        with Image.open(path) as image:
            width, height = (min(side, length) // BLOCK * BLOCK for length in image.size)
            if not (width and height):
                raise SystemExit(f"{path} is smaller than {BLOCK} pixels")
            left, top = (image.width - width) // 2, (image.height - height) // 2
            yield path.name, Picture(np.array(image.convert("RGB").crop((left, top, left + width, top + height))))


def save(pixels: Pixels, path: Path) -> None:
    """Write a PNG file, and the folders that it lacks."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, "PNG")


class Given:
    """A picture in all its states, and what can be said of them before they are cleaned."""

    def __init__(self, name: str, picture: Picture, seed: int) -> None:
        self.name = name
        self.picture = picture
        self.states = states(picture.pixels, seed)
        self._before = {
            state: (psnr(pixels, picture.pixels), self._codes(state, pixels)) for state, pixels in self.states.items()
        }

    def _codes(self, state: str, pixels: Pixels) -> set[int]:
        return readable(pixels, self.picture.codes) if state in CODES_READ else set()

    def clean(self, denoiser: Denoiser, show: Path | None) -> Trials:
        """Clean all of them, and measure; `show` is a folder for what came back and its differences, on gray."""
        trials = {}
        for state, pixels in self.states.items():
            restored = denoiser.restore(pixels)
            cleaned = restored.pixels
            before, codes_before = self._before[state]
            codes_after = self._codes(state, cleaned)
            trials[state] = Trial(
                before=before,
                after=psnr(cleaned, self.picture.pixels),
                block=worst_block(cleaned, self.picture.pixels),
                told=restored.sigma,
                codes_before=len(codes_before),
                codes_after=len(codes_after),
                codes_lost=sorted(codes_before - codes_after),
            )
            if show and state in (UNTOUCHED, NOISE_6):
                difference = 128 + SHOWN_TIMES * (cleaned.astype(int) - self.picture.pixels)
                name = f"{self.name}-{state.replace(' ', '-')}"
                save(cleaned, show / f"{name}.png")
                save(difference.clip(0, 255).astype(np.uint8), show / f"{name}-difference.png")
        return trials


def harm(trials: Trials) -> list[str]:
    """Say by which rules a picture is harmed; nothing where it is not."""
    untouched, noisy = trials[UNTOUCHED], trials[NOISE_6]
    said = []
    if untouched.after < LEAST_UNTOUCHED:
        said.append("untouched")
    if untouched.block > MOST_BLOCK:
        said.append("block untouched")
    if noisy.after < noisy.before + LEAST_GAIN:
        said.append(NOISE_6)
    if noisy.block > MOST_BLOCK:
        said.append(f"block {NOISE_6}")
    for state in CODES_READ:
        if trials[state].codes_lost:
            said.append(f"{len(trials[state].codes_lost)} codes {state}")
    return said


def told(level: float | None) -> str:
    """Write a noise level."""
    return "-" if level is None else f"{level:.1f}"


def row(model: str, kind: str, trials: Trials) -> list[str]:
    """Return the cells of the table's row."""
    untouched, noisy = trials[UNTOUCHED], trials[NOISE_6]
    pairs = {state: f"{trial.before:.1f} > {trial.after:.1f}" for state, trial in trials.items()}
    codes = [f"{trials[state].codes_before} > {trials[state].codes_after}" for state in CODES_READ]
    return [
        model,
        kind,
        f"{untouched.after:.1f}",
        f"{untouched.block:.1f}",
        *(pairs[f"noise {level}"] for level in LEVELS),
        f"{noisy.block:.1f}",
        pairs[JPEG],
        ", ".join(codes) if untouched.codes_before else "",
        f"{told(untouched.told)}, {told(noisy.told)}",
        ", ".join(harm(trials)),
    ]


HEAD = ["model", "kind", UNTOUCHED, "block", *(f"noise {n}" for n in LEVELS), f"block {NOISE_6}", JPEG, "codes", "told"]


def page_side(text: str) -> int:
    """Read a side's length."""
    side = int(text)
    if side < SMALLEST_SIDE or side % BLOCK:
        raise argparse.ArgumentTypeError(f"must be a multiple of {BLOCK}, {SMALLEST_SIDE} or more")
    return side


def options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=MODELS, help=f"names or files; {', '.join(MODELS)} by default")
    parser.add_argument("--kinds", nargs="*", choices=KINDS, default=KINDS, metavar="KIND", help=", ".join(KINDS))
    parser.add_argument("--pictures", type=Path, help="folder of clean pictures to measure too")
    parser.add_argument("--side", type=page_side, default=384, help="height and width in pixels")
    parser.add_argument("--seed", type=int, default=0, help="another one draws other pictures of each kind")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path, help="file to write all figures to")
    parser.add_argument("--show", type=Path, help="folder to write what was drawn and what came back to, as PNG")
    read = parser.parse_args()
    if len({Path(model).stem for model in read.models}) < len(read.models):
        parser.error("two models have the same name")
    return read


def drawn(kinds: Sequence[str], seed: int, side: int, skipped: dict[str, str]) -> Iterator[tuple[str, Picture]]:
    """Draw the kinds; those that lack a font are skipped, and its name is noted."""
    for kind in kinds:
        try:
            yield kind, draw(kind, seed, side)
        except MissingFontError as error:
            skipped[kind] = str(error)


def main() -> None:
    """Measure and print."""
    asked = options()
    denoisers = {Path(model).stem: Denoiser(model, threads=asked.threads) for model in asked.models}
    skipped: dict[str, str] = {}
    pictures = [*drawn(asked.kinds, asked.seed, asked.side, skipped)]
    pictures += opened(asked.pictures, asked.side) if asked.pictures else []
    measured: dict[str, dict[str, Trials]] = defaultdict(dict)
    seconds: dict[str, float] = defaultdict(float)
    print_head([*HEAD, "harmed by"])
    for name, picture in pictures:
        given = Given(name, picture, asked.seed)
        if asked.show:
            save(picture.pixels, asked.show / "drawn" / f"{name}.png")
        for model, denoiser in denoisers.items():
            begin = time.perf_counter()
            trials = given.clean(denoiser, asked.show and asked.show / model)
            seconds[model] += time.perf_counter() - begin
            measured[model][name] = trials
            print_row(row(model, name, trials))
    print()
    for kind, lacking in skipped.items():
        print(f"skipped {kind}: the font {lacking} is not installed")
    for model, kinds in measured.items():
        harmed = [kind for kind, trials in kinds.items() if harm(trials)]
        print(f"{model}, {seconds[model]:.0f} s: harmed {len(harmed)} of {len(kinds)}: {', '.join(harmed)}")
    if asked.json:
        asked.json.write_text(json.dumps(report(asked, skipped, measured), indent=1) + "\n", encoding="utf-8")


def report(asked: argparse.Namespace, skipped: dict[str, str], measured: dict[str, dict[str, Trials]]) -> object:
    """Return all figures for JSON."""
    return {
        "side": asked.side,
        "seed": asked.seed,
        "skipped": skipped,
        "models": {
            model: {
                kind: {"harmed_by": harm(trials), **{state: asdict(trial) for state, trial in trials.items()}}
                for kind, trials in kinds.items()
            }
            for model, kinds in measured.items()
        },
    }


if __name__ == "__main__":
    main()
