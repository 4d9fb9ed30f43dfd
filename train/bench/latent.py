"""What latent codes are worth: PSNR of decoded digits, and bytes of rounded codes, beside PCA, WebP and PNG.

python train/bench/latent.py MODEL [MODEL ...] [--mnist FOLDER] [--limit N] [--threads N] [--chart FILE.png|svg]

MODEL is a name, a FILE.onnx, a checkpoint or a run of `denoise-ae train`, of a network with a latent code for digits.
Clean MNIST test digits go in. It prints a Markdown table and notes; it needs pip install 'denoise-ae[features,train]'.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from latent_chart import draw_chart
from latent_curves import (
    Curve,
    cheapest,
    component_curve,
    mean_psnr,
    pack,
    png_curve,
    project,
    round_codes,
    spread_of,
    webp_curve,
)
from shared import print_head, print_row

from denoise_ae.codes.codec import Codec, Floats
from denoise_ae.errors import DenoiseError, UsageError
from denoise_ae.modelfiles.catalog import find, is_file_name
from denoise_ae.training.data.mnist import load_mnist
from denoise_ae.training.export.export import export
from denoise_ae.training.fitting.checkpoint import find_checkpoint
from denoise_ae.training.latents.features import Pictures, check_model, fit_components

STEPS = (2.0, 1.0, 0.5, 0.25, 0.125, 0.0625)
"""Steps that codes are rounded to, in standard deviations of each component."""

ALLOWED_LOSS = 0.1
"""Most that rounding may cost, in dB; the largest step within it is chosen."""

FILES = 500
"""Most pictures that are written as files of their own, to count their bytes."""

COMPONENTS = 256
"""Principal components that are coded; more would only cost."""

OTHERS = ("PCA", "WebP sheet", "WebP files", "PNG sheet", "PNG files")
COLUMNS = ("model", "numbers", "PSNR dB", "PCA dB", "coded dB", "bytes: code", *OTHERS, "pays after")

NOTES = (
    "PSNR is the mean of the pictures' figures, clean pictures in; PCA has as many components as the code has numbers, "
    "neither rounded. Coded: each component of the codes is rounded to the largest step of 2, 1, 1/2, ... of its "
    f"standard deviation that costs {ALLOWED_LOSS:g} dB at most, and entropy-coded by zlib.",
    "Bytes are a picture's share: of all codes in one file, with its tables and header but without the decoder; of all "
    f"pictures in one sheet of WebP or PNG; or of files of their own, headers included, over the first {FILES}. PCA, "
    "WebP and PNG (with fewer grays) have at least the PSNR of the coded codes, at the lowest setting that does. "
    "Pays after: the number of pictures from which on codes and model together are smaller than a sheet of WebP.",
)


@dataclass(frozen=True)
class Measurement:
    """A model's figures. PSNR in dB, sizes in bytes a picture; infinite where another way never gets so good."""

    model: str
    description: str
    latent: int
    psnr: float
    """Of pictures decoded from exact codes."""
    pca_psnr: float
    """Of as many principal components."""
    coded_psnr: float
    """Of pictures decoded from rounded codes."""
    code_bytes: float
    other_bytes: Mapping[str, float]
    """For each of `OTHERS`, at the same PSNR."""
    model_bytes: int
    curve: Curve
    """All roundings: (dB, bytes)."""

    @property
    def pays_after(self) -> float:
        """Number of pictures from which on codes and model are smaller than WebP; infinite where they never are."""
        gain = self.other_bytes["WebP sheet"] - self.code_bytes
        return self.model_bytes / gain if gain > 0 else math.inf


