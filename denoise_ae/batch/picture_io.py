"""Read, inspect and write one image; `denoise_ae.batch.pipeline` runs these steps in its threads."""

from __future__ import annotations

import os
import sys
import traceback
from dataclasses import dataclass
from statistics import median
from typing import Any

from numpy.typing import NDArray

from denoise_ae.batch.jobs import Existing, Job
from denoise_ae.errors import DenoiseError, ImageError, OutputError
from denoise_ae.imagefiles.formats import FORMATS, WRITTEN_AS, format_name
from denoise_ae.imagefiles.headers import read_header
from denoise_ae.imagefiles.images import check_held, decode
from denoise_ae.imagefiles.metadata import Metadata
from denoise_ae.imagefiles.picture import Frame, Header, Picture
from denoise_ae.pixels.convert import upright
from denoise_ae.restoration.denoiser import Denoiser
from denoise_ae.system.files import read_whole, same_state, write_atomic
from denoise_ae.system.paths import status_of


@dataclass(frozen=True)
class Source:
    """A picture as it lies on the disk, or came from standard input."""

    data: bytes
    header: Header
    status: os.stat_result | None
    """The file's when it was read; None for standard input."""

    @property
    def pixels(self) -> int:
        """How many there are."""
        return self.header.pixels


def read_source(job: Job, max_pixels: int) -> Source | None:
    """Read a job's file, or standard input; None where there is nothing to do, because its output is there already.

    Args:
        job: what to read.
        max_pixels: the most that a picture may have.

    Raises:
        OSError: it can't be read.
        ImageError: it is no picture that can be read, was changed meanwhile, has too many pixels, or its result could
            not be written in the format that it is to have.
    """
    if job.existing is Existing.SKIP and is_whole_picture(job, max_pixels):
        return None
    data, status = (sys.stdin.buffer.read(), None) if job.source is None else read_whole(job.source)
    header = read_header(data, job.name, max_pixels)
    check_held(header, target_format(job, header), job.name)
    return Source(data, header, status)


def estimate_levels(picture: Picture, denoiser: Denoiser) -> list[float | None]:
    """Estimate the noise of each frame, in 8-bit steps; those of an animation get one level, lest it flicker."""
    levels = [denoiser.estimate_sigma(_noise_sample(frame.pixels, picture.header)) for frame in picture.frames]
    if picture.frames[-1].duration is not None:
        return [median(levels)] * len(levels)
    return [*levels]


def _noise_sample(pixels: NDArray[Any], header: Header) -> NDArray[Any]:
    """Return the pixels to estimate the noise from: of lossy formats green alone, with alpha where there is one.

    They store colour coarsely. Red, green and blue together then have directions without any noise, however strong it
    is, which an estimate for white noise would go by.
    """
    if header.lossless or pixels.ndim == 2 or pixels.shape[2] == 2:
        return pixels
    return pixels[..., 1] if pixels.shape[2] == 3 else pixels[..., 1::2]


def strip(frame: Frame) -> None:
    """Take a frame's metadata away, in place."""
    # What said which way up it is goes, so that the pixels have to say it.
    frame.pixels = upright(frame.pixels, frame.metadata.orientation)
    frame.extra = None if frame.extra is None else upright(frame.extra, frame.metadata.orientation)
    frame.metadata = Metadata()


def explain(job: Job, error: Exception) -> DenoiseError:
    """Turn whatever a picture failed with into a message; the error itself stays its cause."""
    link: BaseException | None = error
    while link is not None:  # the frames would keep the picture's arrays for as long as somebody keeps the failure
        traceback.clear_frames(link.__traceback__)
        link = link.__cause__ or link.__context__
    if isinstance(error, DenoiseError) and (job.name in error.message or job.output_name in error.message):
        return error
    if isinstance(error, DenoiseError):  # it knows of pixels only
        explained = type(error)(f"{job.name}: {error.message}", error.hint)
    elif isinstance(error, MemoryError):
        explained = DenoiseError(f"{job.name}: not enough memory for this picture", "a smaller --tile needs less")
    elif isinstance(error, OSError):
        explained = ImageError(f"{job.name}: {error.strerror or error}")
    else:
        hint = "this is a fault of denoise-ae; --debug shows where it is"
        explained = DenoiseError(f"{job.name}: {type(error).__name__}: {error}", hint)
    explained.__cause__ = error
    return explained


def is_whole_picture(job: Job, max_pixels: int) -> bool:
    """Tell whether a job's output exists and can be decoded: results appear whole or not at all, other files may not.

    Args:
        job: whose output.
        max_pixels: the most that it may have.
    """
    try:
        decode(read_whole(job.output)[0] if job.output else b"", job.output_name, max_pixels)
    except (OSError, ImageError):
        return False
    return True


def misnamed(job: Job, header: Header) -> tuple[str, ...]:
    """Warn of a name that promises another format, where the output is to have the source's."""
    name = job.output or job.source
    promised = FORMATS.get(name.suffix.lower()) if name else None
    written = WRITTEN_AS.get(header.format, header.format)
    if job.file_format or promised in (None, written):
        return ()
    return (f"it is {format_name(header.format)} whatever its name says, and is written as {format_name(written)}",)


def target_format(job: Job, header: Header) -> str:
    """Say which format a result gets: as asked for, else its source's, or what stands in for one that can't be written.

    Raises:
        ImageError: a result that would be of another format is to replace its source.
    """
    if job.file_format:
        return job.file_format
    instead = WRITTEN_AS.get(header.format, header.format)
    if instead != header.format and job.existing is Existing.IN_PLACE:
        raise ImageError(f"{job.name}: {format_name(header.format)} can't be written, so not in place", "give -o")
    return instead


def write_result(job: Job, data: bytes, status: os.stat_result | None = None, *, keep_time: bool = False) -> None:
    """Write a result, whole or not at all, into a folder that is made where it is missing.

    Args:
        job: whose result it is.
        data: the file.
        status: its source's when that was read; None for standard input.
        keep_time: give it the modification time of its source.

    Raises:
        OutputError: it can't be written, or a file lies there that must stay: one that is no more what was cleaned.
    """
    if job.output is None:
        _write_stdout(data)
        return
    folder = job.output.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: this folder can't be made: {error.strerror}") from error
    if status:
        _check_unchanged(job, status, status_of(job.output))
    modified = status.st_mtime_ns if keep_time and status else None
    write_atomic(job.output, data, overwrite=job.existing is not Existing.REFUSE, modified=modified)


def _check_unchanged(job: Job, source: os.stat_result, there: os.stat_result | None) -> None:
    """Check that what lies where a result goes is what the plan took it for: the very picture that was read, or not.

    Raises:
        OutputError: it is not. Somebody has changed the picture, or made the output folder a link to the inputs.
    """
    if job.existing is Existing.IN_PLACE:
        if not there or not same_state(source, there):
            raise OutputError(f"{job.name}: was changed while it was cleaned, and stays as it is now", "clean it again")
    elif there and os.path.samestat(source, there):
        raise OutputError(f"{job.name}: the output has become the input itself", "give another -o")


def _write_stdout(data: bytes) -> None:
    # Not through sys.stdout: what a closed pipe left in its buffer would make a traceback at the end of the process.
    rest = memoryview(data)
    try:
        while rest:
            rest = rest[os.write(sys.stdout.fileno(), rest) :]
    except OSError as error:
        gone = isinstance(error, BrokenPipeError)
        hint = "what reads it ended first" if gone else "name a file with -o"
        raise OutputError(f"standard output: {error.strerror}", hint) from error
