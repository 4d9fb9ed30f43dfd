"""Write a result as ``denoise-ae clean`` would: metadata kept, whole or not at all, nothing replaced unasked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from denoise_ae.batch.jobs import Existing, Job, OutputOptions
from denoise_ae.batch.picture_io import save_result
from denoise_ae.batch.planning import CLEAN_STYLE
from denoise_ae.desktop.picture.canvas import Canvas
from denoise_ae.desktop.picture.document import Document
from denoise_ae.imagefiles.formats import FORMATS, format_for
from denoise_ae.imagefiles.picture import Frame
from denoise_ae.restoration.cleaning import Strength

CHOICES = (".png", ".jpg", ".tif", ".webp", ".avif", ".heic", ".jp2", ".bmp")
"""Endings that the window offers, those that are used most first."""


@dataclass(frozen=True)
class SaveOptions(OutputOptions):
    """How results are written."""

    suffix: str | None = None
    """Ending of the format, with its dot; None: as the picture's own."""


def proposed_name(document: Document, options: SaveOptions, folder: Path) -> Path:
    """Return where a result could go: beside the picture, as NAME-clean.

    Args:
        document: the picture.
        options: that say which ending the name gets.
        folder: for what has no file of its own.
    """
    source = document.source
    suffix = options.suffix or own_suffix(document)
    if source is None:
        return folder / f"pasted{CLEAN_STYLE.suffix}{suffix}"
    return source.with_name(f"{source.stem}{CLEAN_STYLE.suffix}{suffix}")


def own_suffix(document: Document) -> str:
    """Return the ending of the picture's own format, or of what is written instead of it."""
    suffixes = FORMATS[document.picture.header.format].written_as.suffixes
    given = document.source.suffix.lower() if document.source else ""
    return given if given in suffixes else suffixes[0]


def is_own_file(document: Document, output: Path) -> bool:
    """Tell whether an output is the very picture that is open, through links too."""
    try:
        return document.source is not None and document.source.samefile(output)
    except OSError:
        return False


def save(document: Document, canvas: Canvas | None, mix: Strength, output: Path, options: SaveOptions) -> Path:
    """Write a result; a file of this name is replaced.

    Args:
        document: the picture.
        canvas: complete; None: nothing was taken from the picture.
        mix: see `Canvas.result`.
        output: whose ending says the format.
        options: its quality, metadata and time.

    Returns:
        The output.

    Raises:
        ImageError: the format can't hold the picture.
        OutputError: it can't be written, or the open picture is to be replaced and has changed on the disk.
    """
    pixels = canvas.result(document.pixels, mix) if canvas else document.pixels
    frame = Frame(pixels, document.picture.metadata, extra=document.picture.frames[0].extra)
    existing = Existing.IN_PLACE if is_own_file(document, output) else Existing.REPLACE
    job = Job(document.source, output, format_for(output), existing, title=document.name or output.name)
    save_result(job, [frame], document.picture.header, options, status=document.status)
    if existing is Existing.IN_PLACE:
        document.status = output.stat()
    return output
