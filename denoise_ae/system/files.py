"""Read and write files whole or not at all."""

from __future__ import annotations

import errno
import io
import os
import platform
import re
import secrets
import stat
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from denoise_ae.errors import ImageError, OutputError, OutputExistsError
from denoise_ae.system.paths import is_link

DEFAULT_MAX_BYTES = 4_000_000_000
"""A longer file is refused unless the caller allows it: it may be nothing but a hole."""
_FIRST_BYTES = 4096
"""Enough to tell what a file is."""
_PIECE_BYTES = 1 << 20
_LONGEST_NAME = 255
"""Bytes in a file name on all usual file systems (some count characters, which are fewer)."""
_TEMPORARY = re.compile(r"\..*\.denoise-ae-(?P<machine>[0-9a-f]{8})-(?P<process>\d+)-[0-9a-f]{8}\.tmp", re.DOTALL)
_CLAIM = ".denoise-ae-claim"
_UNWRITTEN_SECONDS = 1.0
"""Age at which a claim that names nobody is one whose process was killed before it wrote its name."""
_ABANDONED_SECONDS = 24 * 60 * 60
"""Age at which a temporary file counts as abandoned where its writer can't be checked."""

_REASONS = {
    errno.ENOSPC: ("no space is left on the disk", "free some space, or write to another disk"),
    errno.EACCES: ("the folder can't be written", "choose another folder, or change its permissions"),
    errno.EPERM: ("the folder can't be written", "choose another folder, or change its permissions"),
    errno.EROFS: ("the disk is read-only", "choose another folder"),
    errno.ENOENT: ("the folder does not exist", "make it first"),
    errno.ENOTDIR: ("a part of the path is a file, not a folder", "choose another folder"),
    errno.EISDIR: ("a folder of this name exists", "choose another name"),
    errno.ENAMETOOLONG: ("the name is too long", "choose a shorter one"),
    errno.EFBIG: ("the file is larger than the disk allows", "write to another disk"),
}
if hasattr(errno, "EDQUOT"):  # not on Windows
    _REASONS[errno.EDQUOT] = ("the disk quota is used up", "free some space, or write to another disk")


def read_whole(
    path: Path, max_bytes: int = DEFAULT_MAX_BYTES, check: Callable[[bytes], object] = bool
) -> tuple[bytes, os.stat_result]:
    """Read an ordinary file, all of it in one state, as far as the system tells one from another.

    Args:
        path: the file.
        max_bytes: refuse a longer one, without reading it.
        check: is called with the first bytes before the rest are read, and raises where there is no point in that.

    Returns:
        Its content, and the status that it had.

    Raises:
        OSError: it can't be read.
        ImageError: it is a pipe, which may never say anything, or a device, which may never end; it is too long; or it
            was changed meanwhile.
    """
    # Path.open takes no opener; a buffer would need everything twice.
    with open(path, "rb", buffering=0, opener=_open_at_once) as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise not_ordinary(path)
        check(file.read(_FIRST_BYTES))
        if status.st_size > max_bytes:
            raise _too_long(str(path), max_bytes)
        file.seek(0)
        data = file.read()
        if not same_state(status, os.fstat(file.fileno())):
            raise ImageError(f"{path}: was changed while it was read", "clean it again when it is complete")
    return data, status


def read_stream(
    stream: BinaryIO, name: str, max_bytes: int = DEFAULT_MAX_BYTES, check: Callable[[bytes], object] = bool
) -> bytes:
    """Read a stream to its end.

    Args:
        stream: what to read.
        name: its name in messages.
        max_bytes: the most that it may bring.
        check: see `read_whole`.

    Raises:
        OSError: it can't be read.
        ImageError: it brings more.
    """
    piece = stream.read(_FIRST_BYTES)
    check(piece)
    data = io.BytesIO()
    while piece:
        data.write(piece)
        if data.tell() > max_bytes:
            raise _too_long(name, max_bytes)
        piece = stream.read(_PIECE_BYTES)
    return data.getvalue()


def _too_long(name: str, max_bytes: int) -> ImageError:
    hint = "if you trust the file, --max-file-size raises the limit"
    return ImageError(f"{name}: is longer than {max_bytes / 1e6:g} MB", hint)


