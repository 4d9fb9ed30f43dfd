"""Quantise a model to int8: static quantisation by onnxruntime, for CPUs with fast 8-bit instructions.

Measured on `photo` (one thread of a busy CPU with AVX-512 VNNI, onnxruntime 1.32); losses are of PSNR at noise of
15/25/50:

- The format is QDQ with unsigned activations and signed weights, with a scale for each channel of the weights. Signed
  activations, slightly better on ARM, keep onnxruntime on x86 from fusing ReLU into its convolution, which makes it
  slower than float32. Unsigned ones have fast kernels on both.
- Weights lose next to nothing. They get 7 bits, which costs 0.02 dB: with 8, CPUs without VNNI overflow (an emulated
  Haswell lost 0.03 dB more on a sample), and onnxruntime's remedy, `session.x64quantprecision`, costs CPUs with VNNI
  all of the speed-up. Nearly all of the loss is in the activations at the finest scale, most of it in the residual
  sums, where each block rounds the whole stream again. With the sums in float32 the loss falls from 0.24/0.14/0.09 dB
  to 0.09/0.05/0.03, and the speed from 2.3 to 1.6 to 2.0 times that of float32, because of the conversions around them.
  Equalised channels, which cost nothing, bring 0.07/0.04/0.03.
- So only convolutions and their ReLUs are quantised. Resizing in 8 bits is slower than in float32, and Concat in 8 bits
  makes onnxruntime quantise the first convolution after all.
- The first convolution reads the picture, where a step of 8 bits is a visible error, and the last one makes it: both
  stay in float32, or three times as much is lost. So does the small noise level estimator.
- So do all convolutions behind the last up-sampling, whose errors nothing corrects: with them in int8 `photo` loses
  0.07/0.06/0.10 dB at 2.0 times the speed, without 0.04/0.03/0.02 at 1.7 times. The encoder's at the same scale would
  gain less, 0.05/0.04/0.09 at 1.75 times. The whole finest scale in float32 loses nothing (0.002 dB), at 1.4 times.
- Learning with the rounding (quantisation-aware training, Jacob et al. 2018) brought `photo` nothing in 750 steps.
- Ranges by percentile beat minimum and maximum (0.10/0.06/0.04) and entropy (0.28/0.11/0.17).
"""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeAlias

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    create_calibrator,
    quantize_static,
)

from denoise_ae.errors import TrainingError
from denoise_ae.modelfiles.graph import LEVEL_OUTPUT
from denoise_ae.training.export.equalize import LINKS, equalize

PERCENTILE = 99.995
"""Percentage of a tensor's values inside the range that its 256 steps are spread over: 99.9 costs 0.1 dB, 100 0.02."""

KEPT = ("finest", "ends", "nothing")
"""What stays in float32, from the most exact to the fastest: the first convolutions and all behind the last
up-sampling; the first and the last ones; nothing but the noise level estimator."""

Feeds: TypeAlias = Mapping[str, NDArray[np.float32]]
"""Inputs for one run of a model, by name."""


def quantize(
    model: onnx.ModelProto,
    feeds: Sequence[Feeds],
    *,
    kept: str = "finest",
    name: str = "",
) -> onnx.ModelProto:
    """Quantise a model's convolutions to 8 bits.

    Args:
        model: in float32; it is equalised in place.
        feeds: calibration inputs.
        kept: what stays in float32, one of `KEPT`.
        name: of the model, for messages.

    Returns:
        The quantised model, without metadata.

    Raises:
        TrainingError: there is no convolution to quantise, or the model is quantised already.
    """
    graph = model.graph
    if any(node.op_type == "QuantizeLinear" for node in graph.node):
        raise TrainingError(f"model {name} is quantised already", "give the one that it was made from")
    for number, node in enumerate(graph.node):
        node.name = node.name or f"{node.op_type}_{number}"
    exact = _estimating(graph) | (_ends(graph, finest=kept == "finest") if kept != "nothing" else set())
    if all(node.name in exact for node in graph.node if node.op_type == "Conv"):
        raise TrainingError(
            f"model {name} has no convolution to quantise between the first and the last",
            "int8 is for convolutional networks, such as those that denoise-ae trains on photographs",
        )
    reader = _Reader(feeds)
    with TemporaryDirectory() as folder, _quiet():
        source, target = Path(folder) / "float.onnx", Path(folder) / "int8.onnx"
        onnx.save(model, source)
        equalize(graph, _channel_peaks(source, reader))
        onnx.save(model, source)
        quantize_static(
            source,
            target,
            reader,
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["Conv", "Relu"],
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            # 7 bits: pairs of products must fit into the 16 bits that x86 without VNNI adds them in.
            reduce_range=True,
            nodes_to_exclude=sorted(exact),
            calibrate_method=CalibrationMethod.Percentile,
            extra_options={
                # One crop at a time: otherwise the histograms hold every value of every tensor.
                "CalibStridedMinMax": 1,
                "CalibPercentile": PERCENTILE,
                "CalibTensorRangeSymmetric": False,
            },
        )
        quantised = onnx.load(target)
    _feed_unquantised(quantised.graph)
    quantised.graph.ClearField("value_info")
    del quantised.metadata_props[:]
    return quantised


