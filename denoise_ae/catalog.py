"""Model cards, where models live, and how a name becomes a file.

A *card* says everything a caller must know about a model. The exporter writes it into the ONNX file
(metadata key ``denoise_ae``) and, with the file's checksum, beside it as ``NAME.json``.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
from dataclasses import asdict, dataclass, field, fields, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

from denoise_ae.errors import ModelError, OutputError
from denoise_ae.files import write_atomic

METADATA_KEY = "denoise_ae"
"""Key of the ONNX ``metadata_props`` entry that holds a card as JSON."""

DEFAULT_MODEL = "photo"
"""The model for photographs and for whoever names none."""

Origin = Literal["shipped", "user"]
"""Came with the package, or was added by the user."""

_PROJECT = "denoise-ae"
_LARGEST_SIDE = 4096  # pictures are padded to it, so a card must not ask for any amount of memory
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True)
class ModelCard:
    """What a caller must know about an image-to-image model.

    Sizes are in pixels of the input picture, noise levels in 8-bit steps (0 to 255), PSNR in dB.
    """

    name: str
    description: str = ""
    channels: int = 3
    """Channels of the input and the output: 1 or 3 (RGB)."""
    size_multiple: int = 1
    """Height and width given to the network must be multiples of this."""
    min_size: int = 1
    """Least height and width given to the network."""
    fixed_size: tuple[int, int] | None = None
    """(height, width) where the network takes one size only, as one with a latent code does."""
    receptive_field: int = 1
    """Side of the square of input pixels that one output pixel can depend on."""
    value_range: tuple[float, float] = (0.0, 1.0)
    """What black and white are for the network."""
    takes_sigma: bool = False
    """Whether there is a second input ``sigma``, float [N, 1, 1, 1], standard deviation on the scale of value_range."""
    estimates_sigma: bool = False
    """Whether a ``sigma`` of -x asks for x times the network's own estimate. There is a second output then,
    ``noise_level``: that estimate as a map, float [N, 1, height / n, width / n]."""
    noise: str = ""
    """The noise it was trained for, in words."""
    sigma_range: tuple[float, float] | None = None
    """Lowest and highest level seen in training, in 8-bit steps."""
    network: str = ""
    parameters: int = 0
    kmac_per_pixel: float = 0.0
    """Thousand multiply-accumulates for each input pixel."""
    data: str = ""
    """What it was trained on."""
    license: str = ""
    psnr: dict[str, float] = field(default_factory=dict)
    """Measured: what was measured -> dB."""
    recipe: str = ""
    """Name of the recipe in ``train/recipes``."""
    versions: dict[str, str] = field(default_factory=dict)
    created: str = ""
    """ISO date of the export."""
    sha256: str = ""
    """Checksum of the ONNX file; empty inside the file itself."""

    def to_json(self) -> str:
        """Write the card as JSON text, keys in the order of the fields."""
        return json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> ModelCard:
        """Read a card from JSON text; unknown keys are ignored, so that newer cards can be read.

        Raises:
            ValueError: the text is no JSON object, has no name, or a field that a caller relies on makes no sense.
        """
        raw = json.loads(text)
        if not isinstance(raw, dict) or not isinstance(raw.get("name"), str):
            raise ValueError("a model card must be a JSON object with a name")
        known = {f.name for f in fields(cls)}
        values: dict[str, Any] = {key: value for key, value in raw.items() if key in known}
        for key in ("fixed_size", "value_range", "sigma_range"):
            if isinstance(values.get(key), list):
                values[key] = tuple(values[key])
        card = cls(**values)
        try:
            card._check()
        except TypeError:
            raise ValueError("a field of the model card has the wrong type") from None
        return card

    def _check(self) -> None:
        """Check what a picture's way through the network depends on; the rest is for people to read."""
        sides = (self.size_multiple, self.min_size, *(self.fixed_size or ()))
        whole = (self.channels, self.receptive_field, *sides)
        if not all(type(value) is int and value >= 1 for value in whole) or max(sides) > _LARGEST_SIDE:
            raise ValueError("a size in the model card makes no sense")
        if self.channels not in (1, 3):
            raise ValueError(f"channels in the model card is {self.channels}, not 1 or 3")
        if self.fixed_size is not None and len(self.fixed_size) != 2:
            raise ValueError("fixed_size in the model card must be a height and a width")
        low, high = self.value_range
        if not -math.inf < low < high < math.inf:
            raise ValueError("value_range in the model card must be black and white, the lower one first")
        if type(self.takes_sigma) is not bool or type(self.estimates_sigma) is not bool:
            raise ValueError("takes_sigma and estimates_sigma in the model card must be true or false")
        if self.estimates_sigma and not self.takes_sigma:
            raise ValueError("estimates_sigma in the model card needs takes_sigma")

    def with_checksum(self, sha256: str) -> ModelCard:
        """Return the same card with the ONNX file's checksum."""
        return replace(self, sha256=sha256)


