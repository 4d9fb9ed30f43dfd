"""Read and write files of latent codes: NumPy archives (``.npz``) with the names of the pictures and of the model.

A file can come from anyone, so nothing is unpickled, and neither a size nor a name in it is trusted.
"""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from denoise_ae.errors import CodesError
from denoise_ae.system.files import read_whole, write_atomic

LARGEST_FILE = 1 << 30
"""Bytes that a file of codes may have: 4 million codes of 64 numbers."""

_FORMAT = 1
_HINT = "make it again with denoise-ae encode"
_KINDS = {
    "codes": (np.float32, 2),
    "picture": (np.int32, 1),
    "names": (np.str_, 1),
    "sizes": (np.int32, 2),
    "cell": (np.int32, 1),
    "model": (np.str_, 0),
    "sha256": (np.str_, 0),
    "format": (np.int32, 0),
}
"""Name of an array in the file -> type and dimensions."""

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class PictureCodes:
    """The codes of one picture: of itself, or of the cells of a sheet."""

    name: str
    """Where it lay under its folder, with / between folders."""
    size: tuple[int, int]
    """Height and width in pixels."""
    codes: Floats
    """Cells x latent, row by row."""


@dataclass(frozen=True)
class Codes:
    """What a file of codes holds."""

    pictures: tuple[PictureCodes, ...]
    """At least one."""
    model: str
    """Name of the model that encoded them."""
    sha256: str
    """Checksum of that model's file."""
    cell: tuple[int, int]
    """Height and width in pixels of what one code stands for."""

    @property
    def latent(self) -> int:
        """Numbers in a code."""
        return int(self.pictures[0].codes.shape[1])

    @property
    def matrix(self) -> Floats:
        """All codes, N x latent."""
        return np.concatenate([picture.codes for picture in self.pictures])


def save_codes(path: Path, codes: Codes, *, overwrite: bool = False) -> None:
    """Write a file of codes, whole or not at all.

    It is a NumPy archive, ``numpy.load(path)``, of arrays: ``codes`` float32 N x latent; ``picture``, for each code the
    number of its picture; ``names`` and ``sizes`` (height, width) of the pictures; ``cell``, height and width of what a
    code stands for; ``model`` and ``sha256``, the model's name and its file's checksum; ``format``.

    Raises:
        OutputError: the file exists already, or can't be written.
    """
    counts = [len(picture.codes) for picture in codes.pictures]
    arrays: dict[str, Any] = {
        "codes": codes.matrix,
        "picture": np.repeat(np.arange(len(counts), dtype=np.int32), counts),
        "names": np.array([picture.name for picture in codes.pictures]),
        "sizes": np.array([picture.size for picture in codes.pictures], np.int32),
        "cell": np.array(codes.cell, np.int32),
        "model": np.array(codes.model),
        "sha256": np.array(codes.sha256),
        "format": np.array(_FORMAT, np.int32),
    }
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    write_atomic(path, buffer.getvalue(), overwrite=overwrite)


def load_codes(path: Path) -> Codes:
    """Read a file of codes, which can come from anyone.

    Raises:
        CodesError: there is no such file, it is damaged, or what it says makes no sense.
    """
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise CodesError(f"{path}: is larger than a file of codes may be", "give another file")
        data, _ = read_whole(path)
    except OSError as error:
        raise CodesError(f"{path}: can't be read: {error.strerror or error}", "give a file that encode wrote") from None
    except ValueError as error:  # a zero byte in the name
        raise CodesError(f"{path!r}: can't be read: {error}", "give a file that encode wrote") from None
    try:
        _check_archive(data)
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in _KINDS}
        return _assemble(arrays)
    except CodesError:
        raise
    except Exception as error:  # a broken archive fails in every way that there is
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise CodesError(f"{path}: is no whole file of codes: {reason}", _HINT) from None


def _check_archive(data: bytes) -> None:
    """Check that nothing in an archive grows when it is read, and that each array is what it has to be.

    Raises:
        ValueError, KeyError, zipfile.BadZipFile: it is not.
    """
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = archive.infolist()
        names = [entry.filename for entry in entries]
        if len(set(names)) != len(names):
            raise ValueError("it holds an array twice")
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
            raise ValueError("it is compressed, which files of codes are not")
        if sum(entry.file_size for entry in entries) > len(data):
            raise ValueError("it claims more than it holds")
        for name, (kind, dimensions) in _KINDS.items():
            if f"{name}.npy" not in names:
                raise ValueError(f"it holds no {name}")
            _check_array(archive.read(f"{name}.npy"), name, kind, dimensions)


def _check_array(data: bytes, name: str, kind: type[np.generic], dimensions: int) -> None:
    """Check an array's header before memory is taken for what it claims."""
    file = io.BytesIO(data)
    version = npy.read_magic(file)
    if version == (1, 0):
        shape, _, dtype = npy.read_array_header_1_0(file)
    elif version == (2, 0):
        shape, _, dtype = npy.read_array_header_2_0(file)
    else:
        raise ValueError(f"{name} is written in another way")
    if not (dtype.type is kind and (kind is np.str_ or dtype == kind)) or len(shape) != dimensions:
        raise ValueError(f"{name} is {dtype} in {len(shape)} dimensions")
    if math.prod(shape) * dtype.itemsize != len(data) - file.tell():
        raise ValueError(f"{name} claims another size than it has")


def _assemble(arrays: dict[str, NDArray[Any]]) -> Codes:
    """Put the arrays together.

    Raises:
        ValueError: they do not fit together.
    """
    matrix, sizes, names = arrays["codes"], arrays["sizes"], arrays["names"].tolist()
    if int(arrays["format"]) != _FORMAT:
        raise ValueError(f"it has format {int(arrays['format'])}, which this version does not know")
    if not names or not matrix.shape[1]:
        raise ValueError("it holds no codes")
    if not np.isfinite(matrix).all():
        raise ValueError("it holds codes that are no finite numbers")
    if arrays["cell"].shape != (2,) or sizes.shape != (len(names), 2):
        raise ValueError("sizes and names do not fit together")
    cell = arrays["cell"].astype(np.int64)
    if (cell < 1).any() or (sizes < 1).any() or (sizes % cell).any():
        raise ValueError("there are pictures of impossible sizes in it")
    counts = (sizes // cell).prod(1)
    if (counts > len(matrix)).any() or counts.sum() != len(matrix):
        raise ValueError("there are more or fewer codes in it than its pictures have")
    if not np.array_equal(np.repeat(np.arange(len(names)), counts), arrays["picture"]):
        raise ValueError("codes and pictures do not fit together")
    parts = np.split(matrix, np.cumsum(counts)[:-1])
    pictures = [
        PictureCodes(name, (int(size[0]), int(size[1])), part)
        for name, size, part in zip(names, sizes, parts, strict=True)
    ]
    return Codes(tuple(pictures), str(arrays["model"]), str(arrays["sha256"]), (int(cell[0]), int(cell[1])))


def is_safe_name(name: str) -> bool:
    """Tell whether a picture's name in a file of codes leads to a place under the folder that it is joined to."""
    path = Path(name)
    parts: Sequence[str] = path.parts
    return bool(path.name) and not (path.is_absolute() or path.drive or ".." in parts or "\0" in name)
