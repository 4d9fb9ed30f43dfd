"""Repair a file with the promises of ``denoise-ae clean``: what a mask marks, or a detector finds, is filled."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from denoise_ae.batch.clean_file import file_name, load, plan_one, what_exists
from denoise_ae.batch.conflicts import PlanStyle, check_conflicts
from denoise_ae.batch.jobs import Existing, Job, OutputOptions, Repaired
from denoise_ae.batch.pipeline import process
from denoise_ae.batch.planning import Plan
from denoise_ae.batch.transforms import Prepared, Report
from denoise_ae.errors import ImageError, UsageError
from denoise_ae.imagefiles import images
from denoise_ae.imagefiles.formats import DEFAULT_MAX_PIXELS, format_for
from denoise_ae.imagefiles.picture import Picture
from denoise_ae.pixels.convert import peak_of, split_alpha, upright
from denoise_ae.pixels.filters import grow as grow_mask
from denoise_ae.restoration.defects import find_defects
from denoise_ae.restoration.page import printed_share
from denoise_ae.restoration.repairer import REPAIR_MODEL, Repairer
from denoise_ae.restoration.specks import Specks, fill_specks, find_specks
from denoise_ae.system.files import write_atomic

REPAIR_STYLE = PlanStyle(
    "-fixed", "choose another name", "--overwrite replaces it", "choose another name; --in-place replaces the picture"
)

_BACK = {6: 8, 8: 6}
"""EXIF orientation -> the one that undoes it; each other one undoes itself."""

MOST_PRINT = 0.1
"""Share of a page's strokes from which what looks like damage is the print itself."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Repairs(OutputOptions):
    """What of a picture is to be repaired, and how it is written."""

    mask: Path | None = None
    """A picture as large as the one to repair, white where it is to be filled; None: what `find_defects` finds."""
    specks: bool = False
    """Whether the specks of a scanned page are filled instead, see `find_specks`."""
    grow: int = 0
    """So many pixels around what is marked or found are filled too."""
    sensitivity: float = 1.0
    """See `find_defects` and `find_specks`."""
    save_mask: Path | None = None
    """Where to write what was filled, as a mask; replaced only where the result may replace a file."""

    def __post_init__(self) -> None:
        """Check that the options agree.

        Raises:
            UsageError: they do not, or one is out of range.
        """
        super().__post_init__()
        if self.specks and self.mask:
            raise UsageError("a mask leaves no specks to look for", "give --specks or --mask, not both")


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
    job = plan_one(source, output, file_format=file_format, existing=existing, style=REPAIR_STYLE)
    jobs = [job]
    if path := repairs.save_mask:
        replaces = Existing.REFUSE if existing is Existing.REFUSE else Existing.REPLACE
        jobs.append(Job(None, path, format_for(path), replaces, title="the mask"))
    checked = check_conflicts(jobs, REPAIR_STYLE, also_read=[repairs.mask] if repairs.mask else ())
    return Plan(*checked).only()


@dataclass(frozen=True)
class _Found:
    """What is to be filled."""

    masks: list[Mask]
    """Of each frame, HxW."""
    spots: int | None = None
    """How many were found; None where a mask told."""
    specks: list[Specks] | None = None
    """Of each frame, if they are specks, which need no model."""


