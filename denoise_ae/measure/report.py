"""The benchmark's results as a table and as a chart. The chart needs matplotlib, in the extra ``[bench]``."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Collection, Iterable, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING

from denoise_ae.errors import PackageError
from denoise_ae.measure.baselines import INSTALL_HINT
from denoise_ae.measure.benchmark import NOISY, Summary

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CHART_FORMATS = ("png", "svg")
COLUMNS = ("noise", "method", "pictures", "PSNR dB", "SSIM", "MP/s")

_PANELS_A_ROW = 3
_PANEL_INCHES = (5.2, 3.9)
_STYLES = {True: ("o", "#0072B2"), False: ("s", "#D55E00")}
"""Marker and colour of models, then of the others: colours for the colour-blind too (Okabe and Ito)."""
_LABEL_POINTS = 8.0
_GAP = 7.0
"""Distance from a point to its label, in points of 1/72 inch."""
_LONGEST_LABEL = 28


def row(summary: Summary) -> tuple[str, ...]:
    """Format a summary as a row of a table with `COLUMNS`."""
    speed = summary.megapixels_a_second
    return (
        "real" if summary.sigma is None else f"{summary.sigma:g}",
        summary.method,
        str(summary.pictures),
        f"{summary.psnr:.2f}",
        f"{summary.ssim:.4f}",
        "" if speed is None else f"{speed:.{2 if speed >= 0.1 else 3}f}",
    )


def markdown(summaries: Sequence[Summary], notes: Sequence[str] = ()) -> str:
    """Format summaries as a Markdown table, with a paragraph below it for each note."""
    return write_markdown(COLUMNS, map(row, summaries), notes, texts=("noise", "method"))


def write_markdown(
    columns: Sequence[str], rows: Iterable[Sequence[str]], notes: Sequence[str], *, texts: Collection[str]
) -> str:
    """Format a Markdown table, with a paragraph below it for each note.

    Args:
        columns: their names.
        rows: the cells.
        notes: the paragraphs.
        texts: the columns that hold words; the others hold numbers and are right-aligned.
    """
    escaped = [[_escape(cell) for cell in cells] for cells in rows]
    rules = ["---" if name in texts else "---:" for name in columns]
    lines = [f"| {' | '.join(cells)} |" for cells in (columns, rules, *escaped)]
    return "\n\n".join(["\n".join(lines), *map(_escape, notes)]) + "\n"


def _escape(text: str) -> str:
    """Escape Markdown's special characters."""
    return re.sub(r"([\\`*_|<>\[\]~])", r"\\\1", text)


def check_matplotlib() -> None:
    """Check, before anything is measured, that a chart can be drawn.

    Raises:
        PackageError: matplotlib is missing.
    """
    if find_spec("matplotlib") is None:
        raise PackageError("a chart needs matplotlib, which is not installed", INSTALL_HINT)


def draw_chart(summaries: Sequence[Summary], models: Collection[str], title: str, file_format: str) -> bytes:
    """Plot PSNR against speed, in a panel for each level, with a labelled point for each method.

    Methods without both figures, such as the noisy pictures themselves, have no point.

    Args:
        summaries: to plot.
        models: the methods that are models, which get their own marker and colour.
        title: of the chart.
        file_format: one of `CHART_FORMATS`; the same figures give the same file.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    levels = list(dict.fromkeys(summary.sigma for summary in summaries))
    columns = min(_PANELS_A_ROW, len(levels))
    rows = math.ceil(len(levels) / columns)
    width, height = _PANEL_INCHES
    figure = Figure(figsize=(columns * width, rows * height), layout="constrained")
    figure.suptitle(title, parse_math=False)
    panels = figure.subplots(rows, columns, squeeze=False).flatten()
    for axes in panels[len(levels) :]:
        axes.remove()
    groups = [[each for each in summaries if each.sigma == level] for level in levels]
    for axes, group in zip(panels, groups, strict=False):
        _draw_points(axes, group, models)
    # Only now are the points' positions on paper known.
    figure.draw_without_rendering()
    for axes, group in zip(panels, groups, strict=False):
        _label_points(axes, group, figure.dpi)
    buffer = io.BytesIO()
    with rc_context({"svg.hashsalt": "denoise-ae"}):
        figure.savefig(buffer, format=file_format, dpi=120, metadata={"Date": None} if file_format == "svg" else None)
    return buffer.getvalue()


def _points(group: Sequence[Summary]) -> list[tuple[float, float, str]]:
    """Return megapixels per second, dB and name of the methods that have both figures."""
    return [
        (each.megapixels_a_second, each.psnr, each.method)
        for each in group
        if each.megapixels_a_second is not None and math.isfinite(each.psnr)
    ]


def _draw_points(axes: Axes, group: Sequence[Summary], models: Collection[str]) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    for speed, decibels, method in _points(group):
        marker, colour = _STYLES[method in models]
        axes.plot(speed, decibels, marker, color=colour, markersize=7)
    noise = "real noise" if group[0].sigma is None else f"noise of standard deviation {group[0].sigma:g}"
    noisy = [f" (noisy: {each.psnr:.2f} dB)" for each in group if each.method == NOISY]
    axes.set_title("".join([noise, *noisy]), fontsize="medium")
    axes.set(xscale="log", xlabel="megapixels a second", ylabel="PSNR (dB)")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda speed, _: f"{speed:g}"))
    axes.margins(0.12, 0.14)
    axes.grid(color="0.9")
    axes.set_axisbelow(True)


def _label_points(axes: Axes, group: Sequence[Summary], dpi: float) -> None:
    """Write each method's name beside its point, where it fits and covers no other point or name."""
    points = sorted(_points(group), key=lambda point: point[1])
    # From here on in points of 1/72 inch, as font sizes are.
    places = [axes.transData.transform((speed, decibels)) * 72 / dpi for speed, decibels, _ in points]
    first, last = axes.get_window_extent().intervalx * 72 / dpi
    taken = [(x - _GAP, x + _GAP, y) for x, y in places]  # left, right and height
    line = 1.3 * _LABEL_POINTS

    def is_free(left: float, right: float, height: float) -> bool:
        apart = (right <= a or b <= left or abs(height - y) >= line for a, b, y in taken)
        return first <= left and right <= last and all(apart)

    for (speed, decibels, method), (x, y) in zip(points, places, strict=True):
        name = method if len(method) <= _LONGEST_LABEL else f"…{method[1 - _LONGEST_LABEL :]}"
        width = 0.62 * _LABEL_POINTS * len(name)
        starts = (x + _GAP, x - _GAP - width)  # right and left of the point
        boxes = [(left, left + width, y + shift * line) for shift in (0, 1, -1, 2, -2) for left in starts]
        box = next((box for box in boxes if is_free(*box)), boxes[0])
        taken.append(box)
        is_right = box[0] > x
        axes.annotate(
            name,
            (speed, decibels),
            (_GAP if is_right else -_GAP, box[2] - y),
            textcoords="offset points",
            ha="left" if is_right else "right",
            va="center",
            fontsize=_LABEL_POINTS,
            parse_math=False,
        )
