"""Find the pictures in folders, and tell whether two names mean one file. Touches no pixels."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from denoise_ae.errors import ImageError
from denoise_ae.headers import is_image_name

Identity = tuple[int, int]
"""Device and inode: equal for all names, links and spellings of one file."""

_JUNK_FOLDERS = frozenset({"__macosx", "@eadir", "$recycle.bin", "system volume information", "lost+found"})
"""Folders that systems and network disks make for themselves; they may hold thumbnails. In lower case."""


def status_of(path: str | Path) -> os.stat_result | None:
    """Return a file's status, or None where there is nothing to be had: no file, no permission, an impossible name."""
    try:
        return Path(path).stat()
    except (OSError, ValueError):
        return None


def is_folder(path: str | Path) -> bool:
    """Tell whether a name means a folder that exists."""
    status = status_of(path)
    return status is not None and stat.S_ISDIR(status.st_mode)


def identity(path: str | Path) -> Identity | None:
    """Return what is equal for all names of one file or folder; None where there is none."""
    status = status_of(path)
    return (status.st_dev, status.st_ino) if status else None


def natural_key(name: str) -> tuple[list[str | int], str]:
    """Sort key under which numbers count as numbers: ``2.png`` before ``10.png``."""
    parts = re.split("([0-9]+)", name.casefold())
    return [int(part) if index % 2 else part for index, part in enumerate(parts)], name


def pictures_in(folder: Path, *, recursive: bool, avoid: Identity | None = None) -> tuple[list[Path], list[ImageError]]:
    """List the files of a folder that are named as pictures, in natural order, a folder's own before its sub-folders'.

    Hidden files, folders that systems make for themselves, pipes and devices are passed over. Links are followed, each
    folder is read once, so that a link to a folder above ends there. A link to nothing is listed: it is for the reader
    to say that it is broken.

    Args:
        folder: where to start.
        recursive: read the sub-folders too.
        avoid: a folder not to read: where the results go.

    Returns:
        The pictures, and an error for each folder that could not be read.
    """
    found: list[Path] = []
    errors: list[ImageError] = []
    seen = {avoid, identity(folder)}

    def walk(place: Path) -> None:
        try:
            entries = sorted(place.iterdir(), key=lambda entry: natural_key(entry.name))
        except OSError as error:
            errors.append(ImageError(f"{place}: the folder can't be read: {error.strerror}"))
            return
        folders = []
        for entry in entries:
            status = status_of(entry)
            if entry.name.startswith("."):
                continue
            if status is not None and stat.S_ISDIR(status.st_mode):
                folders.append(entry)
            elif is_image_name(entry) and (status is None or stat.S_ISREG(status.st_mode)):
                found.append(entry)
        for entry in folders if recursive else ():
            known = identity(entry)
            if entry.name.casefold() not in _JUNK_FOLDERS and known not in seen:
                seen.add(known)
                walk(entry)

    walk(folder)
    return found, errors


def walk_inputs(
    words: list[str], *, recursive: bool, avoid: Identity | None = None
) -> Iterator[tuple[Path, Path] | tuple[Path, ImageError]]:
    """Find what the inputs stand for: files named outright are taken as they are, folders are read.

    Args:
        words: files and folders.
        recursive: see `pictures_in`.
        avoid: see `pictures_in`.

    Yields:
        Each picture with the folder from which its place is counted, or a folder with what is wrong with it.
    """
    for word in map(Path, words):
        if not is_folder(word):
            yield word, word.parent
            continue
        pictures, errors = pictures_in(word, recursive=recursive, avoid=avoid)
        yield from ((picture, word) for picture in pictures)
        yield from ((word, error) for error in errors)
        if not pictures and not errors:
            hint = "" if recursive else "--recursive reads its sub-folders too"
            yield word, ImageError(f"{word}: no pictures in this folder", hint)
