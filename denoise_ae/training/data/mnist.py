"""MNIST, the handwritten digits of LeCun, Cortes and Burges: download them once, and read idx files.

The idx format: two zero bytes, a type byte, the number of dimensions, each dimension as a big-endian 32-bit number,
then the values (http://yann.lecun.com/exdb/mnist/). Nothing here imports a deep-learning framework.
"""

from __future__ import annotations

import gzip
import logging
import math
import os
import re
import struct
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray
from platformdirs import user_cache_path

from denoise_ae.errors import OutputError, PackageError, TrainingError

Split = Literal["train", "test"]

Progress = Callable[[str, int, int], None]
"""Called during a download with the file's name, the bytes received, and the bytes in all (0 if unknown)."""

SIDE = 28
"""Height and width of a digit in pixels."""

LARGEST = 1 << 30
"""Most bytes that a decompressed idx file may have; MNIST's largest has 47 million."""

_STEMS: Mapping[Split, tuple[str, str]] = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}


@dataclass(frozen=True)
class Origin:
    """Where the four files are downloaded from, and their checksums."""

    mirrors: tuple[str, ...]
    """Addresses that a file's name is appended to, tried in this order."""
    sha256: Mapping[str, str]
    """Name of a compressed file -> checksum of its bytes."""
    timeout: float = 30.0
    """Seconds without an answer after which the next mirror is tried."""


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
    folder: Path | None, split: Split, *, origin: Origin = MNIST, progress: Progress | None = None
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return the digits of one split and their labels.

    Args:
        folder: holds the idx files, compressed or not, named ``train-images-idx3-ubyte`` or
            ``train-images.idx3-ubyte``; None reads the cache and downloads what is missing there.
        split: ``"train"`` or ``"test"``.
        origin: where to download from.
        progress: called during a download.

    Returns:
        Images, uint8 [N, 28, 28], 0 for paper and 255 for ink, and labels, uint8 [N], 0 to 9.

    Raises:
        TrainingError: a file is missing or damaged, or no mirror can be reached.
        OutputError: the cache can't be written.
        PackageError: pooch, which downloads, is not installed.
    """
    find = (lambda stem: _cached(stem, origin, progress)) if folder is None else (lambda stem: _find(folder, stem))
    images_path, labels_path = map(find, _STEMS[split])
    images, labels = read_idx(images_path), read_idx(labels_path)
    if images.ndim != 3 or images.shape[1:] != (SIDE, SIDE) or len(images) == 0:
        raise _damaged(images_path, f"holds no {SIDE}x{SIDE} digits but an array of {'x'.join(map(str, images.shape))}")
    if labels.shape != images.shape[:1]:
        raise _damaged(labels_path, f"holds {'x'.join(map(str, labels.shape))} labels for {len(images)} digits")
    return images, labels


def read_idx(path: Path) -> NDArray[np.uint8]:
    """Return the array of bytes in an idx file, compressed or not.

    Raises:
        TrainingError: the file can't be read, is truncated or too long, or is no idx file of unsigned bytes.
    """
    try:
        data = path.read_bytes()
        if data[:2] == b"\x1f\x8b":  # content decides, not the name: browsers unpack files and keep the suffix
            with gzip.open(BytesIO(data)) as file:
                data = file.read(LARGEST + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise _damaged(path, "can't be decompressed, it is cut short or damaged") from None
    except OSError as error:
        raise TrainingError(f"{path}: can't be read ({error.strerror or error})", "check its permissions") from None
    if len(data) > LARGEST:
        raise _damaged(path, f"grows to more than {LARGEST} bytes when it is decompressed")
    if data[:3] != b"\0\0\x08" or data[3:4] not in (b"\1", b"\2", b"\3"):
        raise _damaged(path, "is no idx file of unsigned bytes in 1 to 3 dimensions")
    start = 4 + 4 * data[3]
    if len(data) < start:
        raise _damaged(path, "is cut short")
    shape = struct.unpack_from(f">{data[3]}I", data, 4)
    if math.prod(shape) != len(data) - start:
        raise _damaged(path, f"should hold {math.prod(shape)} values and holds {len(data) - start}")
    # A copy, because a view of bytes is read-only and torch warns about those.
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape).copy()


def cache_folder() -> Path:
    """Return the folder of downloads: under ``DENOISE_AE_HOME`` where that is set, else the platform's cache."""
    home = os.environ.get("DENOISE_AE_HOME")
    base = Path(home) / "cache" if home else user_cache_path("denoise-ae", appauthor=False)
    return base / "mnist"


