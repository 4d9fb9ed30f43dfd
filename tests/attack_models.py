"""ONNX files that mean harm: each is made by code here, with what its refusal has to say."""

import gzip
import json
import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper
from tiny import NETWORKS, Graph, codec_card, coding, residual, strip_card

from denoise_ae.modelfiles.card import METADATA_KEY, ModelCard

Attack = Callable[[Path], bytes]
"""Makes a file's content; may put other files beside it, in the folder it is given."""


# Weights elsewhere. Without the refusal these models would work: the weights are there and right.


def external(location: str, put: Callable[[Path, bytes], None], **entries: str) -> Attack:
    def make(folder: Path) -> bytes:
        model = onnx.load_from_string(NETWORKS["rgb"]().SerializeToString())
        weights = model.graph.initializer[0]
        put(folder, weights.raw_data)
        weights.ClearField("raw_data")
        weights.data_location = TensorProto.EXTERNAL
        for key, value in ({"location": location.format(folder=folder)} | entries).items():
            weights.external_data.add(key=key, value=value)
        return model.SerializeToString()

    return make


def inside(folder: Path, data: bytes) -> None:
    (folder / "weights.bin").write_bytes(data)


def outside(folder: Path, data: bytes) -> None:
    (folder.parent / "secret.bin").write_bytes(data)


def linked(link: Callable[[Path, Path], None]) -> Callable[[Path, bytes], None]:
    def put(folder: Path, data: bytes) -> None:
        outside(folder, data)
        link(folder.parent / "secret.bin", folder / "weights.bin")

    return put


# Shapes and sizes


def claims(*dimensions: int) -> Attack:
    """Weights that claim a shape, and hold four numbers."""

    def make(_folder: Path) -> bytes:
        graph = Graph()
        model = graph.model(graph.add("Add", "image", "w"))
        model.graph.initializer.append(
            TensorProto(name="w", data_type=TensorProto.FLOAT, dims=dimensions, raw_data=bytes(16))
        )
        return model.SerializeToString()

    return make


def takes(*sides: int) -> Attack:
    return lambda _: Graph(height=sides[0], width=sides[1]).model("image").SerializeToString()


def fills(*counts: int) -> Attack:
    """Constants of that many numbers each, alive at the same time."""

    def make(_folder: Path) -> bytes:
        graph = Graph()
        parts = [graph.add("ConstantOfShape", np.array([count])) for count in counts]
        total = graph.add("ReduceSum", graph.add("Concat", *parts, axis=0), keepdims=0)
        return graph.model(graph.add("Add", "image", total)).SerializeToString()

    return make


def expands(_folder: Path) -> bytes:
    """Needs 500 GB for a picture of 16 x 16 pixels."""
    graph = Graph()
    shape = graph.add("Concat", np.array([160_000_000]), graph.add("Shape", "image"), axis=0)
    large = graph.add("Expand", "image", shape)
    return graph.model(graph.add("ReduceMean", large, axes=[0], keepdims=0)).SerializeToString()


def many_parts(_folder: Path) -> bytes:
    nodes = b"\x0a\x00" * 1_100_000
    return Graph().model("image").SerializeToString() + field(7, nodes)


def field(number: int, payload: bytes) -> bytes:
    """A field of bytes as protobuf writes it."""
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def varint(value: int) -> bytes:
    high = value >> 7
    return bytes([value & 0x7F | 0x80]) + varint(high) if high else bytes([value])


def nests(depth: int) -> Attack:
    """Branches in branches."""

    def make(_folder: Path) -> bytes:
        graph = b""
        for _ in range(depth):
            branch = field(1, b"then_branch") + field(6, graph) + varint(20 << 3) + varint(5)
            graph = field(1, field(1, b"c") + field(2, b"o") + field(4, b"If") + field(5, branch))
        return Graph().model("image").SerializeToString() + field(7, graph)

    return make


def laughs(depth: int) -> Attack:
    """Functions that each call the next twice: 2 to the power of `depth` nodes ("a billion laughs")."""

    def make(_folder: Path) -> bytes:
        graph = Graph()
        model = graph.model(graph.add(f"f{depth}", "image", domain="x"))
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid("x", 1)]
        model.opset_import.append(opsets[1])
        for level in range(depth + 1):
            name, domain = (f"f{level - 1}", "x") if level else ("Relu", "")
            calls = [helper.make_node(name, *ends, domain=domain) for ends in ((["a"], ["t"]), (["t"], ["b"]))]
            model.functions.append(helper.make_function("x", f"f{level}", ["a"], ["b"], calls, opsets))
        return model.SerializeToString()

    return make


