"""MNIST, the handwritten digits of LeCun, Cortes and Burges: read from idx files, fetched once from public mirrors.

Needs numpy and the standard library only, so that no deep-learning framework is loaded to look at a digit.
The idx format: two zero bytes, a type byte, the number of dimensions, each dimension as a big-endian 32-bit
number, then the values (http://yann.lecun.com/exdb/mnist/).
"""

from __future__ import annotations

import gzip
import hashlib
import math
import os
import struct
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from io import BytesIO
from pathlib import Path
from typing import Literal
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import urlopen

import numpy as np
from numpy.typing import NDArray
from platformdirs import user_cache_path

from denoise_ae.errors import OutputError, TrainingError
from denoise_ae.system.files import write_atomic

Split = Literal["train", "test"]

Progress = Callable[[str, int, int], None]
"""Called while downloading with a file's name, the bytes received, and the bytes in all (0 where unknown)."""

SIDE = 28
"""Height and width of a digit in pixels."""

LARGEST = 1 << 30
"""Bytes that a compressed idx file may hold; MNIST's largest holds 47 million."""

_STEMS: Mapping[Split, tuple[str, str]] = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}
_UNSIGNED_BYTE = 8
_CHUNK = 1 << 16


@dataclass(frozen=True)
class Origin:
    """Where the four files can be had, and what they must be."""

    mirrors: tuple[str, ...]
    """Addresses that a file's name is appended to, tried in this order."""
    sha256: Mapping[str, str]
    """Name of a compressed file -> checksum of its bytes."""
    timeout: float = 30.0
    """Seconds without an answer after which a mirror is given up."""


