"""The pictures of a run: loss curves, and reconstructions side by side."""

from __future__ import annotations

import io
from collections.abc import Sequence
from math import log10

from matplotlib.figure import Figure
from torch import Tensor

_WITHOUT_NOISE = 90.0
"""PSNR (dB) of a noisy picture from which there is no noise in it."""

_COLUMNS = 8
"""Pictures shown side by side at most."""


def draw_curves(rows: Sequence[dict[str, float]]) -> bytes:
    """Draw training and validation loss, and validation PSNR, against epochs.

    Args:
        rows: the rows of a run's ``metrics.csv``.

    Returns:
        A PNG file.
    """
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    losses, quality = figure.subplots(1, 2)
    epochs = [row["epoch"] + 1 for row in rows]
    losses.plot(epochs, [row["train_loss"] for row in rows], marker=".", label="training")
    losses.plot(epochs, [row["val_loss"] for row in rows], marker=".", label="validation (MSE)")
    # The logarithm of an error, as some losses are, may be negative.
    positive = all(row[name] > 0 for row in rows for name in ("train_loss", "val_loss"))
    losses.set(xlabel="epoch", ylabel="loss", yscale="log" if positive else "linear")
    losses.legend()
    quality.plot(epochs, [row["val_psnr"] for row in rows], marker=".", label="restored")
    if max(row["noisy_psnr"] for row in rows) < _WITHOUT_NOISE:
        quality.plot(epochs, [row["noisy_psnr"] for row in rows], linestyle="--", label="noisy")
    quality.set(xlabel="epoch", ylabel="validation PSNR (dB)")
    quality.legend()
    return _png(figure)


def draw_samples(clean: Tensor, noisy: Tensor, restored: Tensor) -> bytes:
    """Draw clean, noisy and restored pictures in three rows, with the PSNR under each.

    Args:
        clean: float NxCxHxW, 0 to 1; the first few are drawn.
        noisy: as `clean`.
        restored: as `clean`.

    Returns:
        A PNG file.
    """
    count = min(_COLUMNS, len(clean))
    height, width = clean.shape[2:]
    side = 1.4 if width < 64 else 3.6
    figure = Figure(figsize=(side * count, (side * height / width + 0.35) * 3), layout="constrained")
    grid = figure.subplots(3, count, squeeze=False)
    for axes, (name, pictures) in zip(grid, (("clean", clean), ("noisy", noisy), ("restored", restored)), strict=True):
        for axis, picture, truth in zip(axes, pictures[:count], clean[:count], strict=True):
            shown = picture.permute(1, 2, 0).squeeze(-1).clip(0, 1).numpy()
            axis.imshow(shown, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
            axis.set(xticks=[], yticks=[])
            error = float((picture - truth).square().mean())
            axis.set_xlabel(name if error == 0 else f"{-10 * log10(error):.1f} dB", fontsize=8)
        axes[0].set_ylabel(name)
    return _png(figure)


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100)
    return buffer.getvalue()
