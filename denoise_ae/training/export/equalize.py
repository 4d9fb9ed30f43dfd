"""Bring the channels of a network's tensors to like ranges, which changes nothing but how well they take rounding.

All channels of a tensor share one scale when they are rounded to 8 bits, so that a weak channel next to a strong one is
left with a few steps. A factor for each channel can be moved from the convolutions that make a tensor into those that
read it, through whatever leaves channels apart and keeps positive factors: ReLU, sums, resizing. (Nagel et al.,
"Data-free quantization through weight equalization and bias correction", ICCV 2019, balance the weights on both sides
of a tensor; here those that make it have a scale for each channel, and the tensor's own ranges are known.)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from denoise_ae.training.networks.rounding import SMALLEST, TENSOR

LINKS = frozenset({"Add", "Relu", "Resize"})
"""Operators between tensors that must have the same factors."""

_TINY = np.finfo(np.float32).tiny


def equalize(graph: onnx.GraphProto, peaks: Mapping[str, NDArray[np.float32]]) -> None:
    """Scale the channels inside a network, and the weights of its convolutions to match.

    Args:
        graph: changed in place; computes what it did before but for rounding in float32.
        peaks: tensor -> largest absolute value of each of its channels. Where nothing of what must have the same
            factors is in it, the factors are 1.
    """
    weights = {tensor.name: tensor for tensor in graph.initializer}
    factors: dict[str, NDArray[np.floating[Any]]] = {}
    for group in _groups(graph):
        strength = [peaks[name] for name in group if name in peaks]
        weight = [
            _reading(onnx.numpy_helper.to_array(weights[node.input[1]]))
            for node in graph.node
            if node.op_type == "Conv" and node.input[0] in group
        ]
        if strength and weight:
            factor = _relative(strength) ** TENSOR / _relative(weight) ** (1 - TENSOR)
            factors.update(dict.fromkeys(group, factor))
    for node in graph.node:
        if node.op_type == "Conv":
            read, made = factors.get(node.input[0]), factors.get(node.output[0])
            if read is not None:
                _scale(weights[node.input[1]], read[None, :, None, None])
            if made is not None:
                _scale(weights[node.input[1]], 1 / made[:, None, None, None])
                for bias in node.input[2:]:
                    _scale(weights[bias], 1 / made)


def _reading(weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return how strong weights are for each channel that they read, against the strongest for the same result."""
    size = np.abs(weights).max(axis=(2, 3))
    strongest: NDArray[np.float32] = (size / np.maximum(size.max(axis=1, keepdims=True), _TINY)).max(axis=0)
    return strongest


def _relative(ranges: Sequence[NDArray[np.float32]]) -> NDArray[np.floating[Any]]:
    """Join ranges of the same channels: the widest of each channel, against the widest of all."""
    widest: NDArray[np.floating[Any]] = np.max(ranges, axis=0)
    shares: NDArray[np.floating[Any]] = np.maximum(widest / max(widest.max(), _TINY), SMALLEST)
    return shares


def _groups(graph: onnx.GraphProto) -> Iterable[set[str]]:
    """Return the sets of tensors whose channels can be scaled by common factors."""
    groups: dict[str, set[str]] = {}

    def join(names: Iterable[str]) -> None:
        joined = set().union(*(groups.get(name, {name}) for name in names))
        groups.update(dict.fromkeys(joined, joined))

    weights = {tensor.name for tensor in graph.initializer}
    uses = Counter(name for node in graph.node for name in node.input)
    fixed = weights | {value.name for value in (*graph.input, *graph.output)}
    for node in graph.node:
        own = all(name in weights and uses[name] == 1 for name in node.input[1:])
        if node.op_type == "Conv" and own and _attribute(node, "group", 1) == 1:
            join(node.input[:1])
            join(node.output)
        elif node.op_type in LINKS:
            join([*(node.input if node.op_type == "Add" else node.input[:1]), *node.output])
        else:
            fixed.update(node.input, node.output)
    return [group for group in {id(group): group for group in groups.values()}.values() if group.isdisjoint(fixed)]


def _attribute(node: onnx.NodeProto, name: str, default: int) -> Any:  # noqa: ANN401 - whatever the attribute holds
    found = [attribute for attribute in node.attribute if attribute.name == name]
    return onnx.helper.get_attribute_value(found[0]) if found else default


def _scale(tensor: onnx.TensorProto, factor: NDArray[np.floating[Any]]) -> None:
    values = onnx.numpy_helper.to_array(tensor) * factor.astype(np.float32)
    tensor.CopyFrom(onnx.numpy_helper.from_array(values, tensor.name))
