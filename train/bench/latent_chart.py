"""Chart of `latent.py`: code length against PSNR, and PSNR against bytes, beside PCA, WebP and PNG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from latent_curves import Curve
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import ScalarFormatter

from denoise_ae.training.fitting.plots import saved

if TYPE_CHECKING:
    from latent import Measurement

_STYLES = ("s-", "^-", "^:", "v-", "v:")


def draw_chart(found: Sequence[Measurement], others: Mapping[str, Curve], title: str, file_format: str) -> bytes:
    """Draw the chart.

    Args:
        found: the models' figures.
        others: what they are compared with: name -> curve.
        title: a line above.
        file_format: png or svg; the same figures give the same file.
    """
    figure = Figure(figsize=(12, 4.8), layout="constrained")
    figure.suptitle(title, parse_math=False)
    sizes, rates = figure.subplots(1, 2)
    _draw_sizes(sizes, found)
    _draw_rates(rates, found, others)
    return saved(figure, file_format, 120)


def _draw_sizes(axes: Axes, found: Sequence[Measurement]) -> None:
    pca = sorted({(one.latent, one.pca_psnr) for one in found})
    axes.plot(*zip(*pca, strict=True), marker="s", color="#D55E00", label="PCA")
    for one in found:
        place = (one.latent, one.psnr)
        axes.plot(*place, "o", color="#0072B2")
        axes.annotate(one.model, place, (5, 5), textcoords="offset points", fontsize=8, parse_math=False)
    axes.plot([], [], "o", color="#0072B2", label="autoencoders")
    axes.set(xscale="log", xlabel="numbers in the code", ylabel="PSNR (dB), not rounded")
    ticks = sorted({one.latent for one in found})
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.minorticks_off()
    axes.grid(color="0.9")
    axes.margins(0.12)
    axes.legend()


def _draw_rates(axes: Axes, found: Sequence[Measurement], others: Mapping[str, Curve]) -> None:
    # As far as any code goes, and a little beyond.
    best = max(quality for one in found for quality, _ in one.curve) + 3
    for (label, curve), style in zip(others.items(), _STYLES, strict=True):
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
    if axes.get_legend_handles_labels()[0]:  # none where all others are far better or worse
        axes.legend(fontsize="small")
