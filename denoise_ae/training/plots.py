"""The pictures of a run: loss curves, and reconstructions side by side."""

from __future__ import annotations

import io
from collections.abc import Sequence
from math import log10

from matplotlib.figure import Figure
from torch import Tensor

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
    losses.set(xlabel="epoch", ylabel="loss", yscale="log")
    losses.legend()
    quality.plot(epochs, [row["val_psnr"] for row in rows], marker=".", label="restored")
    quality.plot(epochs, [row["noisy_psnr"] for row in rows], linestyle="--", label="noisy")
    quality.set(xlabel="epoch", ylabel="validation PSNR (dB)")
    quality.legend()
    return _png(figure)


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
            shown = picture.permute(1, 2, 0).squeeze(-1).clip(0, 1).numpy()
            axis.imshow(shown, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
            axis.set(xticks=[], yticks=[])
            if clean is None:
                continue
            error = float((picture - clean[number]).square().mean())
            axis.set_xlabel(name if error == 0 else f"{-10 * log10(error):.1f} dB", fontsize=8)
        axes[0].set_ylabel(name)
    return _png(figure)


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100)
    return buffer.getvalue()
