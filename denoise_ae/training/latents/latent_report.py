"""The figures of `denoise_ae.training.latents.latent_bench` as a table and as a chart."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import ScalarFormatter

from denoise_ae.training.fitting.plots import saved
from denoise_ae.training.latents.latent_bench import NOTES, LatentMeasurement, Others

COLUMNS = (
    *("model", "numbers", "PSNR dB", "PCA dB", "coded dB", "bytes: code", "PCA"),
    *("WebP sheet", "WebP files", "PNG sheet", "PNG files", "pays after"),
)


def row(found: LatentMeasurement) -> tuple[str, ...]:
    """Write a measurement as a row of a table with `COLUMNS`."""
    sizes = (
        found.code_bytes,
        found.pca_bytes,
        found.webp_sheet_bytes,
        found.webp_file_bytes,
        found.png_sheet_bytes,
        found.png_file_bytes,
    )
    return (
        found.model,
        str(found.latent),
        *(f"{decibels:.2f}" for decibels in (found.psnr, found.pca_psnr, found.coded_psnr)),
        *(f"{size:.1f}" if math.isfinite(size) else "never" for size in sizes),
        f"{found.pays_after:,.0f}" if math.isfinite(found.pays_after) else "never",
    )


def verdict(found: Sequence[LatentMeasurement]) -> list[str]:
    """Say in plain sentences which codes win and which lose, and against what."""
    gains = {
        "PCA of as many numbers, in PSNR": ([one.psnr - one.pca_psnr for one in found], "dB"),
        "rounded PCA of the same PSNR": ([one.pca_bytes - one.code_bytes for one in found], "bytes"),
        "one sheet of WebP of the same PSNR": ([one.webp_sheet_bytes - one.code_bytes for one in found], "bytes"),
        "one sheet of PNG of the same PSNR": ([one.png_sheet_bytes - one.code_bytes for one in found], "bytes"),
    }
    sentences = []
    for name, (figures, unit) in gains.items():
        told = [(_by(one.model, gain, unit), gain > 0) for one, gain in zip(found, figures, strict=True)]
        better, worse = ([text for text, wins in told if wins == wanted] for wanted in (True, False))
        parts = [f"{', '.join(better)} better" if better else "", f"{', '.join(worse)} worse" if worse else ""]
        sentences.append(f"Beside {name}: {'; '.join(part for part in parts if part)}.")
    return sentences


def _by(model: str, gain: float, unit: str) -> str:
    return f"{model} by {abs(gain):.1f} {unit}" if math.isfinite(gain) else f"{model} (which the other never equals)"


def notes(found: Sequence[LatentMeasurement]) -> list[str]:
    """Return what has to be known of the figures: what each model was trained for, and how things were counted."""
    trained = [f"{one.model}: {one.network}; trained with noise {one.noise}" for one in found]
    return [*verdict(found), ". ".join(trained) + ".", *NOTES]


def draw_chart(found: Sequence[LatentMeasurement], others: Others, title: str, file_format: str) -> bytes:
    """Draw code size against PSNR, beside PCA, and PSNR against bytes, beside PCA, WebP and PNG.

    Args:
        found: the models' figures.
        others: what they are compared with.
        title: a line above.
        file_format: png or svg; the same figures give the same file.
    """
    figure = Figure(figsize=(12, 4.8), layout="constrained")
    figure.suptitle(title, parse_math=False)
    sizes, rates = figure.subplots(1, 2)
    _draw_sizes(sizes, found)
    _draw_rates(rates, found, others)
    return saved(figure, file_format, 120)


def _draw_sizes(axes: Axes, found: Sequence[LatentMeasurement]) -> None:
    pca = sorted({(one.latent, one.pca_psnr) for one in found})
    axes.plot(*zip(*pca, strict=True), marker="s", color="#D55E00", label="PCA")
    for one in found:
        axes.plot(one.latent, one.psnr, "o", color="#0072B2")
        axes.annotate(
            one.model, (one.latent, one.psnr), (5, 5), textcoords="offset points", fontsize=8, parse_math=False
        )
    axes.plot([], [], "o", color="#0072B2", label="autoencoders")
    axes.set(xscale="log", xlabel="numbers in the code", ylabel="PSNR (dB), not rounded")
    ticks = sorted({one.latent for one in found})
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.minorticks_off()
    axes.grid(color="0.9")
    axes.margins(0.12)
    axes.legend()


def _draw_rates(axes: Axes, found: Sequence[LatentMeasurement], others: Others) -> None:
    # As far as any code goes, and a little beyond: what lies further is of no interest here.
    best = max(quality for one in found for quality, _ in one.curve) + 3
    for label, curve, style in (
        ("PCA, rounded", others.pca, "s-"),
        ("WebP, one sheet", others.webp_sheet, "^-"),
        ("WebP, a file each", others.webp_files, "^:"),
        ("PNG, one sheet", others.png_sheet, "v-"),
        ("PNG, a file each", others.png_files, "v:"),
    ):
        seen = sorted((size, quality) for quality, size in curve if quality <= best)
        if seen:
            axes.plot(*zip(*seen, strict=True), style, markersize=3, linewidth=1, label=label)
    for number, one in enumerate(found):
        points = sorted((size, quality) for quality, size in one.curve)
        axes.plot(*zip(*points, strict=True), "o-", markersize=3, color=f"C{5 + number % 5}")
        axes.annotate(one.model, points[-1], (4, 2), textcoords="offset points", fontsize=8, parse_math=False)
    axes.set(xscale="log", xlabel="bytes a picture", ylabel="PSNR (dB)")
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.grid(color="0.9")
    if axes.get_legend_handles_labels()[0]:  # where every other way is better, or worse, by far, there is none
        axes.legend(fontsize="small")
