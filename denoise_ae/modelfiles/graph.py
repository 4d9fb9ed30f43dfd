"""A network's interface, read from the inputs and outputs of its ONNX graph before anything runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from denoise_ae.errors import ModelError
from denoise_ae.modelfiles.card import LARGEST_LATENT, LARGEST_SIDE, ModelCard

SIGMA_INPUT = "sigma"
"""Name of the second input of networks conditioned on the noise level."""

MASK_INPUT = "mask"
"""Name of the second input of networks conditioned on a mask of pixels to fill."""

LEVEL_OUTPUT = "noise_level"
"""Name of the second output of networks that estimate the noise level."""

LIMIT_INPUT = "largest_sigma"
"""Name of the input of such networks for the highest noise level that they go by on their own account, 1x1x1x1 on the
scale of the pictures. Its default value in the file is `LARGEST_ESTIMATE`."""

LARGEST_ESTIMATE = 60 / 255
"""Highest noise level that a network goes by on its own account, on [0, 1]: it has not learnt what is beyond, and what
looks so noisy is a code, a halftone or a chart."""

CODE_OUTPUT = "code"
"""Name of a further output of networks with a latent code: the code of each picture, N x latent."""

GIVEN_INPUT = "given_code"
"""Name of the input for codes to decode, M x latent. It has a default value in the file, so that cleaning needs no
codes."""

DECODED_OUTPUT = "decoded"
"""Name of the output for the pictures decoded from the given codes, M x C x H x W."""

IMAGE_TO_IMAGE = "give an ONNX file with one float input N x 1 or 3 x H x W and one output of the same size"
"""The hint for networks that are refused."""

EXPORT_AGAIN = "export the model again"
"""The hint for cards that are refused."""


class Entry(Protocol):
    """An input or an output, as onnxruntime describes it."""

    name: str
    type: str
    shape: Sequence[int | str | None] | None


@dataclass(frozen=True)
class Graph:
    """Inputs and outputs of a network."""

    image: str
    """Name of the input for pictures."""
    outputs: list[str]
    """Names of the outputs for pictures: the pictures first, then the noise level if the network estimates it."""
    channels: int | None
    """1 or 3; None if the graph leaves it open."""
    fixed_size: tuple[int, int] | None
    """Height and width if it takes no other."""
    batch_of_one: bool
    """Whether it takes only one picture at a time."""
    takes_sigma: bool
    takes_mask: bool
    estimates_sigma: bool
    takes_limit: bool
    """Whether the level that it estimates can be limited."""
    latent: int
    """Length of its latent code; 0 if it has none."""

    def contradicts(self, card: ModelCard) -> bool:
        """Return whether a card disagrees with the graph."""
        return (
            card.takes_sigma != self.takes_sigma
            or card.estimates_sigma != self.estimates_sigma
            or card.takes_mask != self.takes_mask
            or card.latent != self.latent
            or self.channels not in (None, card.channels)
            or self.fixed_size not in (None, card.fixed_size)
        )


def read_graph(name: str, inputs: Sequence[Entry], optional: Sequence[Entry], outputs: Sequence[Entry]) -> Graph:
    """Read a graph's interface, and refuse anything but an image-to-image network.

    Args:
        name: the model's, for messages.
        inputs: the graph's inputs.
        optional: further inputs with a default value.
        outputs: the graph's outputs.

    Raises:
        ModelError: it takes or gives anything but pictures, and what goes with them.
    """
    given = [entry for entry in optional if entry.name == GIVEN_INPUT]
    coding = [entry for entry in outputs if entry.name in (CODE_OUTPUT, DECODED_OUTPUT)]
    has_code = len(given) == 1 and len(coding) == 2
    restoring = [entry for entry in outputs if not (has_code and entry in coding)]
    names, made = [entry.name for entry in inputs], [entry.name for entry in restoring]
    takes_sigma = len(inputs) == 2 and SIGMA_INPUT in names
    takes_mask = len(inputs) == 2 and MASK_INPUT in names and not takes_sigma
    condition = MASK_INPUT if takes_mask else SIGMA_INPUT
    estimates_sigma = takes_sigma and len(made) == 2 and LEVEL_OUTPUT in made
    if len(inputs) != 1 + takes_sigma + takes_mask or len(made) != 1 + estimates_sigma:
        raise refusal(name, f"has {len(inputs)} inputs ({', '.join(names)}) and {len(outputs)} outputs")
    image = next(entry for entry in inputs if entry.name != condition or len(inputs) == 1)
    for entry in (*inputs, *given, *outputs):
        if entry.type != "tensor(float)":
            raise refusal(name, f"has {entry.name} as {entry.type}, not tensor(float)")
    dimensions = _sizes(image)
    shape = _as_text(dimensions)
    if len(dimensions) != 4:
        raise refusal(name, f"takes an array of {len(dimensions)} dimensions")
    batch, channels, height, width = dimensions
    if channels not in (None, 1, 3) or batch not in (None, 1) or (height is None) != (width is None):
        raise refusal(name, f"takes {shape}")
    if max(height or 1, width or 1) > LARGEST_SIDE:
        raise refusal(name, f"takes {shape}, more than {LARGEST_SIDE} pixels on a side")
    if takes_mask:
        _check_mask(name, next(entry for entry in inputs if entry.name == MASK_INPUT))
    graph = Graph(
        image.name,
        # Pictures first, whatever the order in the file.
        sorted(made, key=lambda output: output == LEVEL_OUTPUT and estimates_sigma),
        channels,
        (height, width) if height and width else None,
        batch == 1,
        takes_sigma,
        takes_mask,
        estimates_sigma,
        estimates_sigma and any(entry.name == LIMIT_INPUT for entry in optional),
        _read_latent(name, given[0]) if has_code else 0,
    )
    if has_code and (len(inputs) > 1 or graph.batch_of_one or not graph.fixed_size):
        raise refusal(name, "has a latent code, but does not take batches of any number of pictures of one fixed size")
    return graph


def _read_latent(name: str, given: Entry) -> int:
    """Read the length of the codes from the graph's input for them."""
    sizes = _sizes(given)
    length = sizes[-1] or 0 if sizes else 0
    if len(sizes) != 2 or sizes[0] is not None or not 0 < length <= LARGEST_LATENT:
        raise refusal(name, f"takes codes as {_as_text(sizes)}")
    return length