# Operators


def endless_loop(_folder: Path) -> bytes:
    graph = Graph()
    step = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["on"]), helper.make_node("Identity", ["state"], ["same"])],
        "step",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("state", TensorProto.FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("same", TensorProto.FLOAT, None),
        ],
    )
    return graph.model(graph.add("Loop", "", np.array(True), "image", body=step)).SerializeToString()


def operator(name: str, domain: str, **attributes: str) -> Attack:
    def make(_folder: Path) -> bytes:
        graph = Graph()
        model = graph.model(graph.add(name, "image", domain=domain, **attributes))
        model.opset_import.append(helper.make_opsetid(domain, 1))
        return model.SerializeToString()

    return make


# Results


def gives(name: str, *more: np.ndarray, **attributes: float) -> Attack:
    def make(_folder: Path) -> bytes:
        graph = Graph()
        return graph.model(graph.add(name, "image", *more, **attributes)).SerializeToString()

    return make


def minus_itself(name: str) -> Attack:
    """An operator with 0 in every pixel: 1 / 0 or 0 / 0."""

    def make(_folder: Path) -> bytes:
        graph = Graph()
        nothing = graph.add("Sub", "image", "image")
        over = nothing if name == "nan" else np.ones(1, np.float32)
        return graph.model(graph.add("Div", over, nothing)).SerializeToString()

    return make


def enlarges(_folder: Path) -> bytes:
    graph = Graph()
    scales = np.array([1, 1, 2, 2], np.float32)
    return graph.model(graph.add("Resize", "image", "", scales, mode="nearest")).SerializeToString()


def draws(_folder: Path) -> bytes:
    graph = Graph()
    return graph.model(graph.add("Add", "image", graph.add("RandomNormalLike", "image"))).SerializeToString()


# Cards


def card(text: str) -> Attack:
    def make(_folder: Path) -> bytes:
        model = NETWORKS["foreign"]()
        helper.set_model_props(model, {METADATA_KEY: text})
        return model.SerializeToString()

    return make


def claims_card(**changes: object) -> Attack:
    return card(json.dumps(asdict(ModelCard("sly", receptive_field=13)) | changes))


def hides_its_multiple(_folder: Path) -> bytes:
    """Needs multiples of 8 pixels; the card says any."""
    model = NETWORKS["pooling"]()
    helper.set_model_props(strip_card(model), {METADATA_KEY: ModelCard("sly", receptive_field=35).to_json()})
    return model.SerializeToString()


def hides_its_channels(_folder: Path) -> bytes:
    model = strip_card(residual(ModelCard("sly", channels=1)))
    helper.set_model_props(model, {METADATA_KEY: ModelCard("sly").to_json()})
    return model.SerializeToString()


# Codes


def codes(card: ModelCard | None = None, **spoilt: object) -> Attack:
    return lambda _: coding(card or codec_card("sly"), **spoilt).SerializeToString()  # type: ignore[arg-type]


def decodes_something_else(graph: Graph, picture: str) -> str:
    return graph.add("Add", picture, np.full(1, 0.1, np.float32))


def mixes_codes(graph: Graph, code: str) -> str:
    """Right for a single code alone."""
    return graph.add("ReduceMean", code, axes=[0], keepdims=1)


def looks_at_neighbours(graph: Graph, code: str) -> str:
    """Right for a single code alone, and as many pictures as codes."""
    mean = graph.add("ReduceMean", code, axes=[0], keepdims=1)
    return graph.add("Add", code, graph.add("Sub", code, mean))


def is_nan(graph: Graph, picture: str) -> str:
    nothing = graph.add("Sub", picture, picture)
    return graph.add("Div", nothing, nothing)


def halves(graph: Graph, picture: str) -> str:
    return graph.add("AveragePool", picture, kernel_shape=[2, 2], strides=[2, 2])


