"""Measure latent codes: what pictures are left of a code of N numbers, and how many bytes the codes take.

Beside principal components of the same number, and PNG and WebP of the same PSNR. How bytes are counted is said in
`NOTES`, which every table carries.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from denoise_ae.codes.codec import Codec, Floats
from denoise_ae.errors import ModelError
from denoise_ae.training.latents.entropy import pack, round_codes, spread_of, unround
from denoise_ae.training.latents.rates import (
    Curve,
    Pictures,
    cheapest,
    component_curve,
    fit_components,
    mean_psnr,
    png_curve,
    project,
    webp_curve,
)

STEPS = (2.0, 1.0, 0.5, 0.25, 0.125, 0.0625)
"""Steps that codes are rounded to, in standard deviations of each of their numbers."""

ALLOWED_LOSS = 0.1
"""Most that rounding may take from the PSNR, in dB: the largest step that keeps to it is taken."""

FILES = 500
"""Most pictures that are written as files of their own, to count their bytes."""

COMPONENTS = 256
"""Principal components that are coded; further ones would only cost."""

NOTES = (
    "PSNR is the mean of the pictures' figures, clean pictures in; PCA has as many components as the code has numbers, "
    "neither rounded. Coded: the codes are rounded, each of their numbers to the largest step of 2, 1, 1/2, ... of its "
    f"standard deviation that costs {ALLOWED_LOSS:g} dB at most, and entropy-coded by zlib.",
    "Bytes are a picture's share: of all codes in one file, with its tables and header but without the decoder; of all "
    f"pictures in one sheet of WebP or PNG; or of files of their own, headers included, over the first {FILES}. PCA, "
    "WebP and PNG (with fewer grays) have at least the PSNR of the coded codes, at the lowest setting that does. "
    "Pays after: so many pictures must there be before the model's own file is paid for, beside a sheet of WebP.",
)
"""What has to be known of the figures, for below a table."""


@dataclass(frozen=True)
class LatentMeasurement:
    """What was measured of a model. PSNR in dB, sizes in bytes a picture; infinite where a way never gets so good."""

    model: str
    network: str
    noise: str
    """What it was trained to take away, see its card."""
    latent: int
    psnr: float
    """Of pictures decoded from their codes as they are."""
    pca_psnr: float
    """Of as many principal components."""
    step: float
    """That codes are rounded to, in standard deviations."""
    coded_psnr: float
    """Of pictures decoded from rounded codes."""
    code_bytes: float
    pca_bytes: float
    webp_sheet_bytes: float
    webp_file_bytes: float
    png_sheet_bytes: float
    png_file_bytes: float
    model_bytes: int
    curve: Curve
    """All roundings: (dB, bytes)."""

    @property
    def pays_after(self) -> float:
        """Pictures after which codes and model together are smaller than WebP; infinite where they never are."""
        gain = self.webp_sheet_bytes - self.code_bytes
        return self.model_bytes / gain if gain > 0 else math.inf


@dataclass(frozen=True)
class Others:
    """What codes are compared with: curves of (dB, bytes)."""

    pca: Curve
    webp_sheet: Curve
    webp_files: Curve
    png_sheet: Curve
    png_files: Curve


def check(name: str, codec: Codec, pictures: Pictures) -> None:
    """Check that a model takes these pictures.

    Raises:
        ModelError: it does not.
    """
    if codec.card.channels != 1 or codec.cell != pictures.shape[1:]:
        height, width = pictures.shape[1:]
        raise ModelError(
            f"model {name} does not encode gray pictures of {width} x {height} pixels", "give one for digits"
        )


def measure_latent(
    codecs: Mapping[str, tuple[Codec, int]],
    training: Pictures,
    pictures: Pictures,
    progress: Callable[[], None] = lambda: None,
) -> tuple[list[LatentMeasurement], Others]:
    """Measure models on clean pictures.

    Args:
        codecs: name -> model and the bytes of its file.
        training: uint8 N x H x W, what the principal components are found on.
        pictures: uint8 N x H x W, others, what everything is measured on.
        progress: called `steps_in_all` times.

    Returns:
        What was measured of each model, those with short codes first, and what they are compared with.

    Raises:
        PackageError: scikit-learn is missing.
        ModelError: a model fails, or does not take such pictures.
    """
    for name, (codec, _) in codecs.items():
        check(name, codec, pictures)
    most = max(COMPONENTS, *(codec.card.latent for codec, _ in codecs.values()))
    components = fit_components(training, most)
    progress()
    files = pictures[:FILES]
    others = Others(
        component_curve(components, pictures),
        webp_curve(pictures, together=True, progress=progress),
        webp_curve(files, together=False, progress=progress),
        png_curve(pictures, together=True),
        png_curve(files, together=False),
    )
    found = []
    for name, (codec, size) in sorted(codecs.items(), key=lambda item: item[1][0].card.latent):
        pca_psnr = mean_psnr(project(components, pictures, codec.card.latent), pictures / 255)
        found.append(_measure(name, codec, pictures, others, pca_psnr=pca_psnr, size=size))
        progress()
    return found, others


def _measure(
    name: str, codec: Codec, pictures: Pictures, others: Others, *, pca_psnr: float, size: int
) -> LatentMeasurement:
    clean: Floats = (pictures / 255).astype(np.float32)
    codes = codec.encode_cells(clean[:, None])
    exact = mean_psnr(codec.decode_cells(codes)[:, 0], clean)
    curve = list(_roundings(codec, codes, clean))
    enough = [index for index, (quality, _) in enumerate(curve) if quality >= exact - ALLOWED_LOSS]
    chosen = enough[0] if enough else len(curve) - 1
    quality, coded = curve[chosen]
    return LatentMeasurement(
        model=name,
        network=codec.card.network,
        noise=codec.card.noise,
        latent=codec.card.latent,
        psnr=exact,
        pca_psnr=pca_psnr,
        step=STEPS[chosen],
        coded_psnr=quality,
        code_bytes=coded,
        pca_bytes=cheapest(others.pca, quality),
        webp_sheet_bytes=cheapest(others.webp_sheet, quality),
        webp_file_bytes=cheapest(others.webp_files, quality),
        png_sheet_bytes=cheapest(others.png_sheet, quality),
        png_file_bytes=cheapest(others.png_files, quality),
        model_bytes=size,
        curve=curve,
    )


def _roundings(codec: Codec, codes: Floats, clean: Floats) -> Iterator[tuple[float, float]]:
    """Yield PSNR and bytes a picture for each of `STEPS`."""
    spread = spread_of(codes)
    for step in STEPS:
        steps = spread * np.float32(step)
        whole = round_codes(codes, steps)
        restored = codec.decode_cells(unround(whole, steps))[:, 0]
        yield mean_psnr(restored, clean), len(pack(whole, steps)) / len(clean)
