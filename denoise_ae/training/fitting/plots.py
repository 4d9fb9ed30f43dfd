"""The pictures of a run: loss curves, reconstructions, and samples of its latent code."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

_NOISELESS = 90.0
"""PSNR (dB) from which a picture counts as free of noise."""

_COLUMNS = 8
"""Most pictures shown side by side."""


def draw_curves(rows: Sequence[dict[str, float]]) -> bytes:
    """Draw training and validation loss, and validation PSNR, against epochs.

    Args:
        rows: the rows of a run's ``metrics.csv``.

    Returns:
        A PNG file.
    """
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    losses, quality = figure.subplots(1, 2)
    epochs = [row["epoch"] for row in rows]
    losses.plot(epochs, [row["train_loss"] for row in rows], marker=".", label="training")
    losses.plot(epochs, [row["val_loss"] for row in rows], marker=".", label="validation (MSE)")
    # Logarithmic losses may be negative.
    positive = all(row[name] > 0 for row in rows for name in ("train_loss", "val_loss"))
    losses.set(xlabel="epoch", ylabel="loss", yscale="log" if positive else "linear")
    losses.legend()
    quality.plot(epochs, [row["val_psnr"] for row in rows], marker=".", label="restored")
    if max(row["noisy_psnr"] for row in rows) < _NOISELESS:
        quality.plot(epochs, [row["noisy_psnr"] for row in rows], linestyle="--", label="noisy")
    quality.set(xlabel="epoch", ylabel="validation PSNR (dB)")
    quality.legend()
    return saved(figure)


def draw_samples(clean: Tensor | None, noisy: Tensor, restored: Tensor) -> bytes:
    """Draw clean, noisy and restored pictures in three rows, with the PSNR under each.

    Args:
        clean: float NxCxHxW, 0 to 1; the first few are drawn. None: two rows, and no PSNR.
        noisy: as `clean`.
        restored: as `clean`.

    Returns:
        A PNG file.
    """
    rows = (
        {"noisy": noisy, "restored": restored}
        if clean is None
        else {"clean": clean, "noisy": noisy, "restored": restored}
    )
    count = min(_COLUMNS, len(noisy))
    height, width = noisy.shape[2:]
    side = 1.4 if width < 64 else 3.6
    figure = Figure(figsize=(side * count, (side * height / width + 0.35) * len(rows)), layout="constrained")
    grid = figure.subplots(len(rows), count, squeeze=False)
    for axes, (name, pictures) in zip(grid, rows.items(), strict=True):
        for number, (axis, picture) in enumerate(zip(axes, pictures[:count], strict=True)):
            _show(axis, picture)
            axis.set(xticks=[], yticks=[])
            if clean is None:
                continue
            error = float((picture - clean[number]).square().mean())
            axis.set_xlabel(name if error == 0 else f"{-10 * math.log10(error):.1f} dB", fontsize=8)
        axes[0].set_ylabel(name)
    return saved(figure)


def draw_codes(codes: NDArray[np.floating[Any]], labels: Sequence[int]) -> bytes:
    """Draw a map of latent codes: their two principal components, a point for each picture.

    Args:
        codes: N x latent.
        labels: of each picture, which colour the points; empty: one colour.

    Returns:
        A PNG file.
    """
    figure = Figure(figsize=(6, 5.2), layout="constrained")
    axes = figure.subplots()
    places, shares = principal_components(codes)
    draw_points(axes, places, labels)
    axes.set_title(f"codes of {len(codes)} validation pictures, {codes.shape[1]} numbers each", fontsize="medium")
    axes.set_xlabel(f"first principal component ({shares[0]:.0%} of the variance)")
    axes.set_ylabel(f"second ({shares[1]:.0%})")
    return saved(figure)


def principal_components(codes: NDArray[np.floating[Any]]) -> tuple[NDArray[np.float64], tuple[float, float]]:
    """Project codes on their two principal components, N x 2; returns the shares of the variance too."""
    centred = codes.astype(np.float64) - codes.mean(0)
    left, strengths, _ = np.linalg.svd(centred, full_matrices=False)
    places = np.zeros((len(codes), 2))
    count = min(2, len(strengths))
    places[:, :count] = left[:, :count] * strengths[:count]
    shares = np.zeros(2)
    shares[:count] = strengths[:count] ** 2 / max(float((strengths**2).sum()), 1e-30)
    return places, (float(shares[0]), float(shares[1]))


def draw_points(axes: Axes, places: NDArray[np.floating[Any]], labels: Sequence[int]) -> None:
    """Draw points, N x 2, in a colour for each label, with a legend where there are labels."""
    if not len(labels):
        axes.scatter(places[:, 0], places[:, 1], s=6)
        return
    for label in sorted(set(labels)):
        mine = np.asarray(labels) == label
        axes.scatter(places[mine, 0], places[mine, 1], s=6, color=f"C{label % 10}", label=str(label))
    axes.legend(markerscale=3, fontsize="small", loc="center left", bbox_to_anchor=(1, 0.5))


def draw_walks(clean: Tensor, walks: Tensor) -> bytes:
    """Draw interpolations between codes, one in each row, with the original pictures at its ends.

    Args:
        clean: float NxCxHxW, 0 to 1: the first row leads from the first to the second, the next from the third on.
        walks: float W x steps x C x H x W, 0 to 1.

    Returns:
        A PNG file.
    """
    rows, steps = max(1, len(walks)), walks.shape[1]
    height, width = clean.shape[2:]
    figure = Figure(figsize=(0.9 * (steps + 2), 0.9 * height / width * rows + 0.4), layout="constrained")
    grid = figure.subplots(rows, steps + 2, squeeze=False)
    for axis in grid.flat:
        axis.set_axis_off()
    for number, (row, walk) in enumerate(zip(grid, walks, strict=False)):
        for axis, picture in zip(row, (clean[2 * number], *walk, clean[2 * number + 1]), strict=True):
            _show(axis, picture)
    for column, title in ((0, "original"), (1, "its code"), (steps, "its code"), (steps + 1, "original")):
        grid[0, column].set_title(title, fontsize=8)
    return saved(figure)


def draw_sheet(pictures: Tensor) -> bytes:
    """Draw pictures, float NxCxHxW on [0, 1], in a square; returns a PNG file."""
    side = math.ceil(math.sqrt(len(pictures)))
    figure = Figure(figsize=(0.8 * side, 0.8 * side), layout="constrained")
    grid = figure.subplots(side, side, squeeze=False)
    for axis in grid.flat:
        axis.set_axis_off()
    for axis, picture in zip(grid.flat, pictures, strict=False):
        _show(axis, picture)
    return saved(figure)


def _show(axis: Axes, picture: Tensor) -> None:
    shown = picture.permute(1, 2, 0).squeeze(-1).clip(0, 1).numpy()
    axis.imshow(shown, cmap="gray", vmin=0, vmax=1, interpolation="nearest")


def saved(figure: Figure, file_format: str = "png", dpi: int = 100) -> bytes:
    """Return a figure as a file, png or svg; the same figure gives the same file."""
    buffer = io.BytesIO()
    with rc_context({"svg.hashsalt": "denoise-ae"}):
        figure.savefig(buffer, format=file_format, dpi=dpi, metadata={"Date": None} if file_format == "svg" else None)
    return buffer.getvalue()
