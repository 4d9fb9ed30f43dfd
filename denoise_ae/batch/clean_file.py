"""Clean a file from Python with the promises of ``denoise-ae clean``."""

from __future__ import annotations

import os
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from denoise_ae.batch import pipeline
from denoise_ae.batch.jobs import Cleaned, Existing, Failed
from denoise_ae.batch.planning import STREAM, Plan, plan
from denoise_ae.batch.tasks import Settings
from denoise_ae.errors import ImageError, UsageError
from denoise_ae.imagefiles.formats import DEFAULT_MAX_PIXELS
from denoise_ae.modelfiles.catalog import DEFAULT_MODEL
from denoise_ae.restoration.denoiser import Denoiser
from denoise_ae.system.paths import is_folder


@dataclass(frozen=True)
class CleanedFile:
    """What came of a picture."""

    output: Path
    """Where the result lies."""
    megapixels: float
    sigma: float
    """Noise in 8-bit steps: as given, or as estimated; the mean of several frames."""
    little_noise: bool
    """Whether there was hardly anything to clean, as far as the estimate tells."""
    warnings: tuple[str, ...]
    """What could not be kept, a line each."""


def clean_file(
    source: str | os.PathLike[str],
    output: str | os.PathLike[str] | None = None,
    model: str | Path | Denoiser = DEFAULT_MODEL,
    *,
    sigma: float | None = None,
    strength: float = 1.0,
    adapt: bool = False,
    file_format: str | None = None,
    quality: int | None = None,
    keep_metadata: bool = True,
    keep_time: bool = False,
    overwrite: bool = False,
    in_place: bool = False,
    max_pixels: int = DEFAULT_MAX_PIXELS,
    device: str = "auto",
    threads: int | None = None,
    tile: int | None = None,
) -> CleanedFile:
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
        adapt: fit what the model estimates of the noise to this picture first; see `Denoiser.fit_factor`.
        file_format: ending of the format to write, as ``png``; None: as `output` is named, else as the picture is.
        quality: of lossy formats, 1 to 100; None: near the picture's own.
        keep_metadata: keep EXIF, XMP and colour profile where the format can.
        keep_time: give the result the picture's modification time.
        overwrite: replace a file that lies where the result goes; never the picture itself.
        in_place: replace the picture by its result; without `output` and `file_format`.
        max_pixels: refuse larger pictures before memory is taken.
        device: see `Denoiser`; like the next two not for a denoiser that is loaded already.
        threads: see `Denoiser`.
        tile: see `Denoiser`.

    Returns:
        Where the result lies, and what it was cleaned of.

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
    if overwrite and in_place:
        raise UsageError("overwrite and in_place contradict each other", "leave one of the two out")
    if quality is not None and not 1 <= quality <= 100:
        raise UsageError(f"a quality of {quality} is out of range", "give 1 to 100")
    existing = Existing.IN_PLACE if in_place else Existing.REPLACE if overwrite else Existing.REFUSE
    target = None if output is None else file_name(output)
    work = plan_one(file_name(source), target, file_format=file_format, existing=existing)
    denoiser = _denoiser(model, device, threads, tile)
    if adapt:
        denoiser.check_adapt(sigma)
    settings = Settings(sigma, strength, quality, keep_metadata, keep_time, max_pixels, adapt)
    with closing(pipeline.run(work.jobs, denoiser, settings)) as events:
        for event in events:
            if isinstance(event, Failed):
                raise event.error
            if isinstance(event, Cleaned):
                cleaned = event
    assert cleaned.job.output
    return CleanedFile(cleaned.job.output, cleaned.megapixels, cleaned.sigma, cleaned.little_noise, cleaned.warnings)


def plan_one(
    source: str, output: str | None, *, suffix: str | None = None, file_format: str | None, existing: Existing
) -> Plan:
    """Plan what one picture becomes; see `denoise_ae.batch.planning.plan`.

    Raises:
        ImageError: the source is a folder, or is missing.
        DenoiseError: the result can't be what it is to be.
    """
    if is_folder(source):
        raise ImageError(f"{source}: is a folder", "name a picture")
    work = plan([source], output, suffix=suffix, file_format=file_format, existing=existing)
    for event in work.rejected:
        if isinstance(event, Failed):
            raise event.error
    return work


def file_name(path: str | os.PathLike[str]) -> str:
    """Return a path's text, of which none means a stream."""
    text = os.fspath(path)
    return os.path.join(os.curdir, text) if text == STREAM else text  # noqa: PTH118 - pathlib would drop the dot


def _denoiser(model: str | Path | Denoiser, device: str, threads: int | None, tile: int | None) -> Denoiser:
    if not isinstance(model, Denoiser):
        return Denoiser(model, device=device, threads=threads, tile=tile)
    if device != "auto" or threads or tile:
        raise UsageError("a denoiser has its device, threads and tile already", "give them to Denoiser(...)")
    return model
