"""Encode pictures to latent codes, and decode codes to picture files. Whatever goes wrong with one stops no other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from denoise_ae.batch.conflicts import PlanStyle, check_conflicts
from denoise_ae.batch.jobs import Existing, Failed, Job, OutputOptions, Skipped
from denoise_ae.batch.picture_io import explain, save_result
from denoise_ae.batch.planning import Naming, Plan, check_words, file_format_of, find_jobs, names_folder
from denoise_ae.codes.archive import Codes, PictureCodes, is_safe_name
from denoise_ae.codes.codec import Codec, Floats
from denoise_ae.errors import CodesError, DenoiseError
from denoise_ae.imagefiles import images
from denoise_ae.imagefiles.finding import PathFilter
from denoise_ae.imagefiles.formats import DEFAULT_MAX_PIXELS, format_for, is_written_name
from denoise_ae.imagefiles.picture import Frame
from denoise_ae.modelfiles import catalog
from denoise_ae.pixels.convert import from_unit, upright

ENCODE_STYLE = PlanStyle(
    if_outputs_collide="give the folder above them with --recursive, or encode them one by one",
    outputs_are_files=False,
)
DECODE_STYLE = PlanStyle("", "leave out --format", "--overwrite replaces it", "give another -o")


def plan_encode(words: Sequence[str], *, recursive: bool = False, path_filter: PathFilter | None = None) -> Plan:
    """Find the pictures to encode, each once; folders are read as for ``denoise-ae clean``.

    Args:
        words: files and folders.
        recursive: read sub-folders too.
        path_filter: which files; None: all.

    Returns:
        Jobs whose output is the picture's name in the file of codes.
    """
    check_words(words, None)
    jobs, rejected = find_jobs(
        list(words),
        lambda source, root: Job(source, source.relative_to(root)),
        recursive=recursive,
        path_filter=path_filter or PathFilter(),
    )
    first = {job.source: job for job in reversed(jobs)}
    doable, hindered = check_conflicts([job for job in jobs if first[job.source] is job], ENCODE_STYLE)
    return Plan(doable, (*rejected, *hindered))


def encode_files(
    codec: Codec, jobs: Sequence[Job], *, max_pixels: int = DEFAULT_MAX_PIXELS
) -> Iterator[tuple[Job, PictureCodes | DenoiseError]]:
    """Encode pictures, the way up that they are seen, and yield what becomes of each.

    Args:
        codec: what to encode with.
        jobs: see `plan_encode`.
        max_pixels: refuse larger ones before memory is taken.
    """
    for job in jobs:
        assert job.source and job.output
        try:
            picture = images.read_image(job.source, max_pixels)
            pixels = upright(picture.pixels, picture.metadata.orientation)
            yield job, PictureCodes(job.output.as_posix(), pixels.shape[:2], codec.encode(pixels))
        except Exception as error:
            yield job, explain(job, error)


def codec_of(
    codes: Codes, path: Path, model: str | None = None, *, device: str = "auto", threads: int | None = None
) -> Codec:
    """Load the model that made some codes.

    Args:
        codes: the codes.
        path: their file, for messages.
        model: the model that a user names; None: the installed one of the name that the file gives.
        device: see `Codec`.
        threads: see `Codec`.

    Raises:
        CodesError: it is another model, or the file names none that there could be.
        ModelError: there is no such model, or it has no latent code.
    """
    hint = "give the model that they were encoded with: --model NAME or FILE.onnx"
    if model is None and not catalog.is_name(codes.model):
        raise CodesError(f"{path}: the codes are of no installed model", hint)
    name = codes.model if model is None else model
    installed = {known for known, _ in catalog.names()}
    if model is None and name not in installed:
        raise CodesError(f"{path}: the codes are of model {name}, which is not installed", hint)
    codec = Codec(name, device=device, threads=threads)
    if codec.sha256 != codes.sha256 or codec.card.latent != codes.latent or codec.cell != codes.cell:
        raise CodesError(
            f"{path}: the codes are of another model: of {codes.model} ({codes.sha256[:12]}), not of "
            f"{codec.card.name} ({codec.sha256[:12]})",
            hint,
        )
    return codec


def plan_decode(
    codes: Codes, codes_file: Path, output: str, *, file_format: str | None = None, overwrite: bool = False
) -> Plan:
    """Decide where the pictures of a file of codes go.

    Args:
        codes: the codes.
        codes_file: their file, which stays.
        output: a folder, made when missing, under which the pictures lie as they lay when they were encoded; or, for
            one picture, a file, unless a folder of that name exists or it ends with a separator.
        file_format: ending of the format to write, as ``png``; None: as each picture's name says, else PNG.
        overwrite: replace files that exist.

    Returns:
        Jobs whose title is the picture's name.

    Raises:
        UsageError: there is no such format, or it contradicts the output's name.
    """
    check_words([str(codes_file)], output)
    existing = Existing.REPLACE if overwrite else Existing.REFUSE
    is_file = len(codes.pictures) == 1 and not names_folder(output) and is_written_name(output)
    naming = Naming(Path(output), "", None if is_file else file_format)
    jobs: list[Job] = []
    rejected: list[Skipped | Failed] = []
    for picture in codes.pictures:
        if not is_safe_name(picture.name):
            error = CodesError(f"{picture.name!r}: leads out of the output folder", "the file of codes may mean harm")
            rejected.append(Failed(Job(None, Path(output), title=picture.name), error))
            continue
        target = Path(output) if is_file else naming.output(Path(picture.name), root=Path())
        if not is_written_name(target):
            target = target.with_name(f"{target.name}.png")
        written_as = file_format_of(target, file_format) if is_file else format_for(target)
        jobs.append(Job(None, target, written_as, existing, title=picture.name))
    doable, hindered = check_conflicts(jobs, DECODE_STYLE, also_read=[codes_file])
    return Plan(doable, (*rejected, *hindered))


def decode_files(codec: Codec, codes: Codes, jobs: Sequence[Job]) -> Iterator[tuple[Job, DenoiseError | None]]:
    """Decode pictures and write them in 8 bits; yield what is wrong, if anything, with each.

    Args:
        codec: what to decode with.
        codes: the codes.
        jobs: see `plan_decode`.
    """
    pictures = {picture.name: picture for picture in codes.pictures}
    for job in jobs:
        picture = pictures[job.name]
        try:
            write_decoded(job, codec.decode(picture.codes, picture.size))
            yield job, None
        except Exception as error:
            yield job, explain(job, error)


def write_decoded(job: Job, picture: Floats) -> None:
    """Write a picture, HxW or HxWx3 on [0, 1], in 8 bits.

    Raises:
        ImageError: the format can't be written.
        OutputError: the file exists already, or can't be written.
    """
    save_result(job, [Frame(from_unit(picture, np.uint8))], None, OutputOptions())