class Repairing:
    """Repairs pictures; see `denoise_ae.batch.transforms.Transform`.

    A picture of which nothing is to be filled is handed on as it is, byte for byte, unless another format, quality or
    no metadata are asked for.

    Args:
        repairer: the model; specks need none.
        repairs: what is to be done.
    """

    def __init__(self, repairer: Repairer | None, repairs: Repairs) -> None:
        self._repairer = repairer
        self.options = repairs

    def prepare(self, job: Job, picture: Picture) -> Prepared:
        """Find out what is to be filled in each frame.

        Raises:
            ImageError: the mask does not fit, or what looks like damage is print.
        """
        if self.options.specks:
            found = self._find_specks(picture)
        else:
            found = self._read_masks(job, picture) if self.options.mask else self._find_damage(job, picture)
        return Prepared(partial(self._repair, job, picture, found), unchanged=not any(map(np.any, found.masks)))

    def _repair(self, job: Job, picture: Picture, found: _Found, report: Report) -> Repaired:
        masks = found.masks
        if self.options.save_mask:
            _write_mask(job, picture, masks, self.options.save_mask)
        for number, frame in enumerate(picture.frames):
            if found.specks:
                frame.pixels = fill_specks(frame.pixels, found.specks[number])
            elif self._repairer:
                frame.pixels = self._repairer.repair(frame.pixels, masks[number], progress=partial(report, number))
        share = sum(int(mask.sum()) for mask in masks) / sum(mask.size for mask in masks)
        return Repaired(job=job, megapixels=picture.header.pixels / 1e6, share=share, spots=found.spots)

    def _find_specks(self, picture: Picture) -> _Found:
        found = [find_specks(frame.pixels, self.options.sensitivity) for frame in picture.frames]
        grown = [replace(each, mask=self._grown(each.mask)) for each in found]
        return _Found([each.mask for each in grown], sum(each.count for each in grown), grown)

    def _find_damage(self, job: Job, picture: Picture) -> _Found:
        found = [find_defects(frame.pixels, self.options.sensitivity) for frame in picture.frames]
        for frame, each in zip(picture.frames, found, strict=True):
            printed = printed_share(frame.pixels, each.mask) if each.count else 0.0
            if printed > MOST_PRINT:
                raise ImageError(
                    f"{job.name}: is print or line art, {printed:.0%} of whose strokes look like damage; left as it is",
                    "--specks removes the specks of a scan; --mask FILE says what else is to be repaired",
                )
        return _Found([self._grown(each.mask) for each in found], sum(each.count for each in found))

    def _read_masks(self, job: Job, picture: Picture) -> _Found:
        path = self.options.mask
        assert path is not None
        marked = self._grown(read_mask(path, self.options.max_pixels))
        masks = [upright(marked, _BACK.get(turn, turn)) for turn in (f.metadata.orientation for f in picture.frames)]
        for frame, mask in zip(picture.frames, masks, strict=True):
            if mask.shape != frame.pixels.shape[:2]:
                seen = upright(frame.pixels, frame.metadata.orientation)
                sizes = [f"{array.shape[1]} x {array.shape[0]}" for array in (marked, seen)]
                raise ImageError(
                    f"{path}: is {sizes[0]} pixels, but {job.name} is {sizes[1]}",
                    "a mask is as large as its picture, white where it is to be repaired",
                )
        return _Found(masks)

    def _grown(self, mask: Mask) -> Mask:
        return grow_mask(mask, self.options.grow) if self.options.grow else mask


def _write_mask(job: Job, picture: Picture, lost: list[Mask], path: Path) -> None:
    if len(lost) > 1:
        raise UsageError(f"{job.name}: has several pictures, whose masks do not fit in one", "leave out --save-mask")
    seen = upright(lost[0], picture.metadata.orientation)
    data = images.encode((seen * np.uint8(255)).astype(np.uint8), format_for(path), name=str(path))
    write_atomic(path, data, overwrite=job.existing is not Existing.REFUSE)


def repair_file(
    source: str | os.PathLike[str],
    output: str | os.PathLike[str] | None = None,
    mask: str | os.PathLike[str] | None = None,
    model: str | Path | Repairer = REPAIR_MODEL,
    *,
    specks: bool = False,
    grow: int = 0,
    sensitivity: float = 1.0,
    save_mask: str | os.PathLike[str] | None = None,
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
) -> Repaired:
    """Fill scratches, dust, text and holes, or a scan's specks, of one picture file; write the result into another.

    Pixels that are not marked come back untouched, in formats that store without loss.

    Args:
        source: the picture.
        output: the result's name, or a folder for it; None: beside the picture, as NAME-fixed.
        mask: a picture of the same size, white where it is to be repaired; None: dust and scratches are looked for.
        model: the name of an installed model that repairs, an ONNX file, or a repairer, which is loaded once for many;
            not used for specks.
        specks: fill the specks of a scanned page instead, see `denoise_ae.restoration.specks.find_specks`.
        grow: so many pixels around what is marked or found are filled too.
        sensitivity: see `find_defects` and `find_specks`.
        save_mask: where to write what was filled, as a mask.
        file_format: as for `denoise_ae.batch.clean_file.clean_file`, like all that follows.
        quality: of lossy formats.
        keep_metadata: keep EXIF, XMP and colour profile.
        keep_time: give the result the picture's modification time.
        overwrite: replace a result and a mask that exist; never the picture itself.
        in_place: replace the picture by its result.
        max_pixels: refuse larger pictures, and larger masks.
        device: see `Repairer`.
        threads: see `Repairer`.
        tile: see `Repairer`.

    Returns:
        What became of it: its output, and how much was filled.

    Raises:
        ImageError: the picture or the mask can't be read, they differ in size, what looks like damage is print, or the
            format can't hold the result.
        OutputError: a file of the result's name exists, it is an input itself, or it can't be written.
        ModelError: the model is unknown or broken, or does not repair.
        UsageError: options are out of range or contradict each other.
        DenoiseError: the class of all these, and anything else, such as too little memory.
    """
    repairs = Repairs(
        None if mask is None else Path(mask),
        specks,
        grow,
        sensitivity,
        None if save_mask is None else Path(save_mask),
        quality=quality,
        keep_metadata=keep_metadata,
        keep_time=keep_time,
        max_pixels=max_pixels,
    )
    target = None if output is None else file_name(output)
    existing = what_exists(overwrite=overwrite, in_place=in_place)
    job = plan_repair(file_name(source), target, repairs, file_format, existing)
    repairer = None if specks else load(Repairer, model, device, threads, tile)
    repaired = process(job, Repairing(repairer, repairs))
    assert isinstance(repaired, Repaired)
    return repaired
