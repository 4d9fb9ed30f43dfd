"""Find the pictures in folders, filtered by patterns. Opens no file."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePath

from denoise_ae.errors import ImageError, UsageError
from denoise_ae.imagefiles.formats import is_image_name
from denoise_ae.system.paths import Identity, identity, is_folder, natural_key, status_of

_JUNK_FOLDERS = frozenset({"__macosx", "@eadir", "$recycle.bin", "system volume information", "lost+found"})
"""Folders that systems and network disks make for themselves; they may hold thumbnails. In lower case."""


class NoPicturesError(ImageError):
    """A folder holds no picture, or none that matches."""


class PathFilter:
    """Include and exclude files by patterns on their names.

    In a pattern ``*`` stands for any letters but ``/``, ``?`` for one of them, ``[abc]`` for one of these, ``**`` for
    any folders; case-insensitive. A pattern fits a file or any folder above it: without ``/`` by its name, with one by
    its path from where the search began.

    Args:
        include: a file has to match one of these; none: every file is included.
        exclude: a file that matches one of these is left out, whatever `include` says.

    Attributes:
        narrows: whether there is any pattern.

    Raises:
        UsageError: a pattern is malformed.
    """

    def __init__(self, include: Iterable[str] = (), exclude: Iterable[str] = ()) -> None:
        self._include = [_compile(pattern, "--include") for pattern in include]
        self._exclude = [_compile(pattern, "--exclude") for pattern in exclude]
        self.narrows = bool(self._include or self._exclude)

    def matches(self, path: PurePath) -> bool:
        """Tell whether a file is included, given its path from where the search began."""
        wanted = not self._include or any(pattern.fullmatch(path.as_posix()) for pattern in self._include)
        return wanted and self.descends(path)

    def descends(self, path: PurePath) -> bool:
        """Tell whether a folder, given in the same way, may hold files that match."""
        return not any(pattern.fullmatch(path.as_posix()) for pattern in self._exclude)


_WILD = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
"""Parts of a pattern -> parts of a regular expression."""


def _compile(pattern: str, option: str) -> re.Pattern[str]:
    """Translate a pattern into a regular expression for whole paths."""
    plain = (pattern if os.sep == "/" else pattern.replace(os.sep, "/")).removeprefix("./").rstrip("/")
    anywhere = "" if "/" in plain else "(?:.*/)?"
    parts = re.split(r"(\*\*/|\*\*|\*|\?|\[!?\]?[^]/]*\])", plain.removeprefix("/"))
    texts = (_WILD.get(part) or (_letters(part) if index % 2 else re.escape(part)) for index, part in enumerate(parts))
    hint = "give one as *.png or sub/*"
    if not plain:
        raise UsageError(f"{option} {pattern!r} is no pattern: it is empty", hint)
    try:
        return re.compile(f"{anywhere}{''.join(texts)}(?:/.*)?", re.IGNORECASE | re.DOTALL)
    except re.error as error:
        raise UsageError(f"{option} {pattern!r} is no pattern: {error.msg}", hint) from None


def _letters(part: str) -> str:
    """Translate ``[abc]`` or ``[!abc]``."""
    inside = re.sub(r"([\\\]\[&~|^])", r"\\\1", part[1:-1].removeprefix("!"))
    return f"[^/{inside}]" if part[1] == "!" else f"[{inside}]"


def pictures_in(
    folder: Path, *, recursive: bool, avoid: Identity | None = None, path_filter: PathFilter | None = None
) -> tuple[list[Path], list[ImageError]]:
    """List the files of a folder that are named as pictures, in natural order, a folder's own before its sub-folders'.

    Hidden files, folders that systems make for themselves, pipes and devices are passed over. Links are followed, each
    folder is read once, so that a link to a folder above ends there. A link to nothing is listed: it is for the reader
    to say that it is broken.

    Args:
        folder: where to start.
        recursive: read the sub-folders too.
        avoid: a folder not to read: where the results go.
        path_filter: which files; None: all. Folders that it excludes are not read.

    Returns:
        The pictures, and an error for each folder that could not be read.
    """
    found: list[Path] = []
    errors: list[ImageError] = []
    seen = {avoid} - {None, identity(folder)}
    path_filter = path_filter or PathFilter()
    waiting = [folder]
    while waiting:
        place = waiting.pop()
        known = identity(place)
        if known in seen:
            continue
        if known:
            seen.add(known)
        try:
            entries = sorted(place.iterdir(), key=lambda entry: natural_key(entry.name))
        except OSError as error:
            errors.append(ImageError(f"{place}: the folder can't be read: {error.strerror}"))
            continue
        folders = []
        for entry in entries:
            if entry.name.startswith("."):
                continue
            status = status_of(entry)
            path = entry.relative_to(folder)
            if status and stat.S_ISDIR(status.st_mode):
                if recursive and entry.name.casefold() not in _JUNK_FOLDERS and path_filter.descends(path):
                    folders.append(entry)
            elif is_image_name(entry) and (not status or stat.S_ISREG(status.st_mode)) and path_filter.matches(path):
                found.append(entry)
        waiting.extend(reversed(folders))
    return found, errors


def walk_inputs(
    words: list[str], *, recursive: bool, avoid: Identity | None = None, path_filter: PathFilter | None = None
) -> Iterator[tuple[Path, Path] | tuple[Path, ImageError]]:
    """Find what the inputs stand for: files named outright are taken as they are, folders are read.

    Args:
        words: files and folders.
        recursive: see `pictures_in`.
        avoid: see `pictures_in`.
        path_filter: see `pictures_in`; it leaves out no file that is named outright.

    Yields:
        Each picture with the folder from which its place is counted, or a folder with what is wrong with it.
    """
    for word in map(Path, words):
        if not is_folder(word):
            yield word, word.parent
            continue
        pictures, errors = pictures_in(word, recursive=recursive, avoid=avoid, path_filter=path_filter)
        yield from ((picture, word) for picture in pictures)
        yield from ((word, error) for error in errors)
        if not pictures and not errors:
            hint = "" if recursive else "--recursive reads its sub-folders too"
            narrowed = path_filter is not None and path_filter.narrows
            kind = "pictures that --include and --exclude let through" if narrowed else "pictures"
            yield word, NoPicturesError(f"{word}: no {kind} in this folder", hint)