MNIST = Origin(
    mirrors=(
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
    # Computed from the original files, whose published MD5 stands above each line.
    sha256={
        # f68b3c2dcbeaaa9fbdd348bbdeb94873
        "train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        # d53e105ee54ea40749a09fcbcd1e9432
        "train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        # 9fb629c4189551a2d022fa330f9573f3
        "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        # ec29112dd5afa0611ce80d1b7f02629c
        "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    },
)
"""The original MNIST: 60,000 digits for training, 10,000 for testing."""


def load_mnist(
    folder: Path | None,
    split: Split,
    *,
    origin: Origin = MNIST,
    progress: Progress | None = None,
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return the digits of one split and which digit each one is.

    Args:
        folder: holds the idx files, compressed or not, named ``train-images-idx3-ubyte`` or
            ``train-images.idx3-ubyte``; None takes them from the cache and downloads what it lacks.
        split: ``"train"`` or ``"test"``.
        origin: where to download from.
        progress: told how far a download is.

    Returns:
        Images, uint8 [N, 28, 28], 0 for paper and 255 for ink, and labels, uint8 [N], 0 to 9.

    Raises:
        TrainingError: a file is missing or damaged, or no mirror can be reached.
        OutputError: the cache can't be written.
    """
    if folder is None:
        images_path, labels_path = (_cached(stem, origin, progress) for stem in _STEMS[split])
    else:
        images_path, labels_path = (_find(folder, stem) for stem in _STEMS[split])
    images, labels = read_idx(images_path), read_idx(labels_path)
    if images.ndim != 3 or images.shape[1:] != (SIDE, SIDE) or len(images) == 0:
        raise _damaged(images_path, f"holds no {SIDE}x{SIDE} digits but an array of {_shape(images)}")
    if labels.shape != images.shape[:1]:
        raise _damaged(labels_path, f"holds {_shape(labels)} labels for {len(images)} digits")
    return images, labels


def read_idx(path: Path) -> NDArray[np.uint8]:
    """Return the array of bytes in an idx file, compressed or not.

    Raises:
        TrainingError: the file can't be read, is cut short or too long, or is no idx file of unsigned bytes.
    """
    try:
        data = path.read_bytes()
        # Content decides, not the name: browsers and archivers unpack files and keep the suffix, or the reverse.
        if data[:2] == b"\x1f\x8b":
            with gzip.open(BytesIO(data)) as file:
                data = file.read(LARGEST + 1)
            if len(data) > LARGEST:
                raise _damaged(path, f"grows to more than {LARGEST} bytes when it is decompressed")
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise _damaged(path, "can't be decompressed, it is cut short or damaged") from error
    except OSError as error:
        raise TrainingError(
            f"{path}: can't be read ({error.strerror or error})", hint="Check its permissions."
        ) from error
    if len(data) < 4 or data[:3] != bytes((0, 0, _UNSIGNED_BYTE)) or not 1 <= data[3] <= 3:
        raise _damaged(path, "is no idx file of unsigned bytes in 1 to 3 dimensions")
    start = 4 + 4 * data[3]
    if len(data) < start:
        raise _damaged(path, "is cut short")
    shape = struct.unpack_from(f">{data[3]}I", data, 4)
    expected, found = math.prod(shape), len(data) - start
    if expected != found:
        raise _damaged(path, f"should hold {expected} values and holds {found}")
    # A copy, because a view of bytes is read-only and torch warns about those.
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape).copy()


def cache_folder() -> Path:
    """Return where downloads are kept: under ``DENOISE_AE_HOME`` where that is set, else the platform's cache."""
    home = os.environ.get("DENOISE_AE_HOME")
    base = Path(home) / "cache" if home else user_cache_path("denoise-ae", appauthor=False)
    return base / "mnist"


def _names(stem: str) -> tuple[str, ...]:
    """Return the names a file goes by: MNIST's own, and the one some archives give it."""
    dotted = stem.replace("-idx", ".idx")
    return (stem, f"{stem}.gz", dotted, f"{dotted}.gz")


def _find(folder: Path, stem: str) -> Path:
    if not folder.is_dir():
        raise TrainingError(f"{folder}: no such folder", hint=_folder_hint())
    for name in _names(stem):
        if (folder / name).is_file():
            return folder / name
    raise TrainingError(f"{folder}: holds no {stem} or {stem}.gz", hint=_folder_hint())


def _cached(stem: str, origin: Origin, progress: Progress | None) -> Path:
    """Return the file in the cache, downloaded first where it is missing.

    A file is checked before it gets its name there, and gzip's own checksum guards it afterwards.
    """
    name = f"{stem}.gz"
    path = cache_folder() / name
    if path.is_file():
        return path
    failures = []
    for mirror in origin.mirrors:
        host = urlsplit(mirror).netloc
        try:
            data = _download(mirror + name, origin.timeout, progress)
        except (OSError, HTTPException) as error:
            failures.append(f"{host}: {_reason(error)}")
            continue
        if hashlib.sha256(data).hexdigest() != origin.sha256[name]:
            failures.append(f"{host}: wrong checksum")
            continue
        _store(path, data)
        return path
    raise TrainingError(f"can't download MNIST's {name} ({'; '.join(failures)})", hint=_folder_hint())


def _store(path: Path, data: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"{path.parent}: can't be made ({error.strerror or error})",
            hint="Set DENOISE_AE_HOME to a folder that can be written.",
        ) from error
    # Another training may read or fetch the same file at this moment.
    write_atomic(path, data, overwrite=True)


def _download(url: str, timeout: float, progress: Progress | None) -> bytes:
    name = url.rpartition("/")[2]
    received = BytesIO()
    with urlopen(url, timeout=timeout) as response:
        length = response.headers.get("Content-Length", "")
        total = int(length) if length.isdecimal() else 0
        while chunk := response.read(_CHUNK):
            received.write(chunk)
            if progress:
                progress(name, received.tell(), total)
    if received.tell() < total:
        raise HTTPException(f"cut short at {received.tell()} of {total} bytes")
    return received.getvalue()


def _reason(error: OSError | HTTPException) -> str:
    """Say in a few words why a mirror failed."""
    if isinstance(error, HTTPError):
        return f"HTTP status {error.code}"
    if isinstance(error, URLError):
        return str(error.reason)
    return str(error) or type(error).__name__


def _folder_hint() -> str:
    files = ", ".join(f"{stem}.gz" for stems in _STEMS.values() for stem in stems)
    return f"Get {files} on any computer and give their folder with --data FOLDER."


def _damaged(path: Path, what: str) -> TrainingError:
    return TrainingError(f"{path}: {what}", hint="Delete the file and get it again; without --data it is downloaded.")


def _shape(array: NDArray[np.uint8]) -> str:
    return "x".join(map(str, array.shape)) or "one value"