def measure(
    codecs: Mapping[str, tuple[Codec, int]], training: Pictures, pictures: Pictures
) -> tuple[list[Measurement], dict[str, Curve]]:
    """Measure models on clean pictures.

    Args:
        codecs: name -> model and the bytes of its file.
        training: uint8 N x H x W, which the principal components are fitted to.
        pictures: uint8 N x H x W, others, which everything is measured on.

    Returns:
        The models' figures, those with short codes first, and the curves of `OTHERS`.
    """
    for name, (codec, _) in codecs.items():
        check_model(name, codec, pictures)
    most = max(COMPONENTS, *(codec.card.latent for codec, _ in codecs.values()))
    components = fit_components(training, most)
    files = pictures[:FILES]
    curves = (
        component_curve(components, pictures),
        webp_curve(pictures, together=True),
        webp_curve(files, together=False),
        png_curve(pictures, together=True),
        png_curve(files, together=False),
    )
    others = dict(zip(OTHERS, curves, strict=True))
    found = []
    for name, (codec, size) in sorted(codecs.items(), key=lambda item: item[1][0].card.latent):
        pca_psnr = mean_psnr(project(components, pictures, codec.card.latent), pictures / 255)
        clean: Floats = (pictures / 255).astype(np.float32)
        codes = codec.encode_cells(clean[:, None])
        exact = mean_psnr(codec.decode_cells(codes)[:, 0], clean)
        curve = list(_roundings(codec, codes, clean))
        quality, coded = next((point for point in curve if point[0] >= exact - ALLOWED_LOSS), curve[-1])
        sizes = {other: cheapest(points, quality) for other, points in others.items()}
        text = f"{codec.card.network}; trained with noise {codec.card.noise}"
        latent = codec.card.latent
        found.append(Measurement(name, text, latent, exact, pca_psnr, quality, coded, sizes, size, curve))
    return found, others


def _roundings(codec: Codec, codes: Floats, clean: Floats) -> Iterator[tuple[float, float]]:
    """Yield PSNR and bytes a picture for each of `STEPS`."""
    spread = spread_of(codes)
    for step in STEPS:
        steps = spread * np.float32(step)
        whole = round_codes(codes, steps)
        restored = codec.decode_cells((whole * steps).astype(np.float32))[:, 0]
        yield mean_psnr(restored, clean), len(pack(whole, steps)) / len(clean)


@contextmanager
def load_codecs(words: Sequence[str], threads: int | None) -> Iterator[dict[str, tuple[Codec, int]]]:
    """Load models, and runs, which are exported for that: name -> model and the bytes of its file.

    Raises:
        DenoiseError: one can't be read, has no code, or has the name of another.
    """
    with TemporaryDirectory() as folder:
        found: dict[str, tuple[Codec, int]] = {}
        for word in dict.fromkeys(words):
            path = Path(word)
            is_run = path.is_dir() or path.suffix.lower() == ".ckpt"
            name = path.resolve().name if is_run else path.stem if is_file_name(word) else word
            if name in found:
                raise UsageError(f"{word}: another model is called {name} too", "rename one of them")
            model: str | Path = word
            if is_run:
                model = Path(folder) / f"{len(found)}.onnx"
                export(find_checkpoint(path), model)
            found[name] = Codec(model, device="cpu", threads=threads), find(model).path.stat().st_size
        yield found


def row(found: Measurement) -> list[str]:
    """Return a row of the table."""
    decibels = [f"{value:.2f}" for value in (found.psnr, found.pca_psnr, found.coded_psnr)]
    sizes = [f"{size:.1f}" for size in (found.code_bytes, *found.other_bytes.values())]
    cells = [found.model, str(found.latent), *decibels, *sizes, f"{found.pays_after:,.0f}"]
    return ["never" if cell == "inf" else cell for cell in cells]


def main() -> None:
    """Measure, print and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", metavar="MODEL")
    parser.add_argument("--mnist", type=Path, help="folder of its idx files; by default it is downloaded")
    parser.add_argument("--limit", type=int, help="of test digits")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--chart", type=Path, help="a .png or .svg file")
    options = parser.parse_args()
    if options.chart and options.chart.suffix not in (".png", ".svg"):
        parser.error(f"--chart {options.chart}: end it with .png or .svg")
    try:
        training, _ = load_mnist(options.mnist, "train")
        pictures = load_mnist(options.mnist, "test")[0][: options.limit]
        with load_codecs(options.models, options.threads) as codecs:
            found, others = measure(codecs, training, pictures)
    except DenoiseError as error:
        sys.exit(f"error: {error.message}\nhint: {error.hint}")
    print_head(COLUMNS)
    for one in found:
        print_row(row(one))
    print(f"\n{len(pictures)} of MNIST's test digits.", *(f"{one.model}: {one.description}." for one in found))
    print(*NOTES, sep="\n")
    if options.chart:
        title = f"{len(pictures)} of MNIST's test digits"
        options.chart.write_bytes(draw_chart(found, others, title, options.chart.suffix[1:]))


if __name__ == "__main__":
    main()
