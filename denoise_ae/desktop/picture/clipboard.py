"""Pictures between Qt and us: the clipboard and thumbnails."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QMimeData, QSize, Qt
from PySide6.QtGui import QImage, QImageReader, QImageWriter

from denoise_ae.desktop.picture.canvas import Canvas
from denoise_ae.desktop.picture.document import Document, open_bytes, to_shown
from denoise_ae.desktop.picture.tiles import to_image
from denoise_ae.errors import DenoiseError
from denoise_ae.pixels.convert import upright
from denoise_ae.restoration.cleaning import Strength

THUMBNAIL = QSize(72, 48)

_MOST_PIXELS = 60_000_000
"""Larger pictures that Qt can't read get no thumbnail, since all of them would have to be decoded."""


def local_files(data: QMimeData) -> list[Path]:
    """Return the files and folders that are dropped or pasted."""
    return [Path(url.toLocalFile()) for url in data.urls() if url.isLocalFile()]


def from_clipboard(image: QImage, name: str) -> Document:
    """Open a picture that was copied in another program.

    Args:
        image: as the clipboard holds it.
        name: what to call it in messages.

    Raises:
        ImageError: it is too large.
    """
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    QImageWriter(buffer, QByteArray(b"png")).write(image)  # lossless, and from here on a picture like any other
    return open_bytes(bytes(buffer.data().data()), name)


def to_clipboard(document: Document, canvas: Canvas | None, mix: Strength) -> QImage:
    """Return a result, upright, for other programs.

    Args:
        document: the picture.
        canvas: complete; None: the picture is unchanged.
        mix: see `Canvas.result`.
    """
    pixels = canvas.result(document.pixels, mix) if canvas else document.pixels
    shown = upright(to_shown(pixels), document.orientation)
    if shown.shape[2] in (1, 3):
        return to_image(shown if shown.shape[2] == 3 else shown.repeat(3, axis=2))
    if shown.shape[2] == 2:
        shown = shown[..., [0, 0, 0, 1]]
    shown = np.ascontiguousarray(shown)
    height, width = shown.shape[:2]
    return QImage(shown.data, width, height, 4 * width, QImage.Format.Format_RGBA8888).copy()


def thumbnail(path: Path) -> QImage:
    """Return a thumbnail of a file; a null image if it can't be read."""
    reader = QImageReader(str(path))
    reader.setAutoTransform(True)
    size = reader.size()
    if size.isValid():
        reader.setScaledSize(size.scaled(THUMBNAIL, Qt.AspectRatioMode.KeepAspectRatio).expandedTo(QSize(1, 1)))
        image = reader.read()
        if not image.isNull():
            return image
    try:
        document = open_bytes(path.read_bytes(), path.name, max_pixels=_MOST_PIXELS)
    except (DenoiseError, OSError):
        return QImage()
    small = document.stored.shown[-1]
    colour = small[..., :3] if small.shape[2] >= 3 else small[..., :1].repeat(3, axis=2)
    image = to_image(upright(colour, document.orientation))
    return image.scaled(THUMBNAIL, Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation)
