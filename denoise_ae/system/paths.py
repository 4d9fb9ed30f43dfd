"""Paths: what a path is, and whether two name the same file."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

Identity = tuple[int, int]
"""Device and inode: equal for all names, links and spellings of one file."""


def status_of(path: str | Path) -> os.stat_result | None:
    """Return a file's status, or None where there is nothing to be had: no file, no permission, an impossible name."""
    try:
        return Path(path).stat()
    except (OSError, ValueError):
        return None


def is_link(path: str | Path) -> bool:
    """Tell whether a name means a symbolic link; an impossible name, or one in a locked folder, means none."""
    return os.path.islink(path)  # noqa: PTH114 - Path.is_symlink raises for such names


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
