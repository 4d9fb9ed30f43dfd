"""Model cards: what a caller must know about a model, and reading it from untrusted JSON.

The exporter writes a model's card into the ONNX file and, with the file's checksum, beside it as ``NAME.json``.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

LARGEST_SIDE = 4096
"""Largest size multiple, or side, in pixels: pictures are padded to it, which takes memory."""

LARGEST_LATENT = 65536
"""Largest length of a latent code."""

METADATA_KEY = "denoise_ae"
"""Key of the ONNX ``metadata_props`` entry that holds a card as JSON."""

LONGEST_CARD = 1 << 20
"""Most characters in a card's JSON."""

_LARGEST_NUMBER = 1e12
_LONGEST_NAME = 200
_Test = Callable[[object], bool]
_PAIRS = ("fixed_size", "value_range", "sigma_range")


@dataclass(frozen=True)
class ModelCard:
    """Describes an image-to-image model.

    Sizes are in pixels of the input picture, noise levels in 8-bit steps (0 to 255), PSNR in dB.
    """

    name: str
    description: str = ""
    channels: int = 3
    """Channels of the input and the output: 1 or 3 (RGB)."""
    size_multiple: int = 1
    """Height and width given to the network must be multiples of this."""
    min_size: int = 1
    """Smallest height and width given to the network."""
    fixed_size: tuple[int, int] | None = None
    """(height, width) if the network takes one size only, as any with a latent code does."""
    receptive_field: int = 1
    """Side of the square of input pixels that one output pixel can depend on."""
    value_range: tuple[float, float] = (0.0, 1.0)
    """The network's values of black and white."""
    takes_sigma: bool = False
    """Whether there is a second input ``sigma``, float [N, 1, 1, 1], standard deviation on the scale of value_range."""
    estimates_sigma: bool = False
    """Whether a ``sigma`` of -x asks for x times the network's own estimate. The network then has a second output
    ``noise_level``: that estimate as a map, float [N, 1, height / n, width / n]."""
    takes_mask: bool = False
    """Whether there is a second input ``mask``, float [N, 1, height, width]: 1 for pixels to fill, which hold a rough
    guess in ``image`` (see `denoise_ae.pixels.masked.fill`), else 0. Such a model does not clean."""
    latent: int = 0
    """Length of the latent code that the network encodes pictures to and decodes them from; 0 if it has none. See
    `denoise_ae.modelfiles.session.Session.encode`."""
    variational: bool = False
    """Whether codes drawn from a standard normal distribution decode to pictures like the training data."""
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
    """What was measured -> dB."""
    recipe: str = ""
    """Name of the recipe in ``train/recipes``."""
    versions: dict[str, str] = field(default_factory=dict)
    created: str = ""
    """ISO date of the export."""
    sha256: str = ""
    """Checksum of the ONNX file; empty inside the file itself."""

    def to_json(self) -> str:
        """Return the card as JSON, keys in the order of the fields."""
        return json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> ModelCard:
        """Read a card from JSON; unknown keys are ignored, so that newer cards can be read.

        Raises:
            ValueError: the text is not a JSON object, is far too long, has no name, or a field is invalid.
        """
        if len(text) > LONGEST_CARD:
            raise ValueError(f"a model card of more than {LONGEST_CARD} characters")
        try:
            raw = json.loads(text)
        except RecursionError:
            raise ValueError("a model card nests too deeply") from None
        if not isinstance(raw, dict) or not isinstance(raw.get("name"), str):
            raise ValueError("a model card must be a JSON object with a name")
        known = {f.name for f in fields(cls)}
        values: dict[str, Any] = {key: value for key, value in raw.items() if key in known}
        for key in _PAIRS:
            if isinstance(values.get(key), list):
                values[key] = tuple(values[key])
        card = cls(**values)
        card._check()
        return card

    def _check(self) -> None:
        """Check every field, those that networks run by and those that are only shown.

        Raises:
            ValueError: one is invalid, or two contradict each other.
        """
        for name, fits in _TESTS.items():
            if not fits(getattr(self, name)):
                raise ValueError(f"{name} in the model card is invalid")
        if self.channels not in (1, 3):
            raise ValueError(f"channels in the model card is {self.channels}, not 1 or 3")
        if self.value_range[0] == self.value_range[1]:
            raise ValueError("value_range in the model card must be black and white, the lower one first")
        if self.estimates_sigma and not self.takes_sigma:
            raise ValueError("estimates_sigma in the model card needs takes_sigma")
        if self.takes_mask and self.takes_sigma:
            raise ValueError("takes_mask in the model card contradicts takes_sigma")
        if self.variational and not self.latent:
            raise ValueError("variational in the model card needs a latent code")
        if self.latent and not self.fixed_size:
            raise ValueError("latent in the model card needs a fixed_size")

    def with_checksum(self, sha256: str) -> ModelCard:
        """Return a copy with the ONNX file's checksum."""
        return replace(self, sha256=sha256)


def _is_size(value: object) -> bool:
    return type(value) is int and 1 <= value <= LARGEST_SIDE


def _is_latent(value: object) -> bool:
    return type(value) is int and 0 <= value <= LARGEST_LATENT


def _is_sizes(value: object) -> bool:
    return isinstance(value, tuple) and len(value) == 2 and all(map(_is_size, value))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and type(value) is not bool and -_LARGEST_NUMBER < value < _LARGEST_NUMBER


def _is_range(value: object) -> bool:
    """Return whether these are two finite numbers in ascending order."""
    return isinstance(value, tuple) and len(value) == 2 and all(map(_is_number, value)) and bool(value[0] <= value[1])


def _is_flag(value: object) -> bool:
    return type(value) is bool


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_name(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _LONGEST_NAME


def _table_of(fits: _Test) -> _Test:
    return lambda value: isinstance(value, dict) and all(_is_text(key) and fits(value[key]) for key in value)


def _none_or(fits: _Test) -> _Test:
    return lambda value: value is None or fits(value)


_TESTS: dict[str, _Test] = {
    "name": _is_name,
    **dict.fromkeys(("description", "noise", "network", "data", "license", "recipe", "created", "sha256"), _is_text),
    **dict.fromkeys(("channels", "size_multiple", "min_size", "receptive_field"), _is_size),
    "fixed_size": _none_or(_is_sizes),
    "value_range": _is_range,
    "sigma_range": _none_or(_is_range),
    **dict.fromkeys(("takes_sigma", "estimates_sigma", "takes_mask", "variational"), _is_flag),
    "latent": _is_latent,
    **dict.fromkeys(("parameters", "kmac_per_pixel"), _is_number),
    "psnr": _table_of(_is_number),
    "versions": _table_of(_is_text),
}
"""Field of a card -> whether a value is valid there."""
