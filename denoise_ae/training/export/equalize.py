"""Cross-layer equalisation: bring the channels of a network's tensors to similar ranges before quantisation.

All channels of a tensor share one scale in 8 bits, so that a weak channel beside a strong one is left with few steps. A
factor for each channel can be moved from the convolutions that write a tensor to those that read it, through all
operators that keep channels apart and commute with positive factors: ReLU, sums, resizing. (Nagel et al., "Data-free
quantization through weight equalization and bias correction", ICCV 2019, balance the weights on both sides of a tensor;
here the writers have a scale for each channel, and the tensor's own ranges are known.)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

LINKS = frozenset({"Add", "Relu", "Resize"})
"""Operators whose inputs and outputs must have the same factors."""

SMALLEST = 1e-3
"""Smallest range assumed for a channel, relative to the widest channel's, so that dead ones aren't blown up."""

TENSOR = 0.75
"""Weight of the ranges of a tensor's channels; the rest goes to the ranges of the weights that read them, which are
rounded too but matter less. Tried on `photo`: 0.5, 0.75 and 1."""

_TINY = np.finfo(np.float32).tiny


def equalize(graph: onnx.GraphProto, peaks: Mapping[str, NDArray[np.float32]]) -> None:
    """Scale the channels inside a network and, to compensate, the weights of its convolutions.

    Args:
        graph: changed in place; computes the same, up to rounding in float32.
        peaks: tensor -> largest absolute value of each of its channels. Groups of tensors of which none is in it keep
            the factor 1.
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
    """Return the strength of weights for each input channel, relative to the strongest one for the same output."""
    size = np.abs(weights).max(axis=(2, 3))
    strongest: NDArray[np.float32] = (size / np.maximum(size.max(axis=1, keepdims=True), _TINY)).max(axis=0)
    return strongest


def _relative(ranges: Sequence[NDArray[np.float32]]) -> NDArray[np.floating[Any]]:
    """Combine ranges of the same channels: the widest of each channel, relative to the widest of all."""
    widest: NDArray[np.floating[Any]] = np.max(ranges, axis=0)
    shares: NDArray[np.floating[Any]] = np.maximum(widest / max(widest.max(), _TINY), SMALLEST)
    return shares


def _groups(graph: onnx.GraphProto) -> Iterable[set[str]]:
    """Return sets of tensors whose channels can be scaled by common factors."""
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
