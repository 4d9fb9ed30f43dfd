"""Files of pictures become codes, and codes files of pictures again. Whatever goes wrong with one stops no other."""

from __future__ import annotations

import os
import sys
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from denoise_ae.codes.archive import Codes, PictureCodes, is_safe_name
from denoise_ae.codes.codec import Codec
from denoise_ae.errors import CodesError, DenoiseError, ImageError, OutputError
from denoise_ae.imagefiles import images
from denoise_ae.imagefiles.finding import Choice, walk_inputs
from denoise_ae.imagefiles.formats import DEFAULT_MAX_PIXELS, format_for, is_written_name, written_suffix
from denoise_ae.modelfiles import catalog
from denoise_ae.pixels.convert import from_unit, upright
from denoise_ae.system.files import write_atomic
from denoise_ae.system.paths import is_folder


@dataclass(frozen=True)
class Source:
    """A picture to encode, or what can't be."""

    path: Path
    name: str
    """What it is called in the file of codes."""
    error: DenoiseError | None = None


def find_sources(words: Sequence[str], *, recursive: bool = False, choice: Choice | None = None) -> list[Source]:
    """Find the pictures that are to be encoded, each once; folders are read as for ``denoise-ae clean``.

    Args:
        words: files and folders.
        recursive: read sub-folders too.
        choice: the files wanted; None: all.
    """
    choice = choice or Choice()
    found: dict[Path, Source] = {}
    for path, root in walk_inputs(list(words), recursive=recursive, choice=choice):
        if isinstance(root, ImageError):
            found[path] = Source(path, str(path), root)
        elif choice.wants(path.relative_to(root)):
            found.setdefault(path, Source(path, path.relative_to(root).as_posix()))
    taken = Counter(source.name for source in found.values() if not source.error)
    return [
        Source(source.path, source.name, _twice(source)) if taken[source.name] > 1 else source
        for source in found.values()
    ]


def _twice(source: Source) -> OutputError:
    return OutputError(
        f"{source.path}: another picture would be called {source.name} too",
        "give the folder above them with --recursive, or encode them one by one",
    )


def encode_files(
    codec: Codec, sources: Sequence[Source], *, max_pixels: int = DEFAULT_MAX_PIXELS
) -> Iterator[PictureCodes | DenoiseError]:
    """Encode pictures, the way up that they are seen, and yield what becomes of each.

    Args:
        codec: what to encode with.
        sources: the pictures.
        max_pixels: refuse larger ones before memory is taken.
    """
    for source in sources:
        if source.error:
            yield source.error
            continue
        try:
            picture = images.read_image(source.path, max_pixels)
            pixels = upright(picture.pixels, picture.metadata.orientation)
            try:
                yield PictureCodes(source.name, pixels.shape[:2], codec.encode(pixels))
            except ImageError as error:
                raise ImageError(f"{source.path}: {error.message}", error.hint) from None
        except DenoiseError as error:
            yield error


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


@dataclass(frozen=True)
class Target:
    """A picture to decode, and where it goes."""

    picture: PictureCodes
    output: Path
    error: DenoiseError | None = None


def find_targets(codes: Codes, output: str, *, file_format: str | None = None, overwrite: bool = False) -> list[Target]:
    """Decide where the pictures of a file of codes go; nothing is written.

    Args:
        codes: the codes.
        output: a folder, made when missing, under which the pictures lie as they lay when they were encoded; or, for
            one picture, a file, unless a folder of that name exists or it ends with a separator.
        file_format: ending of the format to write, as ``png``; None: as each picture's name says, else PNG.
        overwrite: replace files that exist.

    Raises:
        ImageError: there is no such format.
    """
    if file_format:
        format_for(f".{file_format}")
    ends_as_folder = output.endswith((os.sep, os.altsep or os.sep)) or is_folder(output)
    if len(codes.pictures) == 1 and not ends_as_folder and is_written_name(output):
        return [_checked(Target(codes.pictures[0], Path(output)), overwrite=overwrite)]
    targets = [_target(picture, Path(output), file_format) for picture in codes.pictures]
    taken = Counter(_key(target.output) for target in targets if not target.error)
    return [
        Target(target.picture, target.output, _collision(target))
        if taken[_key(target.output)] > 1
        else _checked(target, overwrite=overwrite)
        for target in targets
    ]


def _target(picture: PictureCodes, folder: Path, file_format: str | None) -> Target:
    if not is_safe_name(picture.name):
        hint = "the file of codes may mean harm"
        return Target(picture, folder, CodesError(f"{picture.name!r}: leads out of the output folder", hint))
    name = Path(picture.name)
    suffix = f".{file_format}" if file_format else written_suffix(name.suffix)
    if is_written_name(suffix):
        return Target(picture, folder / name.with_suffix(suffix))
    return Target(picture, folder / f"{name}.png")


def _key(output: Path) -> str:
    text = str(output)
    return unicodedata.normalize("NFC", text).casefold() if sys.platform in ("win32", "darwin") else text


def _collision(target: Target) -> OutputError:
    return OutputError(f"{target.picture.name}: another picture would become {target.output} too", "leave out --format")


def _checked(target: Target, *, overwrite: bool) -> Target:
    """See before the work that a result is in nobody's way."""
    if target.error or overwrite or not os.path.lexists(target.output):
        return target
    return Target(
        target.picture, target.output, OutputError(f"{target.output}: exists already", "--overwrite replaces it")
    )


def decode_files(codec: Codec, targets: Sequence[Target], *, overwrite: bool = False) -> Iterator[Path | DenoiseError]:
    """Decode pictures and write them in 8 bits; yield the file, or what is wrong, for each."""
    for target in targets:
        if target.error:
            yield target.error
            continue
        try:
            write_picture(target.output, codec.decode(target.picture.codes, target.picture.size), overwrite=overwrite)
            yield target.output
        except DenoiseError as error:
            yield error


def write_picture(output: Path, picture: np.ndarray[tuple[int, ...], np.dtype[np.float32]], *, overwrite: bool) -> None:
    """Write a picture, HxW or HxWx3 on [0, 1], in 8 bits, in the format of its name; its folder is made when missing.

    Raises:
        ImageError: the format can't be written.
        OutputError: the file exists already, or can't be written.
    """
    data = images.encode(from_unit(picture, np.uint8), format_for(output), name=str(output))
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"{output.parent}: can't be made: {error.strerror or error}", "choose another place"
        ) from None
    write_atomic(output, data, overwrite=overwrite)