@dataclass(frozen=True)
class InstalledModel:
    """A model, its card and where it lies."""

    card: ModelCard
    path: Path
    origin: Origin | Literal["file"]
    """Came with the package, was added by the user, or is any file."""

    def read(self) -> bytes:
        """Read the ONNX file and check it against its card's checksum.

        Raises:
            ModelError: the file can't be read, or it is not what the card was written for.
        """
        mend = "install denoise-ae again" if self.origin == "shipped" else "remove both files and add it again"
        if not self.path.is_file():
            raise ModelError(f"model {self.card.name} is damaged: {self.path} is missing", mend)
        data = read_model(self.path)
        if hashlib.sha256(data).hexdigest() != self.card.sha256:
            raise ModelError(f"model {self.card.name} is damaged: {self.path} differs from its checksum", mend)
        return data


def read_model(path: Path) -> bytes:
    """Read an ONNX file.

    Raises:
        ModelError: there is no such file, or it can't be read.
    """
    try:
        # A folder, a pipe or a device is no model, and some of them never end.
        if not path.is_file():
            raise ModelError(f"there is no model file {path}", "give a NAME from denoise-ae models, or a FILE.onnx")
        return path.read_bytes()
    except (OSError, ValueError) as error:
        raise ModelError(f"model file {path} can't be read: {_reason(error)}") from None


