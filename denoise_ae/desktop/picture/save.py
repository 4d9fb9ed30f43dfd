"""Write a result as ``denoise-ae clean`` would: metadata kept, whole or not at all, nothing replaced unasked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from denoise_ae.batch.jobs import Existing, Job
from denoise_ae.batch.picture_io import strip, write_result
from denoise_ae.batch.planning import DEFAULT_SUFFIX
from denoise_ae.desktop.picture.canvas import Canvas
from denoise_ae.desktop.picture.document import Document
from denoise_ae.imagefiles import images
from denoise_ae.imagefiles.formats import FORMATS, WRITTEN_AS, format_for
from denoise_ae.imagefiles.picture import Frame

LOSSY = ("jpeg", "webp", "avif", "heic")
"""Formats that have a quality."""

CHOICES = (".png", ".jpg", ".tif", ".webp", ".avif", ".heic", ".jp2", ".bmp")
"""Endings that the window offers, those that are used most first."""


@dataclass(frozen=True)
class SaveOptions:
    """How results are written."""

    suffix: str | None = None
    """Ending of the format, with its dot; None: as the picture's own."""
    quality: int | None = None
    """1 to 100; None: near the picture's own."""
    keep_metadata: bool = True
    keep_time: bool = False


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
        return folder / f"pasted{DEFAULT_SUFFIX}{suffix}"
    return source.with_name(f"{source.stem}{DEFAULT_SUFFIX}{suffix}")


def own_suffix(document: Document) -> str:
    """Return the ending of the picture's own format, or of what is written instead of it."""
    own = document.picture.header.format
    written = WRITTEN_AS.get(own, own)
    given = document.source.suffix.lower() if document.source else ""
    return given if FORMATS.get(given) == written else next(end for end, name in FORMATS.items() if name == written)


def is_own_file(document: Document, output: Path) -> bool:
    """Tell whether an output is the very picture that is open, through links too."""
    try:
        return document.source is not None and document.source.samefile(output)
    except OSError:
        return False


def save(document: Document, canvas: Canvas | None, mix: float, output: Path, options: SaveOptions) -> Path:
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
    if not options.keep_metadata:
        strip(frame)
    existing = Existing.IN_PLACE if is_own_file(document, output) else Existing.REPLACE
    job = Job(document.source, output, format_for(output), existing)
    data = images.encode_frames(
        [frame],
        format_for(output),
        quality=options.quality,
        like=document.picture.header,
        name=document.name or output.name,
    )
    write_result(job, data, document.status, keep_time=options.keep_time)
    if existing is Existing.IN_PLACE:
        document.status = output.stat()
    return output
