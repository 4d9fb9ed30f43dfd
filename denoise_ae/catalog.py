"""Model cards, where models live, and how a name becomes a file.

A *card* says everything a caller must know about a model. The exporter writes it into the ONNX file
(metadata key ``denoise_ae``) and, with the file's checksum, beside it as ``NAME.json``.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

METADATA_KEY = "denoise_ae"
"""Key of the ONNX ``metadata_props`` entry that holds a card as JSON."""


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
    fixed_size: tuple[int, int] | None = None
    """(height, width) where the network takes one size only, as one with a latent code does."""
    receptive_field: int = 1
    """Side of the square of input pixels that one output pixel can depend on."""
    value_range: tuple[float, float] = (0.0, 1.0)
    """What black and white are for the network."""
    takes_sigma: bool = False
    """Whether there is a second input ``sigma``, float [N, 1, 1, 1], standard deviation on the scale of value_range."""
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
            ValueError: the text is no JSON object, has no name, or a field has the wrong type.
        """
        raw = json.loads(text)
        if not isinstance(raw, dict) or not isinstance(raw.get("name"), str):
            raise ValueError("a model card must be a JSON object with a name")
        known = {f.name for f in fields(cls)}
        values: dict[str, Any] = {key: value for key, value in raw.items() if key in known}
        for key in ("fixed_size", "value_range", "sigma_range"):
            if values.get(key) is not None:
                low, high = values[key]
                values[key] = (low, high)
        return cls(**values)

    def with_checksum(self, sha256: str) -> ModelCard:
        """Return the same card with the ONNX file's checksum."""
        return replace(self, sha256=sha256)