def _check_mask(name: str, mask: Entry) -> None:
    """Refuse a mask that is not N x 1 x H x W."""
    shape = mask.shape
    if shape is None or len(shape) != 4 or (isinstance(shape[1], int) and shape[1] != 1):
        raise refusal(name, f"takes a mask of {' x '.join(map(str, shape or ('unknown shape',)))}, not N x 1 x H x W")


def _sizes(entry: Entry) -> list[int | None]:
    """Return the dimensions that an input declares; None for any."""
    return [size if isinstance(size, int) and size > 0 else None for size in entry.shape or ()]


def _as_text(sizes: list[int | None]) -> str:
    return " x ".join(str(size or "any") for size in sizes)


def refusal(name: str, reason: str) -> ModelError:
    """Return the error for a network that is refused; the reason continues "model NAME"."""
    return ModelError(f"model {name} {reason}", IMAGE_TO_IMAGE)


def no_code(card: ModelCard) -> ModelError:
    """Return the error for a model without a latent code if one is needed."""
    skips = card.network.startswith("unet") or "skip connections" in card.network
    reason = "its skip connections bypass any code" if skips else "its file holds none"
    return ModelError(
        f"model {card.name} has no latent code to encode to and decode from: {reason}",
        "use a model whose card says latent, such as --model digits"
        + ("" if skips else "; if an early version exported this one, renew it: denoise-ae export FILE.onnx"),
    )
