"""Find, list and add models by name."""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

from denoise_ae.errors import REINSTALL, ModelError, OutputError
from denoise_ae.modelfiles.card import LONGEST_CARD, ModelCard
from denoise_ae.modelfiles.onnx_file import one_line, read_model
from denoise_ae.system.files import write_atomic

DEFAULT_MODEL = "photo"
"""The model for photographs, used if none is named."""

Origin = Literal["shipped", "user"]
"""Came with the package, or was added by the user."""

_PROJECT = "denoise-ae"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True)
class InstalledModel:
    """A model, its card and its file."""

    card: ModelCard
    path: Path
    origin: Origin | Literal["file"]
    """Came with the package, was added by the user, or is any file."""

    def read(self) -> bytes:
        """Read the ONNX file and check it against its card's checksum.

        Raises:
            ModelError: the file can't be read, or is not the one that the card describes.
        """
        hint = {"shipped": REINSTALL, "user": "remove both files and add it again"}.get(
            self.origin, "it has changed since it was tested: run the command again"
        )
        if not self.path.is_file():
            raise ModelError(f"model {self.card.name} is damaged: {self.path} is missing", hint)
        data = read_model(self.path)
        if hashlib.sha256(data).hexdigest() != self.card.sha256:
            raise ModelError(f"model {self.card.name} is damaged: {self.path} differs from its checksum", hint)
        return data


def checksum(path: Path) -> str:
    """Return a file's SHA-256 in hexadecimal, as in a card's `sha256`."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def shipped_folder() -> Path:
    """Return the folder of the models that came with the package.

    In an installation it is inside the package, in a checkout beside it. Since any folder may be named ``models``, it
    counts only with our own index in it.

    Raises:
        ModelError: it is in neither place.
    """
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "models", package.parent / "models"):
        if _read_index(folder):
            return folder
    raise ModelError("the models that come with denoise-ae are missing", REINSTALL)


def user_folder() -> Path:
    """Return the folder of the user's own models, in the platform's data folder; it need not exist.

    The environment variable DENOISE_AE_HOME replaces the platform's data folder.
    """
    home = os.environ.get("DENOISE_AE_HOME")
    if home:
        return Path(home) / "models"
    from platformdirs import user_data_path

    return user_data_path("denoise-ae", appauthor=False) / "models"


def names() -> list[tuple[str, Origin]]:
    """List the names of the shipped models in the order of their index, then the user's, sorted.

    Raises:
        ModelError: the shipped models' folder is missing.
    """
    shipped, users = _read_index(shipped_folder()), _user_names()
    return [*((name, "shipped") for name in shipped), *((name, "user") for name in users)]


def models() -> list[InstalledModel]:
    """List the installed models, in the order of `names`.

    Raises:
        ModelError: a card can't be read.
    """
    # A checkout lacks the file of a model that is not trained yet.
    return [load(name, origin) for name, origin in names() if origin == "user" or _is_there(shipped_folder(), name)]


def load(name: str, origin: Origin) -> InstalledModel:
    """Read the card of one of `names`; `InstalledModel.read` reads and checks the model itself.

    Raises:
        ModelError: the card can't be read.
    """
    path = (shipped_folder() if origin == "shipped" else user_folder()) / f"{name}.json"
    try:
        card = ModelCard.from_json(_read_text(path, 4 * LONGEST_CARD))
    except (OSError, ValueError) as error:
        reason = one_line(error)
        raise ModelError(f"the card {path} can't be read: {reason}", "install or add the model again") from None
    return InstalledModel(replace(card, name=name), path.with_suffix(".onnx"), origin)


def find(model: str | Path) -> InstalledModel:
    """Find a model by its name, shipped ones first, or load a file; see `is_file_name`.

    A file is tested on the CPU, which also gives its card.

    Raises:
        ModelError: there is no such model, its card or its file can't be read, or the file is not an image-to-image
            model.
    """
    if is_file_name(model):
        path = Path(model)
        return InstalledModel(_try_out(read_model(path), path), path, "file")
    name = str(model)
    shipped, users = _read_index(shipped_folder()), _user_names()
    if name in shipped:
        return load(name, "shipped")
    if name in users:
        return load(name, "user")
    close = get_close_matches(name, shipped + users, n=3, cutoff=0.5)
    known = f"did you mean {' or '.join(close)}?" if close else f"there are {', '.join(shipped + users)}."
    raise ModelError(f"there is no model named {name}", f"{known} A file's name must end in .onnx")


def is_file_name(model: str | Path) -> bool:
    """Return whether a user's word means a file and not a model's name."""
    return isinstance(model, Path) or model.lower().endswith(".onnx") or "/" in model or os.sep in model


def is_name(word: str) -> bool:
    """Return whether a word is a valid name for a model: it can't lead to a file elsewhere."""
    return _NAME.fullmatch(word) is not None and not is_file_name(word)


