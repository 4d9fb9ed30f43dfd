"""Tiny ONNX networks whose every property is known, and pictures for them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from denoise_ae.modelfiles.card import METADATA_KEY, ModelCard


@dataclass
class Graph:
    """Builds an ONNX file node by node. Shapes: None is open, a number is fixed."""

    channels: int | None = 3
    batch: int | None = None
    height: int | None = None
    width: int | None = None
    nodes: list[Any] = field(default_factory=list)
    weights: list[Any] = field(default_factory=list)
    inputs: list[Any] = field(default_factory=list)
    elements: int = TensorProto.FLOAT

    def __post_init__(self):
        self.random = np.random.default_rng(0)
        self.shape = [
            size or name
            for size, name in zip((self.batch, self.channels, self.height, self.width), "NCHW", strict=True)
        ]
        self.inputs.append(helper.make_tensor_value_info("image", self.elements, self.shape))

    def add(self, operator: str, *inputs: str | np.ndarray, **attributes) -> str:
        """Add a node; arrays among its inputs become weights. Returns the name of its output."""
        names = [word if isinstance(word, str) else self.constant(word) for word in inputs]
        output = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, names, [output], **attributes))
        return output

    def constant(self, array: np.ndarray) -> str:
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(array, name))
        return name

    def conv(self, source: str, before: int, after: int, side: int = 3, gain: float = 1.0, **attributes) -> str:
        """A bias-free convolution with random weights that keeps the size and roughly the variance."""
        weights = self.random.standard_normal((after, before, side, side)) * gain / np.sqrt(before * side * side)
        return self.add("Conv", source, weights.astype(np.float32), pads=[side // 2] * 4, **attributes)

    def sigma(self) -> str:
        self.inputs.append(helper.make_tensor_value_info("sigma", TensorProto.FLOAT, ["N", 1, 1, 1]))
        return "sigma"

    def mask(self, channels: int | None = 1) -> str:
        shape = ["N", channels, "H", "W"]
        self.inputs.append(helper.make_tensor_value_info("mask", TensorProto.FLOAT, shape))
        return "mask"

    def model(self, output: str, card: ModelCard | None = None) -> onnx.ModelProto:
        """Close the graph."""
        self.nodes.append(helper.make_node("Identity", [output], ["clean"]))
        result = helper.make_tensor_value_info("clean", self.elements, None)
        graph = helper.make_graph(self.nodes, "network", self.inputs, [result], self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        if card is not None:
            helper.set_model_props(model, {METADATA_KEY: card.to_json()})
        return model


def residual(
    card: ModelCard, *, side: int = 5, layers: int = 3, width: int = 8, sigma: bool = False
) -> onnx.ModelProto:
    """A bias-free residual network of convolutions, like DnCNN; it sees layers * (side // 2) pixels to each side."""
    graph = Graph(channels=card.channels)
    inner = graph.add("Relu", graph.conv("image", card.channels, width, side))
    for _ in range(layers - 2):
        inner = graph.add("Relu", graph.conv(inner, width, width, side, gain=1.4))
    noise = graph.conv(inner, width, card.channels, side, gain=0.3)
    if sigma:
        noise = graph.add("Mul", noise, graph.add("Mul", graph.sigma(), np.array([4.0], np.float32)))
    return graph.model(graph.add("Sub", "image", noise), card)


def filling(card: ModelCard | None, channels: int = 3) -> onnx.ModelProto:
    """A network that is told a mask, sees 6 pixels to each side, and changes pixels that are not marked, too."""
    graph = Graph(channels=channels)
    both = graph.add("Concat", "image", graph.mask(), axis=1)
    inner = graph.add("Relu", graph.conv(both, channels + 1, 8, 7))
    return graph.model(graph.add("Add", "image", graph.conv(inner, 8, channels, 7, gain=0.5)), card)


def pooling(card: ModelCard | None = None) -> onnx.ModelProto:
    """A network that halves the size three times (multiple 8) and sees 17 pixels to each side."""
    graph = Graph()
    inner = graph.add("Relu", graph.conv("image", 3, 6))
    for _ in range(3):
        inner = graph.add("AveragePool", inner, kernel_shape=[2, 2], strides=[2, 2])
    inner = graph.add("Relu", graph.conv(inner, 6, 6, gain=3))
    scales = np.array([1, 1, 8, 8], np.float32)
    mode = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    inner = graph.conv(graph.add("Resize", inner, "", scales, **mode), 6, 3, gain=0.3)
    return graph.model(graph.add("Sub", "image", inner), card)


def cell(card: ModelCard | None = None, *, batch: int | None = None) -> onnx.ModelProto:
    """A network for 1x28x28 whose gain differs from pixel to pixel, so that a shifted cell shows."""
    graph = Graph(channels=1, batch=batch, height=28, width=28)
    return graph.model(graph.add("Mul", "image", cell_gain()[None, None]), card)


def cell_gain() -> np.ndarray:
    return np.linspace(0.2, 1, 28 * 28, dtype=np.float32).reshape(28, 28)


Change = Callable[[Graph, str], str]
"""Adds nodes behind one of a graph's tensors and returns the last one's output."""


def coding(
    card: ModelCard | None = None,
    *,
    latent: int = 4,
    given: tuple[Any, ...] = ("M", 4),
    default: bool = True,
    kind: int = TensorProto.FLOAT,
    decoding: Change = lambda _, code: code,
    decoded: Change = lambda _, picture: picture,
) -> onnx.ModelProto:
    """A network for 1x28x28 with a latent code: projects on `latent` directions and back.

    The changes spoil the decoder that is given codes: `decoding` what it is given, `decoded` what it makes of it.
    """
    graph = Graph(channels=1, height=28, width=28)
    directions = np.linalg.qr(graph.random.standard_normal((784, latent)))[0].astype(np.float32)

    def decode(code: str) -> str:
        return graph.add("Reshape", graph.add("MatMul", code, directions.T.copy()), np.array([-1, 1, 28, 28]))

    code = graph.add("MatMul", graph.add("Flatten", "image"), directions)
    clean = decode(code)
    ends = {"code": graph.add("Cast", code, to=kind), "decoded": decoded(graph, decode(decoding(graph, "given_code")))}
    model = graph.model(clean, card)
    model.graph.input.append(helper.make_tensor_value_info("given_code", TensorProto.FLOAT, given))
    if default:
        model.graph.initializer.append(numpy_helper.from_array(np.zeros((1, latent), np.float32), "given_code"))
    for name, source in ends.items():
        model.graph.node.append(helper.make_node("Identity", [source], [name]))
        model.graph.output.append(
            helper.make_tensor_value_info(name, kind if name == "code" else TensorProto.FLOAT, None)
        )
    return model


def codec_card(name: str = "codec", latent: int = 4, **more: Any) -> ModelCard:
    return ModelCard(name, channels=1, fixed_size=(28, 28), latent=latent, **more)


NETWORKS: dict[str, Callable[[], onnx.ModelProto]] = {
    # ours, with a card
    "rgb": lambda: residual(ModelCard("rgb", receptive_field=13)),
    "gray": lambda: residual(ModelCard("gray", channels=1, receptive_field=13)),
    "told": lambda: residual(ModelCard("told", receptive_field=13, takes_sigma=True), sigma=True),
    "pooling": lambda: pooling(ModelCard("pooling", size_multiple=8, receptive_field=35)),
    "filling": lambda: filling(ModelCard("filling", receptive_field=13, takes_mask=True)),
    "filling-gray": lambda: filling(ModelCard("filling", channels=1, receptive_field=13, takes_mask=True), 1),
    "cell": lambda: cell(ModelCard("cell", channels=1, fixed_size=(28, 28))),
    "codec": lambda: coding(codec_card()),
    "drawing": lambda: coding(codec_card("drawing", variational=True)),
    # from elsewhere, without
    "foreign": lambda: strip_card(residual(ModelCard("foreign"))),
    "foreign-gray": lambda: strip_card(residual(ModelCard("foreign", channels=1))),
    "foreign-pooling": pooling,
    "foreign-cell": lambda: cell(batch=1),
}


def strip_card(model: onnx.ModelProto) -> onnx.ModelProto:
    del model.metadata_props[:]
    return model


def pattern(height: int, width: int, channels: int = 3, dtype: Any = np.uint8, seed: int = 0) -> np.ndarray:
    """A picture of ramps and noise over the whole range of its type: HxW for one channel, else HxWxC."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    ramps = np.stack([(y + x * (k + 1)) % 97 / 97 for k in range(channels)], axis=-1)
    unit = np.clip(0.7 * ramps + 0.3 * random.random(ramps.shape), 0, 1)
    unit = unit[..., 0] if channels == 1 else unit
    if np.dtype(dtype).kind == "f":
        return unit.astype(dtype)
    return np.rint(unit * np.iinfo(dtype).max).astype(dtype)
