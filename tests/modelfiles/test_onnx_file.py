"""References to other files are found wherever ONNX can hold a tensor, operators that may never end wherever it can
hold a node; what is no ONNX file is called so."""

import onnx
import pytest
from onnx import TensorProto, helper
from tiny import NETWORKS

from denoise_ae.errors import ModelError
from denoise_ae.modelfiles import onnx_file
from denoise_ae.modelfiles.onnx_file import NESTED, check_model


def external_tensor() -> TensorProto:
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[1], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="secret.bin")
    return tensor


def test_the_table_holds_each_way_to_a_tensor_that_onnx_knows():
    ways = {"TensorProto": {}}
    while True:
        known = set(ways)
        for descriptor in onnx.onnx_ml_pb2.DESCRIPTOR.message_types_by_name.values():
            fields = [entry for entry in descriptor.fields if entry.message_type and entry.message_type.name in ways]
            if fields:
                ways[descriptor.name] = {entry.number: entry.message_type.name for entry in fields}
        if set(ways) == known:
            break
    assert ways == NESTED


def in_initializer(model):
    model.graph.initializer.append(external_tensor())


def in_constant(model):
    model.graph.node.append(helper.make_node("Constant", [], ["c"], value=external_tensor()))


def in_branch(model):
    branch = helper.make_graph([], "branch", [], [], [external_tensor()])
    model.graph.node.append(helper.make_node("If", ["c"], ["d"], then_branch=branch, else_branch=branch))


def in_function(model):
    node = helper.make_node("Constant", [], ["c"], value=external_tensor())
    model.functions.append(helper.make_function("d", "f", [], ["c"], [node], [helper.make_opsetid("", 17)]))


def in_sparse_weights(model):
    model.graph.sparse_initializer.add().values.CopyFrom(external_tensor())


def with_a_place_but_no_mark(model):
    tensor = external_tensor()
    tensor.ClearField("data_location")
    model.graph.initializer.append(tensor)


@pytest.mark.parametrize(
    "hide", [in_initializer, in_constant, in_branch, in_function, in_sparse_weights, with_a_place_but_no_mark]
)
def test_external_data_is_refused(hide):
    model = NETWORKS["rgb"]()
    check_model(model.SerializeToString(), "mine")
    hide(model)
    with pytest.raises(ModelError, match="mine keeps weights in another file"):
        check_model(model.SerializeToString(), "mine")


def loop():
    return helper.make_node("Loop", ["m", "c"], ["d"], body=helper.make_graph([], "body", [], []))


def loop_in_graph(model):
    model.graph.node.append(loop())


def loop_in_branch(model):
    branch = helper.make_graph([loop()], "branch", [], [])
    model.graph.node.append(helper.make_node("If", ["c"], ["d"], then_branch=branch, else_branch=branch))


def loop_in_function(model):
    model.functions.append(helper.make_function("d", "f", [], ["d"], [loop()], [helper.make_opsetid("", 17)]))


@pytest.mark.parametrize("hide", [loop_in_graph, loop_in_branch, loop_in_function])
def test_what_may_never_end_is_refused(hide):
    model = NETWORKS["rgb"]()
    hide(model)
    with pytest.raises(ModelError, match="mine holds the operator Loop, which may never end") as caught:
        check_model(model.SerializeToString(), "mine")
    assert caught.value.hint


def test_a_model_has_a_number_of_parts_that_makes_sense(monkeypatch):
    data = NETWORKS["rgb"]().SerializeToString()
    check_model(data, "mine")
    monkeypatch.setattr(onnx_file, "MOST_PARTS", 50)
    with pytest.raises(ModelError, match="mine has more than 50 parts"):
        check_model(data, "mine")


def test_a_tag_with_bits_beyond_its_32_hides_nothing():
    """Some versions of protobuf drop those bits, so that the field is an ordinary one to them."""
    graph = helper.make_graph([], "g", [], [], [external_tensor()]).SerializeToString()
    tag = bytes([0x80 | (7 << 3 | 2), 0x80, 0x80, 0x80, 0x10])
    length = bytes([0x80 | (len(graph) & 0x7F), len(graph) >> 7])
    with pytest.raises(ModelError, match="another file"):
        check_model(tag + length + graph, "mine")


@pytest.mark.parametrize(
    "content", [b"", b"no model", b"\xff" * 100, b"\x3a", b"\x3a\x05abc", b"\x38\x07", b"ORTM" * 99]
)
def test_what_is_no_onnx_file_is_refused(content):
    with pytest.raises(ModelError, match="mine is not a complete ONNX file"):
        check_model(content, "mine")


def test_a_file_cut_anywhere_is_refused():
    data = NETWORKS["rgb"]().SerializeToString()
    for length in range(0, len(data), 97):
        with pytest.raises(ModelError):
            check_model(data[:length], "mine")