class _Reader(CalibrationDataReader):  # type: ignore[misc]
    """Feeds the calibration inputs to onnxruntime, whose interface this is."""

    def __init__(self, feeds: Sequence[Feeds]) -> None:
        self._feeds = feeds
        self.set_range(0, len(feeds))

    def __len__(self) -> int:
        return len(self._feeds)

    def set_range(self, start_index: int, end_index: int) -> None:
        self._waiting = iter(self._feeds[start_index:end_index])

    def get_next(self) -> Feeds | None:
        return next(self._waiting, None)


def _channel_peaks(model: Path, reader: _Reader) -> dict[str, NDArray[np.float32]]:
    """Return the largest absolute value of each channel of the tensors inside a model."""
    reader.set_range(0, len(reader))
    calibrator = create_calibrator(
        model,
        ["Conv", *LINKS],
        augmented_model_path=str(model.with_name("augmented.onnx")),
        calibrate_method=CalibrationMethod.MinMax,
        extra_options={"symmetric": True, "per_channel": True},
    )
    calibrator.collect_data(reader)
    return {name: found.range_value[1] for name, found in calibrator.compute_data().items()}


def _estimating(graph: onnx.GraphProto) -> set[str]:
    """Return the names of the nodes that compute the noise level, if it is an output."""
    found: set[str] = set()
    wanted = {output.name for output in graph.output if output.name == LEVEL_OUTPUT}
    for node in reversed(graph.node):
        if not wanted.isdisjoint(node.output):
            found.add(node.name)
            wanted.update(node.input)
    return found


def _ends(graph: onnx.GraphProto, *, finest: bool) -> set[str]:
    """Return the names of the first and last convolutions: those with no other before or after them.

    With `finest`, in a network with several scales, all those behind the last up-sampling count as last.
    """
    found: set[str] = set()
    read = {value.name for value in graph.input}
    for node in graph.node:
        if node.op_type == "Conv" and node.input[0] in read:
            found.add(node.name)
        # Shape reads the size only, not the pixels.
        elif node.op_type not in ("Conv", "Shape") and not read.isdisjoint(node.input):
            read.update(node.output)
    wanted = {output.name for output in graph.output if output.name != LEVEL_OUTPUT}
    to_last_scale = finest and any(node.op_type == "Resize" for node in graph.node)
    last: set[str] = set()
    for node in reversed(graph.node):
        if wanted.isdisjoint(node.output):
            continue
        if node.op_type == "Resize" and last:
            break
        if node.op_type == "Conv":
            last.add(node.name)
        if node.op_type != "Conv" or to_last_scale:
            wanted.update(node.input)
    return found | last


def _feed_unquantised(graph: onnx.GraphProto) -> None:
    """Feed float32 nodes the unquantised tensor.

    onnxruntime gives the quantised one to all its readers, and so rounds a residual stream once a block.
    """
    makers = {name: node for node in graph.node for name in node.output}

    def is_made_by(name: str, op_type: str) -> bool:
        return name in makers and makers[name].op_type == op_type

    in_int8 = {n.output[0] for n in graph.node if n.op_type == "Conv" and is_made_by(n.input[1], "DequantizeLinear")}
    for node in graph.node:
        if node.op_type in ("QuantizeLinear", "DequantizeLinear") or node.output[0] in in_int8:
            continue
        for index, name in enumerate(node.input):
            if is_made_by(name, "DequantizeLinear") and is_made_by(makers[name].input[0], "QuantizeLinear"):
                exact = makers[makers[name].input[0]].input[0]
                if exact not in in_int8:
                    node.input[index] = exact


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep onnxruntime's messages off the terminal; without a handler it would configure logging itself."""
    root, handler = logging.getLogger(), logging.NullHandler()
    before = logging.root.manager.disable
    root.addHandler(handler)
    logging.disable(logging.WARNING)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logging.disable(before)
        root.removeHandler(handler)