def add(file: Path, name: str | None = None) -> InstalledModel:
    """Copy a user's model and its card to where `find` finds it by name.

    The model is tested first, and the very bytes that were tested are copied.

    Args:
        file: an ONNX file, ours or not.
        name: of the model; by default the one in its card, or else the file's name.

    Raises:
        ModelError: the file is not an image-to-image model, or the name is taken or invalid.
        OutputError: the folder can't be written.
    """
    data = read_model(file)
    card = _try_out(data, file)
    name = card.name if name is None else name
    if not _NAME.fullmatch(name) or name.lower().endswith(".onnx"):
        raise ModelError(f"{name!r} can't be a model's name", "give one with --name: letters, digits, '-', '_' and '.'")
    # Case-insensitive, as some file systems are.
    taken = {known.lower() for known in (*_read_index(shipped_folder()), *_user_names())}
    if name.lower() in taken:
        raise ModelError(
            f"there is a model named {name} already",
            f"give another with --name, or remove it from {user_folder()}",
        )
    folder = user_folder()
    model = InstalledModel(replace(card, name=name), folder / f"{name}.onnx", "user")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        model.path.unlink(missing_ok=True)  # left by an interrupted attempt; a link is not followed
    except OSError as error:
        raise OutputError(
            f"folder {folder} can't be written: {one_line(error)}", "choose another one with DENOISE_AE_HOME"
        ) from None
    # A model is listed as soon as it has a card, so the card comes last.
    write_atomic(model.path, data, overwrite=False)
    write_atomic(folder / f"{name}.json", model.card.to_json().encode(), overwrite=False)
    return model


def _try_out(data: bytes, file: Path) -> ModelCard:
    """Test an untrusted file, and return its card with its checksum."""
    from denoise_ae.modelfiles.trial import try_out

    return try_out(data, file.stem).with_checksum(hashlib.sha256(data).hexdigest())


def _read_index(folder: Path) -> list[str]:
    """Return the names in a folder's index; none if it has no index of ours."""
    try:
        index = json.loads(_read_text(folder / "index.json", LONGEST_CARD))
        names = [name for name in index["models"] if _NAME.fullmatch(name)]
        return names if index["project"] == _PROJECT else []
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return []


def _read_text(path: Path, longest: int) -> str:
    """Read a small file.

    Raises:
        ValueError: it is longer, or not a regular file, which might never end.
    """
    if path.exists() and not path.is_file():
        raise ValueError("this is not a file")
    with path.open("rb") as file:
        data = file.read(longest + 1)
    if len(data) > longest:
        raise ValueError("this is far too long")
    return data.decode()


def _user_names() -> list[str]:
    return sorted(path.stem for path in user_folder().glob("*.json") if _NAME.fullmatch(path.stem))


def _is_there(folder: Path, name: str) -> bool:
    return (folder / f"{name}.onnx").is_file() and (folder / f"{name}.json").is_file()