MODELS: dict[str, tuple[Attack, str]] = {
    "external-absolute": (external("{folder}/../secret.bin", outside), "another file"),
    "external-parent": (external("../secret.bin", outside), "another file"),
    "external-symlink": (external("weights.bin", linked(lambda old, new: new.symlink_to(old))), "another file"),
    "external-hardlink": (external("weights.bin", linked(os.link)), "another file"),
    "external-inside": (external("weights.bin", inside), "another file"),
    "external-far-offset": (external("weights.bin", inside, offset=str(2**62)), "another file"),
    "external-negative": (external("weights.bin", inside, offset="-1", length="-9"), "another file"),
    "external-proc": (external("/proc/self/environ", inside), "another file"),
    "claims-2-40": (claims(2**40), "can't be loaded"),
    "claims-1e12": (claims(10**6, 10**6), "can't be loaded"),
    "claims-2-64": (claims(2**32, 2**32), "can't be loaded"),
    "claims-negative": (claims(-4), "can't be loaded"),
    "claims-nothing": (claims(0), "can't be loaded"),
    "takes-2-40": (takes(2**40, 2**40), "more than 4096 pixels"),
    "takes-1e5": (takes(10**5, 10**5), "more than 4096 pixels"),
    "fills-4e12": (fills(10**12), "memory"),
    "fills-bit-by-bit": (fills(*[25_000_000] * 40), "memory"),
    "expands": (expands, "memory"),
    "many-parts": (many_parts, "1000000 parts"),
    "nests-60": (nests(60), "can't be loaded"),
    "nests-20000": (nests(20_000), "can't be loaded"),
    "endless-loop": (endless_loop, "Loop, which may never end"),
    "custom-operator": (operator("Sparkle", ""), "Sparkle"),
    "custom-domain": (operator("Sparkle", "my.own"), "my.own"),
    "python-operator": (operator("PyOp", "com.microsoft", module="os", compute="getpid"), "PyOp"),
    "reads-a-file": (operator("EPContext", "com.microsoft", ep_cache_context="../secret.bin"), "reads other files"),
    "nan": (minus_itself("nan"), "NaN or infinite"),
    "infinity": (minus_itself("infinity"), "NaN or infinite"),
    "other-size": (enlarges, "must have the input's size"),
    "other-each-time": (draws, "another result each time"),
    "card-huge": (card(json.dumps(asdict(ModelCard("sly")) | {"description": "x" * 2_000_000})), "more than"),
    "card-nested": (card("[" * 10**5), "too deeply"),
    "card-no-json": (card("\x1b]0;owned\x07"), "is invalid"),
    "card-nan-sigma": (claims_card(sigma_range=[0, float("nan")]), "sigma_range"),
    "card-wrong-type": (claims_card(noise={"a": 1}), "noise"),
    "card-huge-reach": (claims_card(receptive_field=10**9), "receptive_field"),
    "card-huge-size": (claims_card(min_size=10**6), "min_size"),
    "card-other-multiple": (hides_its_multiple, "failed"),
    "card-other-channels": (hides_its_channels, "contradicts"),
    "card-name-is-a-path": (claims_card(name="../../sly"), "can't be a model's name"),
    "card-denies-code": (codes(codec_card("sly", latent=0)), "contradicts"),
    "card-invents-code": (claims_card(latent=4, fixed_size=[28, 28]), "contradicts"),
    "card-other-code": (codes(codec_card("sly", latent=5)), "contradicts"),
    "card-huge-code": (codes(codec_card("sly", latent=10**9)), "latent"),
    "card-draws-nothing": (claims_card(variational=True), "variational"),
    "code-without-card": (lambda _: strip_card(coding(codec_card())).SerializeToString(), "no card by denoise-ae"),
    "code-without-default": (codes(default=False), "2 inputs"),
    "code-of-whole-numbers": (codes(kind=TensorProto.INT64), "not tensor(float)"),
    "code-of-any-length": (codes(given=("M", "L")), "takes codes as any x any"),
    "code-one-at-a-time": (codes(given=(1, 4)), "takes codes as 1 x 4"),
    "code-decodes-otherwise": (codes(decoded=decodes_something_else), "something else than it makes"),
    "code-mixes": (codes(decoding=mixes_codes), "gives decoded as"),
    "code-looks-at-others": (codes(decoding=looks_at_neighbours), "when others are decoded with it"),
    "code-decodes-to-nan": (codes(decoded=is_nan), "NaN or infinite"),
    "code-decodes-smaller": (codes(decoded=halves), "gives decoded as"),
    "gzip-bomb": (lambda _: gzip.compress(bytes(50_000_000)), "not a complete ONNX file"),
    "nothing": (lambda _: b"", "not a complete ONNX file"),
}
"""Name -> what makes it, and what its refusal says."""
