"""Read, inspect and write one image: the promises of every command that makes one file of another."""

from __future__ import annotations

import os
import sys
import traceback
from dataclasses import dataclass
from functools import partial

from denoise_ae.batch.jobs import Existing, Job, OutputOptions
from denoise_ae.errors import DenoiseError, ImageError, OutputError, library_missing
from denoise_ae.imagefiles.formats import FORMATS, format_named
from denoise_ae.imagefiles.headers import read_header, sniff
from denoise_ae.imagefiles.images import check_supported, decode, encode_frames
from denoise_ae.imagefiles.metadata import Metadata
from denoise_ae.imagefiles.picture import Frame, Header
from denoise_ae.pixels.convert import upright
from denoise_ae.system.files import read_stream, read_whole, same_state, write_atomic
from denoise_ae.system.paths import status_of


@dataclass(frozen=True)
class Source:
    """A file, or standard input, that has been read and not decoded."""

    data: bytes
    header: Header
    status: os.stat_result | None
    """The file's when it was read; None for standard input."""

    @property
    def pixels(self) -> int:
        """How many there are."""
        return self.header.pixels


def read_source(job: Job, options: OutputOptions) -> Source | None:
    """Read a job's file, or standard input; None where there is nothing to do, because its output is there already.

    Args:
        job: what to read.
        options: how large it may be.

    Raises:
        OSError: it can't be read.
        ImageError: it is no picture that can be read, was changed meanwhile, has too many pixels, or its result could
            not be written in the format that it is to have.
        OutputError: a file lies where its result goes, and is no result.
    """
    if job.existing in {Existing.SKIP, Existing.RENEW} and is_done(job, options):
        return None
    check = partial(sniff, name=job.name)
    if job.source is None:
        data, status = read_stream(sys.stdin.buffer, job.name, options.max_bytes, check), None
    else:
        data, status = read_whole(job.source, options.max_bytes, check)
    header = read_header(data, job.name, options.max_pixels)
    check_supported(header, target_format(job, header), job.name)
    return Source(data, header, status)


def explain(job: Job, error: Exception) -> DenoiseError:
    """Turn any exception into an error that names the picture; the exception stays its cause."""
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
    elif isinstance(error, ImportError):
        explained = library_missing(job.name, error)
    elif isinstance(error, OSError):
        explained = ImageError(f"{job.name}: {error.strerror or error}")
    else:
        hint = "this is a fault of denoise-ae; --debug shows where it is"
        explained = DenoiseError(f"{job.name}: {type(error).__name__}: {error}", hint)
    explained.__cause__ = error
    return explained


def is_done(job: Job, options: OutputOptions) -> bool:
    """Tell whether a job's output exists and can be decoded: results appear whole or not at all, other files may not.

    Args:
        job: whose output.
        options: how large it may be.

    Raises:
        OutputError: a file lies there that can't be decoded, and is not to be replaced.
    """
    if job.output is None:
        return False
    try:
        data, _ = read_whole(job.output, options.max_bytes, partial(sniff, name=job.output_name))
        decode(data, job.output_name, options.max_pixels)
    except FileNotFoundError:
        return False
    except (OSError, ImageError) as error:
        if job.existing is Existing.RENEW:
            return False
        why = error.message.removeprefix(f"{job.output_name}: ") if isinstance(error, ImageError) else error.strerror
        message = f"{job.output_name}: exists and is no result of ours: {why}"
        raise OutputError(message, "move it away; --overwrite replaces it") from error
    return True


def misnamed(job: Job, header: Header) -> tuple[str, ...]:
    """Warn of a name that promises another format, where the output is to have the source's."""
    name = job.output or job.source
    promised = format_named(name) if name else None
    found = FORMATS[header.format]
    if job.file_format or not promised or not promised.writable or promised is found.written_as:
        return ()
    return (f"it is {found.title} whatever its name says, and is written as {found.written_as.title}",)


def target_format(job: Job, header: Header | None) -> str:
    """Say which format a result gets: as asked for, else its source's, or the one written instead of it.

    Raises:
        ImageError: a result that would be of another format is to replace its source.
    """
    if job.file_format or not header:
        assert job.file_format
        return job.file_format
    own = FORMATS[header.format]
    if not own.writable and job.existing is Existing.IN_PLACE:
        raise ImageError(f"{job.name}: {own.title} can't be written, so not in place", "give -o")
    return own.written_as.name


def save_result(
    job: Job,
    frames: list[Frame],
    like: Header | None,
    options: OutputOptions,
    *,
    status: os.stat_result | None = None,
    original: bytes | None = None,
) -> None:
    """Encode a result and write it, whole or not at all, into a folder that is made where it is missing.

    Args:
        job: whose result it is.
        frames: its pixels and metadata; they are changed where metadata is not kept.
        like: the source's header; None: there is no source, and the job has a format.
        options: how it is written.
        status: the source's when it was read; None for standard input.
        original: the source's bytes where no pixel was changed; they are written as they are, where nothing else is
            asked for than the source is. None: frames are encoded.

    Raises:
        ImageError: the format can't hold the picture.
        OutputError: it can't be written, or a file lies there that must stay: one that is no more what was read.
    """
    file_format = target_format(job, like)
    if not options.keep_metadata:
        for frame in frames:
            # What said which way up it is goes, so that the pixels have to say it.
            frame.pixels = upright(frame.pixels, frame.metadata.orientation)
            frame.extra = None if frame.extra is None else upright(frame.extra, frame.metadata.orientation)
            frame.metadata = Metadata()
    same_format = like is not None and file_format == like.format
    if original is None or not same_format or options.quality is not None or not options.keep_metadata:
        original = encode_frames(frames, file_format, quality=options.quality, like=like, name=job.name)
    if job.output is None:
        _write_stdout(original)
        return
    folder = job.output.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: this folder can't be made: {error.strerror}") from error
    if status:
        _check_unchanged(job, status, status_of(job.output))
    modified = status.st_mtime_ns if options.keep_time and status else None
    write_atomic(
        job.output, original, overwrite=job.existing not in {Existing.REFUSE, Existing.SKIP}, modified=modified
    )


def _check_unchanged(job: Job, source: os.stat_result, there: os.stat_result | None) -> None:
    """Check that what lies where a result goes is what the plan took it for: the very picture that was read, or not.

    Raises:
        OutputError: it is not. Somebody has changed the picture, or made the output folder a link to the inputs.
    """
    if job.existing is Existing.IN_PLACE:
        if not there or not same_state(source, there):
            raise OutputError(f"{job.name}: was changed meanwhile, and stays as it is now", "try again")
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
