"""Clean a file from Python with the promises of ``denoise-ae clean``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeVar

from denoise_ae.batch.cleaning import Cleaning
from denoise_ae.batch.conflicts import PlanStyle
from denoise_ae.batch.jobs import Cleaned, Existing, Job
from denoise_ae.batch.pipeline import process
from denoise_ae.batch.planning import CLEAN_STYLE, STREAM, plan
from denoise_ae.batch.tasks import Settings
from denoise_ae.errors import ImageError, UsageError
from denoise_ae.imagefiles.formats import DEFAULT_MAX_PIXELS
from denoise_ae.modelfiles.catalog import DEFAULT_MODEL
from denoise_ae.restoration.denoiser import Denoiser
from denoise_ae.restoration.repairer import Repairer
from denoise_ae.system.files import DEFAULT_MAX_BYTES
from denoise_ae.system.paths import is_folder

Model = TypeVar("Model", Denoiser, Repairer)


def clean_file(
    source: str | os.PathLike[str],
    output: str | os.PathLike[str] | None = None,
    model: str | Path | Denoiser = DEFAULT_MODEL,
    *,
    sigma: float | None = None,
    strength: float = 1.0,
    luma: float | None = None,
    chroma: float | None = None,
    adapt: bool = False,
    defects: bool = True,
    file_format: str | None = None,
    quality: int | None = None,
    keep_metadata: bool = True,
    keep_time: bool = False,
    overwrite: bool = False,
    in_place: bool = False,
    max_pixels: int = DEFAULT_MAX_PIXELS,
    max_bytes: int = DEFAULT_MAX_BYTES,
    accept_damaged: bool = False,
    device: str = "auto",
    threads: int | None = None,
    tile: int | None = None,
) -> Cleaned:
    """Clean one picture file into another.

    Size, channels, bit depth, metadata and, where nothing else is asked for, format stay as they are. The result
    appears whole or not at all, and replaces nothing unless told to. All happens in this process;
    `denoise_ae.batch.supervisor` cleans many files in another, and outlives a decoder that crashes.

    Args:
        source: the picture.
        output: the result's name, or a folder for it; a folder that does not exist yet ends with a separator. None:
            beside the picture, as NAME-clean.
        model: the name of an installed model, an ONNX file, or a denoiser, which is loaded once for many files.
        sigma: standard deviation of the noise in 8-bit steps, 0 to 255, for models that take one; None estimates it.
        strength: 0 leaves every pixel, 1 is the model's result, up to 1.5 takes more.
        luma: strength for the luminance alone, see `Denoiser.clean`; None: `strength`.
        chroma: strength for the colour alone; None: `strength`.
        adapt: fit what the model estimates of the noise to this picture first; see `Denoiser.fit_factor`.
        defects: fill hot and dead pixels of photographs first.
        file_format: ending of the format to write, as ``png``; None: as `output` is named, else as the picture is.
        quality: of lossy formats, 1 to 100; None: near the picture's own.
        keep_metadata: keep EXIF, XMP and colour profile where the format can.
        keep_time: give the result the picture's modification time.
        overwrite: replace a file that lies where the result goes; never the picture itself.
        in_place: replace the picture by its result; without `output` and `file_format`.
        max_pixels: refuse larger pictures before memory is taken.
        max_bytes: refuse longer files before they are read.
        accept_damaged: take damaged JPEG and JPEG 2000 as far as they can be decoded, with a warning.
        device: see `Denoiser`; like the next two not for a denoiser that is loaded already.
        threads: see `Denoiser`.
        tile: see `Denoiser`.

    Returns:
        What became of it: its output, and what it was cleaned of.

    Raises:
        ImageError: the picture can't be read, is broken, too large, or of no known format; or the format to write
            can't hold it.
        OutputError: a file of the result's name exists, it is the picture itself, or it can't be written.
        ModelError: the model is unknown or broken, or does not take such a picture.
        DeviceError: there is no such device.
        PackageError: reading this format takes an optional package.
        UsageError: options are out of range or contradict each other.
        DenoiseError: the class of all these, and anything else, such as too little memory.
    """
    settings = Settings(
        sigma,
        strength,
        luma,
        chroma,
        defects,
        adapt,
        quality=quality,
        keep_metadata=keep_metadata,
        keep_time=keep_time,
        max_pixels=max_pixels,
        max_bytes=max_bytes,
        accept_damaged=accept_damaged,
    )
    target = None if output is None else file_name(output)
    existing = what_exists(overwrite=overwrite, in_place=in_place)
    job = plan_one(file_name(source), target, file_format=file_format, existing=existing)
    denoiser = load(Denoiser, model, device, threads, tile)
    if adapt:
        denoiser.check_adapt(sigma)
    cleaned = process(job, Cleaning(denoiser, settings))
    assert isinstance(cleaned, Cleaned)
    return cleaned


def what_exists(*, overwrite: bool, in_place: bool) -> Existing:
    """Say what to do where an output exists.

    Raises:
        UsageError: both are asked for.
    """
    if overwrite and in_place:
        raise UsageError("overwrite and in_place contradict each other", "leave one of the two out")
    return Existing.IN_PLACE if in_place else Existing.REPLACE if overwrite else Existing.REFUSE


def plan_one(
    source: str, output: str | None, *, file_format: str | None, existing: Existing, style: PlanStyle = CLEAN_STYLE
) -> Job:
    """Plan what one picture becomes; see `denoise_ae.batch.planning.plan`.

    Raises:
        ImageError: the source is a folder, or is missing.
        DenoiseError: the result can't be what it is to be.
    """
    if is_folder(source):
        raise ImageError(f"{source}: is a folder", "name a picture")
    return plan([source], output, file_format=file_format, existing=existing, style=style).only()


def file_name(path: str | os.PathLike[str]) -> str:
    """Return a path's text, of which none means a stream."""
    text = os.fspath(path)
    return os.path.join(os.curdir, text) if text == STREAM else text  # noqa: PTH118 - pathlib would drop the dot


def load(kind: type[Model], model: str | Path | Model, device: str, threads: int | None, tile: int | None) -> Model:
    """Load a model, unless it is loaded already.

    Raises:
        ModelError: it is unknown or broken, or another kind of model.
        DeviceError: there is no such device.
        UsageError: options are given for a model that is loaded already.
    """
    if isinstance(model, str | Path):
        return kind(model, device=device, threads=threads, tile=tile)
    if device != "auto" or threads or tile:
        name = kind.__name__
        raise UsageError(f"a {name.lower()} has its device, threads and tile already", f"give them to {name}(...)")
    return model
