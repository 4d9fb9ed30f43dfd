"""Give a model that estimates the noise level the input that bounds it, `largest_sigma`; its weights stay as they are.

python train/bound_estimate.py models/photo-int8.onnx

Models exported since then have it (`denoise_ae.training.networks.unet.UNet.restore`); this is for those in 8 bits whose
weights in float32 are gone, or whose rounding should stay as it was measured. The card's checksum follows.
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

import numpy as np
import onnx
from onnx import helper

from denoise_ae.modelfiles.card import METADATA_KEY, ModelCard
from denoise_ae.modelfiles.graph import LARGEST_ESTIMATE, LIMIT_INPUT, SIGMA_INPUT
from denoise_ae.training.export.export import give_default


def bound(model: onnx.ModelProto) -> None:
    """Insert the smaller of the own estimate, as it is scaled by a negative sigma, and the new input; in place."""
    graph = model.graph
    if any(entry.name == LIMIT_INPUT for entry in graph.input):
        raise SystemExit("the model has it already")
    readers = {name: node for node in graph.node for name in node.input}
    # Relu(-sigma) times the estimate, which is added to Relu(sigma).
    scaled = next(node for node in graph.node if node.op_type == "Neg" and node.input[0] == SIGMA_INPUT).output[0]
    while readers[scaled].op_type != "Mul":
        scaled = readers[scaled].output[0]
    product = readers[scaled]
    assert readers[product.output[0]].op_type in ("Add", "Clip", "Min"), readers[product.output[0]].op_type
    name = product.output[0]
    product.output[0] = f"{name}_unbounded"
    least = helper.make_node("Min", [product.output[0], LIMIT_INPUT], [name], name="bound_estimate")
    graph.node.insert(list(graph.node).index(product) + 1, least)
    graph.input.append(helper.make_tensor_value_info(LIMIT_INPUT, onnx.TensorProto.FLOAT, [1, 1, 1, 1]))
    give_default(model, LIMIT_INPUT, np.full((1, 1, 1, 1), LARGEST_ESTIMATE, np.float32))


def main() -> None:
    """Change the file, and its card."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="an .onnx file with its card beside it, which are replaced")
    path = parser.parse_args().model
    model = onnx.load(path)
    bound(model)
    onnx.checker.check_model(model, full_check=True)
    data = model.SerializeToString(deterministic=True)
    path.write_bytes(data)
    text = next(entry.value for entry in model.metadata_props if entry.key == METADATA_KEY)
    card = ModelCard.from_json(text).with_checksum(hashlib.sha256(data).hexdigest())
    path.with_suffix(".json").write_bytes(card.to_json().encode())


if __name__ == "__main__":
    main()
