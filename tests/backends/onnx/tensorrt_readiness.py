"""Would TensorRT take this graph? What onnx-tensorrt documents for TensorRT 10.15, checked without TensorRT."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import onnx
from onnx import TensorProto, helper, shape_inference

FLOAT = frozenset({TensorProto.FLOAT, TensorProto.FLOAT16})
INT64 = frozenset({TensorProto.INT64})
BOTH = FLOAT | INT64

# The operators that our graphs use: the documented types of their data, as far as we use them, and of further inputs
# that are sizes, positions and scales.
SUPPORTED: dict[str, tuple[frozenset[int], dict[int, frozenset[int]]]] = {
    "Abs": (BOTH, {}),
    "Add": (BOTH, {}),
    "AveragePool": (FLOAT, {}),
    "Cast": (BOTH, {}),
    "Clip": (FLOAT, {}),
    "Concat": (BOTH, {}),
    "Conv": (FLOAT, {}),
    "ConvTranspose": (FLOAT, {}),
    "Div": (BOTH, {}),
    "Expand": (BOTH, {1: INT64}),
    "Gather": (BOTH, {1: INT64}),
    "InstanceNormalization": (FLOAT, {}),
    "LeakyRelu": (FLOAT, {}),
    "MaxPool": (FLOAT, {}),
    "Mul": (BOTH, {}),
    "Pad": (BOTH, {1: INT64}),
    "Range": (BOTH, {}),
    "Relu": (BOTH, {}),
    "Reshape": (BOTH, {1: INT64}),
    "Resize": (FLOAT, {2: frozenset({TensorProto.FLOAT})}),
    "Round": (FLOAT, {}),
    "Shape": (BOTH, {}),
    "Slice": (BOTH, {1: INT64, 2: INT64, 3: INT64, 4: INT64}),
    "Squeeze": (BOTH, {1: INT64}),
    "Sub": (BOTH, {}),
    "Tanh": (FLOAT, {}),
    "Transpose": (BOTH, {}),
}
OPSETS = range(9, 25)
RESIZE: dict[str, set[bytes | int]] = {
    "mode": {b"nearest", b"linear"},
    "coordinate_transformation_mode": {
        b"half_pixel", b"pytorch_half_pixel", b"tf_half_pixel_for_nn", b"asymmetric", b"align_corners",
    },
    "nearest_mode": {b"floor", b"ceil", b"round_prefer_floor", b"round_prefer_ceil"},
    "keep_aspect_ratio_policy": {b"stretch"},
    "antialias": {0},
}  # fmt: skip
WEIGHTS = {"Conv": (1, 2), "ConvTranspose": (1, 2), "InstanceNormalization": (1, 2)}
"""Inputs that must be constants: a strongly typed network takes their type from the file."""


def problems(serialized: bytes) -> list[str]:
    """What TensorRT would refuse, empty if nothing."""
    model = onnx.load_from_string(serialized)
    inferred = shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    return [
        *(f"domain {o.domain!r}, opset {o.version}" for o in model.opset_import if o.domain or o.version not in OPSETS),
        *(f"function {function.name}" for function in model.functions),
        *_uint8(inferred.graph),
        *_ending(inferred.graph),
        *_operators(inferred.graph),
    ]


def tensor_types(graph: onnx.GraphProto) -> dict[str, int]:
    """The element type of every tensor."""
    values = {
        value.name: value.type.tensor_type.elem_type for value in (*graph.input, *graph.output, *graph.value_info)
    }
    return values | {weight.name: weight.data_type for weight in graph.initializer}


def _uint8(graph: onnx.GraphProto) -> Iterator[str]:
    """UINT8 is for the network's input and output, which nothing but the first and the last node touch: Casts."""
    types = tensor_types(graph)
    last = len(graph.node) - 1
    for index, node in enumerate(graph.node):
        given = [name for name in node.input if types.get(name) == TensorProto.UINT8]
        made = [name for name in node.output if types.get(name) == TensorProto.UINT8]
        if given and (index != 0 or node.op_type != "Cast" or given != [graph.input[0].name]):
            yield f"node {index}, {node.op_type}, reads uint8 {given}"
        if made and (index != last or node.op_type != "Cast" or made != [graph.output[0].name]):
            yield f"node {index}, {node.op_type}, makes uint8 {made}"
    for name in (graph.input[0].name, graph.output[0].name):
        if types[name] != TensorProto.UINT8 or len(graph.input) != 1 or len(graph.output) != 1:
            yield f"{name}: one uint8 input and one uint8 output are expected"
    yield from (f"weight {w.name} is uint8" for w in graph.initializer if w.data_type == TensorProto.UINT8)


def _ending(graph: onnx.GraphProto) -> Iterator[str]:
    """TensorRT truncates and wraps round in its cast to uint8: Round, then Clip, come before it."""
    maker = {name: node for node in graph.node for name in node.output}
    found: list[str] = []
    name = graph.output[0].name
    while name in maker and len(found) < 3:
        found.append(maker[name].op_type)
        name = maker[name].input[0]
    if found != ["Cast", "Clip", "Round"]:
        yield f"the graph ends with {' <- '.join(found)}, not with Cast <- Clip <- Round"


def _operators(graph: onnx.GraphProto) -> Iterator[str]:
    types = tensor_types(graph)
    for index, node in enumerate(graph.node):
        where = f"node {index}, {node.op_type}"
        if node.domain or node.op_type not in SUPPORTED:
            yield f"{where}, is not in the table"
            continue
        data, others = SUPPORTED[node.op_type]
        for place, name in enumerate(node.input):
            allowed = others.get(place, data)
            if name and types.get(name) not in allowed and not (index == 0 and name == graph.input[0].name):
                yield f"{where}: input {place} is {_name(types.get(name))}"
        yield from (f"{where}: {words}" for words in _restrictions(node, graph))


def _restrictions(node: onnx.NodeProto, graph: onnx.GraphProto) -> Iterator[str]:
    attributes: dict[str, Any] = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    constants = {weight.name for weight in graph.initializer}
    for place in WEIGHTS.get(node.op_type, ()):
        if place < len(node.input) and node.input[place] not in constants:
            yield f"input {place} is no constant"
    if node.op_type == "Resize":
        for key, allowed in RESIZE.items():
            if key in attributes and attributes[key] not in allowed:
                yield f"{key} is {attributes[key]!r}"
        if "axes" in attributes:
            yield "axes with scales"
    if node.op_type in ("AveragePool", "MaxPool") and (
        len(attributes["kernel_shape"]) != 2 or len(node.output) != 1 or set(attributes.get("dilations", [1])) != {1}
    ):
        yield "no plain 2D pooling"
    if node.op_type == "Squeeze" and not (len(node.input) == 2 and node.input[1] in constants):
        shapes = {value.name: value.type.tensor_type.shape.dim for value in graph.value_info}
        if not all(dim.HasField("dim_value") for dim in shapes[node.input[0]]):
            yield "axes can't be told beforehand"


def _name(kind: int | None) -> str:
    return "of unknown type" if kind is None else TensorProto.DataType.Name(TensorProto.DataType.ValueType(kind))
