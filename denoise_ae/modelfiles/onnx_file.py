"""Read an ONNX file, and check its bytes for references and operators before onnxruntime sees them.

onnxruntime follows a tensor's ``external_data`` to another file, for a model given as bytes even in the current
folder. Here a model is one file, so such references are refused, and so are operators that read files or may never
end. The check walks over the protobuf fields that lead to tensors and nodes (field numbers:
https://github.com/onnx/onnx/blob/main/onnx/onnx.proto).
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path

from denoise_ae.errors import ModelError

NESTED: dict[str, dict[int, str]] = {
    "ModelProto": {7: "GraphProto", 20: "TrainingInfoProto", 25: "FunctionProto"},
    "TrainingInfoProto": {1: "GraphProto", 2: "GraphProto"},
    "GraphProto": {1: "NodeProto", 5: "TensorProto", 15: "SparseTensorProto"},
    "FunctionProto": {7: "NodeProto", 11: "AttributeProto"},
    "NodeProto": {5: "AttributeProto"},
    "AttributeProto": {
        5: "TensorProto",
        6: "GraphProto",
        10: "TensorProto",
        11: "GraphProto",
        22: "SparseTensorProto",
        23: "SparseTensorProto",
    },
    "SparseTensorProto": {1: "TensorProto", 2: "TensorProto"},
    "TensorProto": {},
}
"""Message -> field number -> the message in that field, for each field on a path to a tensor or a node."""

REFUSED_OPERATORS = {
    b"Loop": "which may never end",
    b"EPContext": "which reads other files",
}
"""Operator -> why it is refused. An image-to-image network needs neither."""

MOST_PARTS = 1_000_000
"""Most fields in a model; ours have 2,000. Each takes two bytes of the file, and a hundred of its reader's memory."""

LARGEST_FILE = 2**31
"""Limit in bytes of an ONNX file, as of any protobuf message."""

_LOOKED_AT_FIRST = 64 << 20
"""Bytes from which a file is looked at where it lies before it is read."""

_OPERATOR = 4
_EXTERNAL_DATA, _DATA_LOCATION = 13, 14
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def check_model(data: bytes | memoryview, name: str) -> None:
    """Check that a model holds all its tensors, no refused operator, and no more than `MOST_PARTS`.

    Args:
        data: the ONNX file.
        name: what to call the model in a message.

    Raises:
        ModelError: it does not, or the bytes are not an ONNX file.
    """
    waiting = [("ModelProto", memoryview(data))]
    found_graph = False
    parts = 0
    while waiting:
        message, content = waiting.pop()
        try:
            for number, value in _fields(content):
                parts += 1
                if parts > MOST_PARTS:
                    raise ModelError(f"model {name} has more than {MOST_PARTS} parts", "no network needs that many")
                inner = NESTED[message].get(number)
                if inner is not None:
                    if not isinstance(value, memoryview):
                        raise ValueError("a message where a number is")
                    found_graph = found_graph or inner == "GraphProto"
                    waiting.append((inner, value))
                elif message == "TensorProto":
                    _check_tensor(number, value, name)
                elif message == "NodeProto" and number == _OPERATOR and isinstance(value, memoryview):
                    _check_operator(bytes(value), name)
        except (ValueError, IndexError):
            raise _not_onnx(name) from None
    if not found_graph:
        raise _not_onnx(name)


def _check_tensor(number: int, value: int | memoryview, name: str) -> None:
    if number == _EXTERNAL_DATA or (number == _DATA_LOCATION and value != 0):
        raise ModelError(
            f"model {name} keeps weights in another file (external data), which is refused",
            "save it as one ONNX file, for example with onnx.save(model, save_as_external_data=False)",
        )


def _check_operator(operator: bytes, name: str) -> None:
    if operator in REFUSED_OPERATORS:
        raise ModelError(
            f"model {name} holds the operator {operator.decode()}, {REFUSED_OPERATORS[operator]}: it is refused",
            "export the model without it, for example by tracing the network with a picture",
        )


def _not_onnx(name: str) -> ModelError:
    return ModelError(f"model {name} is not a complete ONNX file", "it may be cut short: copy or download it again")


def _fields(content: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yield the number and the value of each field of a protobuf message.

    Raises:
        ValueError, IndexError: the bytes are not a protobuf message.
    """
    position = 0
    while position < len(content):
        tag, position = _varint(content, position)
        tag &= 0xFFFFFFFF  # as protobuf in C++ does, so that nothing is hidden from us
        if tag < 8:
            raise ValueError("no field has the number 0")
        kind = tag & 7
        if kind == _VARINT:
            value, position = _varint(content, position)
            yield tag >> 3, value
            continue
        if kind == _BYTES:
            length, position = _varint(content, position)
        elif kind in (_FIXED32, _FIXED64):
            length = 4 if kind == _FIXED32 else 8
        else:
            raise ValueError("ONNX has no groups")
        if position + length > len(content):
            raise ValueError("cut short")
        yield tag >> 3, content[position : position + length]
        position += length


def _varint(content: memoryview, position: int) -> tuple[int, int]:
    """Read a varint, 7 bits per byte, lowest first; return it and the position behind it."""
    value = 0
    for shift in range(0, 70, 7):
        byte = content[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise ValueError("a number of more than 64 bits")


def read_model(path: Path) -> bytes:
    """Read an ONNX file, once a look at it where it lies has found nothing to refuse: it may have gigabytes.

    Raises:
        ModelError: there is no such file, it can't be read, or see `check_model`.
    """
    try:
        # A folder, a pipe or a device is not a model, and reading some of them never ends.
        if not path.is_file():
            raise ModelError(f"there is no model file {path}", "give a NAME from denoise-ae models, or a FILE.onnx")
        size = path.stat().st_size
        if size >= LARGEST_FILE:
            raise ModelError(f"model file {path} is larger than any ONNX file can be", "give another file")
        with path.open("rb") as file:
            if size > _LOOKED_AT_FIRST:
                mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
                check_model(memoryview(mapped), path.stem)  # not closed here: an error's traceback holds parts of it
            return file.read()
    except (OSError, ValueError) as error:
        raise ModelError(f"model file {path} can't be read: {one_line(error)}") from None


def one_line(error: Exception) -> str:
    """Return in one line why a file could not be read or written."""
    return (isinstance(error, OSError) and error.strerror) or str(error)
