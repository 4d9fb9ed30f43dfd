"""Repair a file with the promises of ``denoise-ae clean``: what a mask marks, or what a detector finds, is filled."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from denoise_ae.batch.clean_file import file_name, plan_one
from denoise_ae.batch.jobs import Event, Existing, Failed, Job, Progress, Repaired, Started, sweep
from denoise_ae.batch.picture_io import Source, explain, misnamed, read_source, strip, target_format, write_result
from denoise_ae.errors import ImageError, OutputError, UsageError
from denoise_ae.imagefiles import images
from denoise_ae.imagefiles.formats import DEFAULT_MAX_PIXELS, format_for
from denoise_ae.imagefiles.picture import Picture
from denoise_ae.pixels.convert import peak_of, split_alpha, upright
from denoise_ae.pixels.filters import grow
from denoise_ae.restoration.defects import find_defects
from denoise_ae.restoration.repairer import REPAIR_MODEL, Repairer
from denoise_ae.system.files import check_target, write_atomic
from denoise_ae.system.paths import identity

SUFFIX = "-fixed"
"""What a result's name gets where it lies beside its source."""

_BACK = {6: 8, 8: 6}
"""EXIF orientation -> the one that undoes it; each other one undoes itself."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Repairs:
    """What of a picture is to be repaired, and how it is written."""

    mask: Path | None = None
    """A picture as large as the one to repair, white where it is to be filled; None: what `find_defects` finds."""
    grow: int = 0
    """So many pixels around what is marked or found are filled too."""
    sensitivity: float = 1.0
    """See `find_defects`."""
    save_mask: Path | None = None
    """Where to write what was filled, as a mask; replaced only where the result may replace a file."""
    quality: int | None = None
    keep_metadata: bool = True
    keep_time: bool = False
    max_pixels: int = DEFAULT_MAX_PIXELS


def read_mask(path: Path, max_pixels: int = DEFAULT_MAX_PIXELS) -> Mask:
    """Read which pixels a mask marks, as it is seen: HxW.

    Marked is what is lighter than half in any channel and, where there is alpha, more than half opaque.

    Raises:
        ImageError: it is no picture that can be read.
    """
    picture = images.read_image(path, max_pixels)
    colour, alpha = split_alpha(upright(picture.pixels, picture.metadata.orientation))
    half = peak_of(colour.dtype) / 2
    marked: Mask = np.asarray(np.atleast_3d(colour > half).any(axis=2))
    return marked if alpha is None else marked & (alpha > half)


def plan_repair(source: str, output: str | None, repairs: Repairs, file_format: str | None, existing: Existing) -> Job:
    """Decide what a picture becomes, and find out what would be refused after all the work.

    Args:
        source: the picture; ``-``: standard input.
        output: the result, or a folder for it; ``-``: standard output; None: beside the source, as NAME-fixed.
        repairs: what is to be done.
        file_format: as for `denoise_ae.batch.planning.plan`.
        existing: what to do where the output exists already.

    Raises:
        DenoiseError: the files can't be read or written under these names.
    """
    beside = output is None and existing is not Existing.IN_PLACE and source != "-"
    work = plan_one(source, output, suffix=SUFFIX if beside else None, file_format=file_format, existing=existing)
    job = work.jobs[0]
    read = [path for path in (job.source, repairs.mask) if path]
    written = [path for path in (job.output, repairs.save_mask) if path]
    for path in written:
        others = read[1:] if path == job.source else read  # in place
        if _is_among(path, others):
            raise OutputError(f"{path}: the output is an input itself", "choose another name")
    if repairs.save_mask:
        if job.output and os.path.realpath(job.output) == os.path.realpath(repairs.save_mask):
            raise OutputError(f"{repairs.save_mask}: the mask would lie where the result goes", "choose another name")
        format_for(repairs.save_mask)
        check_target(repairs.save_mask, overwrite=existing is not Existing.REFUSE)
    return job


def _is_among(path: Path, others: Sequence[Path]) -> bool:
    known = identity(path)
    return known is not None and known in map(identity, others)


def repair(job: Job, repairer: Repairer, repairs: Repairs, tell: Callable[[Event], None] = lambda _: None) -> Repaired:
    """Repair a picture and write the result, whole or not at all.

    A picture of which nothing is to be filled is handed on as it is, byte for byte, unless another format, quality or
    no metadata are asked for.

    Args:
        job: see `plan_repair`.
        repairer: the model.
        repairs: what is to be done.
        tell: is told what happens, the end included.

    Raises:
        DenoiseError: it can't be done; the message names the file.
    """
    sweep([job])
    try:
        event = _repair(job, repairer, repairs, tell)
    except Exception as error:
        explained = explain(job, error)
        tell(Failed(job, explained))
        raise explained from error
    tell(event)
    return event


def _repair(job: Job, repairer: Repairer, repairs: Repairs, tell: Callable[[Event], None]) -> Repaired:
    source = read_source(job, repairs.max_pixels)
    assert source is not None  # nothing is passed over here
    picture = images.decode(source.data, job.name, repairs.max_pixels)
    tell(Started(job, picture.header.pixels / 1e6))
    begin = time.perf_counter()
    lost, spots = _marked(job, picture, repairs)
    if repairs.save_mask:
        _write_mask(job, picture, lost, repairs.save_mask)
    for number, (frame, mask) in enumerate(zip(picture.frames, lost, strict=True)):

        def report(done: int, total: int, before: int = number) -> None:
            tell(Progress(job, before * total + done, len(lost) * total))

        frame.pixels = repairer.repair(frame.pixels, mask, progress=report)
        if not repairs.keep_metadata:
            strip(frame)
    share = sum(int(mask.sum()) for mask in lost) / sum(mask.size for mask in lost)
    data = source.data if not share and _stays(job, source, repairs) else _encode(job, picture, repairs)
    write_result(job, data, source.status, keep_time=repairs.keep_time)
    warnings = (*picture.warnings, *misnamed(job, picture.header))
    seconds = time.perf_counter() - begin
    return Repaired(job, picture.header.pixels / 1e6, seconds, share, spots, warnings)


def _marked(job: Job, picture: Picture, repairs: Repairs) -> tuple[list[Mask], int | None]:
    """Return what is to be filled in each frame, and how many defects were found where nobody marked any."""
    if not repairs.mask:
        found = [find_defects(frame.pixels, repairs.sensitivity) for frame in picture.frames]
        return [_grown(each.mask, repairs.grow) for each in found], sum(each.count for each in found)
    marked = _grown(read_mask(repairs.mask, repairs.max_pixels), repairs.grow)
    lost = [upright(marked, _BACK.get(turn, turn)) for turn in (f.metadata.orientation for f in picture.frames)]
    for frame, mask in zip(picture.frames, lost, strict=True):
        if mask.shape != frame.pixels.shape[:2]:
            seen = upright(frame.pixels, frame.metadata.orientation)
            sizes = [f"{array.shape[1]} x {array.shape[0]}" for array in (marked, seen)]
            raise ImageError(
                f"{repairs.mask}: is {sizes[0]} pixels, but {job.name} is {sizes[1]}",
                "a mask is as large as its picture, white where it is to be repaired",
            )
    return lost, None


def _grown(mask: Mask, radius: int) -> Mask:
    return grow(mask, radius) if radius else mask


def _stays(job: Job, source: Source, repairs: Repairs) -> bool:
    """Tell whether a picture that needs no repair can be handed on as it is."""
    kept = target_format(job, source.header) == source.header.format
    return kept and repairs.quality is None and repairs.keep_metadata


def _encode(job: Job, picture: Picture, repairs: Repairs) -> bytes:
    return images.encode_frames(
        picture.frames,
        target_format(job, picture.header),
        quality=repairs.quality,
        like=picture.header,
        name=job.name,
    )


def _write_mask(job: Job, picture: Picture, lost: list[Mask], path: Path) -> None:
    if len(lost) > 1:
        raise UsageError(f"{job.name}: has several pictures, whose masks do not fit in one", "leave out --save-mask")
    seen = upright(lost[0], picture.metadata.orientation)
    data = images.encode((seen * np.uint8(255)).astype(np.uint8), format_for(path), name=str(path))
    write_atomic(path, data, overwrite=job.existing is not Existing.REFUSE)


@dataclass(frozen=True)
class RepairedFile:
    """What came of a picture."""

    output: Path
    """Where the result lies."""
    megapixels: float
    share: float
    """Of the pixels that were filled, 0 to 1."""
    spots: int | None
    """Defects that were found; None where a mask told."""
    warnings: tuple[str, ...]
    """What could not be kept, a line each."""


def repair_file(
    source: str | os.PathLike[str],
    output: str | os.PathLike[str] | None = None,
    mask: str | os.PathLike[str] | None = None,
    model: str | Path | Repairer = REPAIR_MODEL,
    *,
    file_format: str | None = None,
    overwrite: bool = False,
    in_place: bool = False,
    **how: Any,  # noqa: ANN401 - the fields of Repairs, which checks them
) -> RepairedFile:
    """Fill scratches, dust, text and holes of one picture file, and write the result into another.

    Pixels that are not marked come back untouched, in formats that store without loss.

    Args:
        source: the picture.
        output: the result's name, or a folder for it; None: beside the picture, as NAME-fixed.
        mask: a picture of the same size, white where it is to be repaired; None: dust and scratches are looked for.
        model: the name of an installed model that repairs, an ONNX file, or a repairer, which is loaded once for many.
        file_format: ending of the format to write, as ``png``; None: as `output` is named, else as the picture is.
        overwrite: replace a file that lies where the result goes; never the picture itself.
        in_place: replace the picture by its result; without `output` and `file_format`.
        how: further fields of `Repairs`.

    Returns:
        Where the result lies, and how much was filled.

    Raises:
        ImageError: the picture or the mask can't be read, they differ in size, or the format can't hold the result.
        OutputError: a file of the result's name exists, it is an input itself, or it can't be written.
        ModelError: the model is unknown or broken, or does not repair.
        UsageError: options are out of range or contradict each other.
        DenoiseError: the class of all these, and anything else, such as too little memory.
    """
    if overwrite and in_place:
        raise UsageError("overwrite and in_place contradict each other", "leave one of the two out")
    existing = Existing.IN_PLACE if in_place else Existing.REPLACE if overwrite else Existing.REFUSE
    repairs = Repairs(None if mask is None else Path(mask), **how)
    target = None if output is None else file_name(output)
    job = plan_repair(file_name(source), target, repairs, file_format, existing)
    repairer = model if isinstance(model, Repairer) else Repairer(model)
    done = repair(job, repairer, repairs)
    assert job.output
    return RepairedFile(job.output, done.megapixels, done.share, done.spots, done.warnings)