def checksum(path: Path) -> str:
    """Return a file's SHA-256 in hexadecimal, as a card's `sha256` holds it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def shipped_folder() -> Path:
    """Return the folder of the models that came with the package.

    Installed, it lies in the package; in a checkout beside it, where a folder named ``models`` may be anybody's
    and counts only with our own index in it.

    Raises:
        ModelError: it is in neither place.
    """
    package = Path(__file__).resolve().parent
    for folder in (package / "models", package.parent / "models"):
        if _read_index(folder):
            return folder
    raise ModelError("the models that come with denoise-ae are missing", "install denoise-ae again")


def user_folder() -> Path:
    """Return the folder of the user's own models, which need not exist: the platform's data folder holds it.

    The environment variable DENOISE_AE_HOME replaces the platform's data folder.
    """
    home = os.environ.get("DENOISE_AE_HOME")
    if home:
        return Path(home) / "models"
    from platformdirs import user_data_path

    return user_data_path("denoise-ae", appauthor=False) / "models"


def names() -> list[tuple[str, Origin]]:
    """List the names of the shipped models in the order of their index, then those of the user's, sorted.

    Raises:
        ModelError: the shipped models' folder is missing.
    """
    shipped, users = _read_index(shipped_folder()), _user_names()
    return [*((name, "shipped") for name in shipped), *((name, "user") for name in users)]


def models() -> list[InstalledModel]:
    """List what is installed, in the order of `names`.

    Raises:
        ModelError: a card can't be read.
    """
    # A checkout in which a model is not trained yet lacks its file.
    return [load(name, origin) for name, origin in names() if origin == "user" or _is_there(shipped_folder(), name)]


def load(name: str, origin: Origin) -> InstalledModel:
    """Read the card of one of `names`; `InstalledModel.read` reads and checks the model itself.

    Raises:
        ModelError: the card can't be read.
    """
    path = (shipped_folder() if origin == "shipped" else user_folder()) / f"{name}.json"
    try:
        card = ModelCard.from_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError) as error:
        raise ModelError(f"the card {path} can't be read: {_reason(error)}", "install or add the model again") from None
    return InstalledModel(replace(card, name=name), path.with_suffix(".onnx"), origin)


def find(model: str | Path) -> InstalledModel:
    """Find a model by its name, shipped ones first, or take a file.

    A file is tried out on the CPU, for its card; `is_file_name` tells the two apart.

    Raises:
        ModelError: there is no such model, its card or its file can't be read, or the file is no model for pictures.
    """
    if is_file_name(model):
        from denoise_ae.runtime import Session

        path = Path(model)
        data = read_model(path)
        card = Session(data, device="cpu", name=path.stem).card
        return InstalledModel(card.with_checksum(hashlib.sha256(data).hexdigest()), path, "file")
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
    """Tell whether a user's word means a file and not a model's name."""
    return isinstance(model, Path) or model.lower().endswith(".onnx") or "/" in model or os.sep in model


def add(file: Path, name: str | None = None) -> InstalledModel:
    """Copy a user's model to where `find` finds it by name, with its card.

    The model is tried out first, and what has been tried is what is copied.

    Args:
        file: an ONNX file, ours or not.
        name: what to call it; by default what its card says, or else the file's name.

    Raises:
        ModelError: the file is no model for pictures, or the name is taken or no name.
        OutputError: the folder can't be written.
    """
    from denoise_ae.runtime import Session

    data = read_model(file)
    card = Session(data, device="cpu", name=file.stem).card
    name = card.name if name is None else name
    if not _NAME.fullmatch(name) or name.lower().endswith(".onnx"):
        raise ModelError(
            f"{name!r} can't be a model's name", "give one of letters, digits, '-', '_' and '.' with --name"
        )
    # Where a file system takes Photo and photo for one, so must we.
    taken = {known.lower() for known in (*_read_index(shipped_folder()), *_user_names())}
    if name.lower() in taken:
        raise ModelError(
            f"there is a model named {name} already",
            f"give another with --name, or remove it from {user_folder()}",
        )
    folder = user_folder()
    model = InstalledModel(
        replace(card, name=name, sha256=hashlib.sha256(data).hexdigest()), folder / f"{name}.onnx", "user"
    )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"folder {folder} can't be made: {_reason(error)}") from None
    # The card makes a model of it, so it comes last; without one, a file is left over from a try that was cut short.
    write_atomic(model.path, data, overwrite=True)
    write_atomic(folder / f"{name}.json", model.card.to_json().encode(), overwrite=False)
    return model


def _read_index(folder: Path) -> list[str]:
    """Return the names in a folder's index, none where there is no index of ours."""
    try:
        index = json.loads((folder / "index.json").read_text(encoding="utf-8"))
        return [str(name) for name in index["models"]] if index["project"] == _PROJECT else []
    except (OSError, ValueError, TypeError, KeyError):
        return []


def _user_names() -> list[str]:
    return sorted(path.stem for path in user_folder().glob("*.json") if _NAME.fullmatch(path.stem))


def _is_there(folder: Path, name: str) -> bool:
    return (folder / f"{name}.onnx").is_file() and (folder / f"{name}.json").is_file()


def _reason(error: Exception) -> str:
    """Say in one line why a file could not be used."""
    return (isinstance(error, OSError) and error.strerror) or str(error)