def _find(folder: Path, stem: str) -> Path:
    if not folder.is_dir():
        raise TrainingError(f"{folder}: no such folder", _folder_hint())
    dotted = stem.replace("-idx", ".idx")  # as some archives name them
    for name in (stem, f"{stem}.gz", dotted, f"{dotted}.gz"):
        if (folder / name).is_file():
            return folder / name
    raise TrainingError(f"{folder}: holds no {stem} or {stem}.gz", _folder_hint())


def _cached(stem: str, origin: Origin, progress: Progress | None) -> Path:
    """Return a file in the cache, downloaded first if it is missing.

    pooch checks a file before it gets its name there; gzip's own checksum guards it afterwards.
    """
    name = f"{stem}.gz"
    folder = cache_folder()
    if (folder / name).is_file():
        return folder / name
    try:
        import pooch
    except ImportError:
        hint = f"install it with: pip install 'denoise-ae[train]'. Or: {_folder_hint()}"
        raise PackageError("downloading MNIST needs pooch, which is not installed", hint) from None
    pooch.get_logger().setLevel(logging.ERROR)
    bar = _ProgressBar(name, progress) if progress else False
    downloader = pooch.HTTPDownloader(progressbar=bar, chunk_size=1 << 16, timeout=origin.timeout)
    failures = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for mirror in origin.mirrors:
            try:
                pooch.retrieve(mirror + name, f"sha256:{origin.sha256[name]}", name, folder, downloader=downloader)
                return folder / name
            except PermissionError:
                raise
            except (OSError, ValueError) as error:
                failures.append(f"{urlsplit(mirror).netloc}: {_describe_failure(error)}")
    except OSError as error:
        raise OutputError(
            f"{folder}: can't be written ({error.strerror or error})", "set DENOISE_AE_HOME to a folder that can"
        ) from None
    raise TrainingError(f"can't download MNIST's {name} ({'; '.join(failures)})", _folder_hint())


class _ProgressBar:
    """The progress bar that pooch updates during a download."""

    def __init__(self, name: str, progress: Progress) -> None:
        self._name, self._progress = name, progress
        self.total = self._received = 0

    def update(self, count: int) -> None:
        """Count bytes; pooch counts whole chunks, even for the last one."""
        if count:
            received = self._received + count
            self._received = min(received, self.total) if self.total else received
            self._progress(self._name, self._received, self.total)

    def reset(self) -> None:
        self._received = 0

    def close(self) -> None:
        pass


def _describe_failure(error: OSError | ValueError) -> str:
    """Say in a few words why a mirror failed."""
    response = getattr(error, "response", None)
    if response is not None:
        return f"HTTP status {response.status_code}"
    if not isinstance(error, OSError):
        return "wrong checksum"
    cause = error.args[0] if error.args else error
    for attribute in ("reason", "original_error"):  # of urllib3's MaxRetryError and ProxyError
        cause = getattr(cause, attribute, None) or cause
    if isinstance(cause, Exception) and len(cause.args) > 1 and isinstance(cause.args[0], str):
        cause = cause.args[0]
    # Without the connection that urllib3 names first.
    text = re.sub(r"^\S*(\(.*?\)|<.*?>): ", "", " ".join(str(cause).split())) or type(error).__name__
    return f"proxy: {text}" if type(error).__name__ == "ProxyError" else text


def _folder_hint() -> str:
    files = ", ".join(f"{stem}.gz" for stems in _STEMS.values() for stem in stems)
    return f"get {files} on any computer and give their folder with --data FOLDER"


def _damaged(path: Path, what: str) -> TrainingError:
    return TrainingError(f"{path}: {what}", "delete the file and get it again; without --data it is downloaded")