def _open_at_once(path: str, flags: int) -> int:
    """Open a file, but do not wait for somebody to write to it if it is a pipe."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def not_ordinary(path: Path) -> ImageError:
    """Return the error for an input that is a pipe or a device."""
    return ImageError(f"{path}: is not an ordinary file", "- reads standard input")


def same_state(one: os.stat_result, other: os.stat_result) -> bool:
    """Tell whether two statuses are of one file that nobody has changed between them."""
    return all(getattr(one, mark) == getattr(other, mark) for mark in ("st_dev", "st_ino", "st_size", "st_mtime_ns"))


def write_atomic(path: str | Path, data: bytes, overwrite: bool = False, *, modified: int | None = None) -> None:
    """Write a file so that nobody ever sees a part of it.

    The bytes go to a temporary file in the same folder, which takes the final name when they are safe on the disk.
    Until then an older file stays whole, whatever happens. A symbolic link is kept and what it points to is replaced;
    the older file's permissions and, as far as this user may give it away, its owner pass on to the new one.

    Args:
        path: where to write.
        data: the whole content.
        overwrite: replace a file of this name. Without, the name is taken only if it is free at that very moment (where
            the file system has no hard links: just before).
        modified: the modification time to give it, in nanoseconds since 1970; None: now.

    Raises:
        OutputError: the file exists already, or can't be written.
    """
    path = Path(path)
    with _raising_output_errors(path):
        target = _target(path, overwrite=overwrite)
        temporary = target.with_name(_temporary_name(target.name))
        try:
            _write_durably(temporary, data, like=target)
            if modified is not None:
                os.utime(temporary, ns=(modified, modified))
            if overwrite:
                temporary.replace(target)
            else:
                _rename_without_replacing(temporary, target)
        finally:
            # Also after Ctrl-C. Gone already where it was renamed.
            with suppress(OSError):
                temporary.unlink()
        _sync_folder(target.parent)


def claim(path: Path) -> Path:
    """Tell other processes, on this machine and on others that share the disk, that this one makes a file.

    A claim of a process that ran on this machine and is no more, or that is a day old, is taken over.

    Args:
        path: the file; its folder is made where it is missing.

    Returns:
        The claim, a hidden file to be removed when the file is there.

    Raises:
        OutputExistsError: another process makes it.
        OSError: nothing can be written there.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    room = os.fsencode(path.name)[: _LONGEST_NAME - 1 - len(_CLAIM)].decode(errors="ignore")
    mark = path.with_name(f".{room}{_CLAIM}")
    for _ in range(2):
        try:
            with mark.open("x") as file:
                file.write(f"{_machine()} {os.getpid()}")
        except FileExistsError:
            if not _is_free(mark):
                break
            mark.unlink(missing_ok=True)
        else:
            return mark
    raise OutputExistsError(f"{path}: another process makes it")


def _is_free(mark: Path) -> bool:
    """Tell whether a claim's process is no more."""
    try:
        machine, process = mark.read_text().split()
    except FileNotFoundError:
        return True
    except (OSError, ValueError):  # not written yet, or killed before it was
        with suppress(OSError):
            if time.time() - mark.stat().st_mtime > _UNWRITTEN_SECONDS:
                return True
        machine, process = "", "0"
    return _is_abandoned(mark, machine, int(process) if process.isdecimal() else 0)


def check_target(path: str | Path, overwrite: bool = False) -> None:
    """Find out before long work what `write_atomic` would refuse after it, as far as the path tells.

    Raises:
        OutputError: the file exists already, or its folder is missing or can't be written to.
    """
    path = Path(path)
    with _raising_output_errors(path):
        target = _target(path, overwrite=overwrite)
        with suppress(FileNotFoundError):
            target.lstat()  # fails where there can't be such a name
        target.parent.stat()
        if not os.access(target.parent, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def _target(path: Path, *, overwrite: bool) -> Path:
    """Follow a link to the file that is to be written: no folder and, unless it is replaced, not there yet."""
    target = Path(os.path.realpath(path)) if is_link(path) else path
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not overwrite and os.path.lexists(target):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
    return target


@contextmanager
def _raising_output_errors(path: Path) -> Iterator[None]:
    """Turn the system's errors into `OutputError`."""
    try:
        yield
    except FileExistsError as error:
        raise OutputExistsError(f"{path}: exists already", "--overwrite replaces it") from error
    except OSError as error:
        known = _REASONS.get(error.errno or 0)
        reason, hint = known or (error.strerror or str(error), "choose another place")
        raise OutputError(f"{path}: can't be written: {reason}", hint) from error
    except ValueError as error:  # a zero byte in the name
        raise OutputError(f"{path!r}: can't be written: {error}", "choose another name") from error


def _temporary_name(name: str) -> str:
    """Make a hidden name that tells the machine and the process, and is not too long for the file system."""
    ending = f".denoise-ae-{_machine()}-{os.getpid()}-{secrets.token_hex(4)}.tmp"
    room = _LONGEST_NAME - 1 - len(ending)
    # Cutting bytes may cut a character; what is left of it is dropped.
    return f".{os.fsencode(name)[:room].decode(errors='ignore')}{ending}"


def _machine() -> str:
    """Tell this machine from others that may share the disk."""
    return f"{zlib.crc32(platform.node().encode()):08x}"


def _write_durably(temporary: Path, data: bytes, like: Path) -> None:
    with temporary.open("xb") as file:
        with suppress(OSError):  # no older file, or a file system without permissions
            _copy_permissions(temporary, like.stat())
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _copy_permissions(file: Path, status: os.stat_result) -> None:
    """Give a file the permissions of another and, where this user may, its owner."""
    if sys.platform != "win32":
        with suppress(OSError):
            os.chown(file, status.st_uid, status.st_gid)
    file.chmod(stat.S_IMODE(status.st_mode))  # after the owner, whose change takes some of them away


def _rename_without_replacing(temporary: Path, target: Path) -> None:
    """Rename, but never over another file."""
    try:
        target.hardlink_to(temporary)
    except FileExistsError:
        raise
    except (OSError, NotImplementedError):  # FAT and some network disks know no hard links
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST)) from None
        temporary.rename(target)


def _sync_folder(folder: Path) -> None:
    """Make the new name durable, where the system can do that for folders."""
    if sys.platform == "win32":
        return
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


class LineFile:
    """A file that grows by whole lines, each of them in the file as soon as it is written.

    What a kill or a full disk leaves ends with a whole line. Used as a context manager.

    Args:
        path: where to write; its folder is made where it is missing.
        overwrite: replace a file of this name.
        append: go on with a file of this name, on a new line.

    Raises:
        OutputError: the file exists already, or can't be written.
    """

    def __init__(self, path: str | Path, overwrite: bool = False, *, append: bool = False) -> None:
        self._path = Path(path)
        with _raising_output_errors(self._path):
            if not self._path.parent.exists():
                self._path.parent.mkdir(parents=True)
            # Without a buffer: a line is handed to the system in one piece.
            mode = "ab" if append else "wb" if overwrite else "xb"
            self._file = self._path.open(mode, buffering=0)
            if append and not self._ends_with_a_line():
                self._file.write(b"\n")

    def _ends_with_a_line(self) -> bool:
        """Tell whether the file is empty or its last line is whole: one that a full disk cut stays by itself."""
        if not stat.S_ISREG(os.fstat(self._file.fileno()).st_mode):
            return True
        with self._path.open("rb") as file:
            return file.seek(0, os.SEEK_END) == 0 or (file.seek(-1, os.SEEK_END) >= 0 and file.read() == b"\n")

    def __enter__(self) -> Self:
        """Nothing is left to do: the file is open."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Close the file."""
        self._file.close()

    def write(self, line: str) -> None:
        """Add a line, which is given without its end.

        Raises:
            OutputError: it can't be written.
        """
        rest = memoryview(f"{line}\n".encode())
        size = len(rest)
        with _raising_output_errors(self._path):
            try:
                while rest:
                    rest = rest[self._file.write(rest) :]
            except OSError:
                with suppress(OSError):
                    self._file.seek(len(rest) - size, os.SEEK_CUR)
                    self._file.truncate()
                raise


def folder_written(path: Path) -> Path:
    """Return the folder in which `write_atomic` works on a file: another than its own where the file is a link."""
    return Path(os.path.realpath(path)).parent if is_link(path) else path.parent


def sweep_temporaries(folder: str | Path) -> list[Path]:
    """Remove what runs that were killed have left in a folder (not in those below); return what was removed.

    A temporary file goes if the process that wrote it ran on this machine and is no more, or if it is a day old.
    """
    removed = []
    with suppress(OSError):
        for path in Path(folder).iterdir():
            match = _TEMPORARY.fullmatch(path.name)
            claimed = path.name.startswith(".") and path.name.endswith(_CLAIM)
            if _is_free(path) if claimed else match and _is_abandoned(path, match["machine"], int(match["process"])):
                with suppress(OSError):
                    path.unlink()
                    removed.append(path)
    return removed


def _is_abandoned(path: Path, machine: str, process: int) -> bool:
    # On Windows asking for a process with signal 0 would send it a Ctrl-C.
    if machine == _machine() and sys.platform != "win32":
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return True
        except (OSError, OverflowError):  # alive, but another user's; or no such number
            pass
        if _is_zombie(process):
            return True
    try:
        # Not st_mtime, which may be set already to what the file is to have.
        return time.time() - path.stat().st_ctime > _ABANDONED_SECONDS
    except OSError:
        return False


def _is_zombie(process: int) -> bool:
    """Tell whether a process has ended and only waits for its parent to ask how.

    In a container the first process often never does that for those whose own parent was killed.
    """
    try:
        # The name, in brackets, may hold anything; the state comes behind it.
        return Path(f"/proc/{process}/stat").read_bytes().rpartition(b")")[2].split()[0] == b"Z"
    except (OSError, IndexError):  # gone meanwhile, or no Linux
        return False
