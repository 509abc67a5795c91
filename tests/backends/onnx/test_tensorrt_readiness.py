"""Every graph that is exported is one that TensorRT's parser documents to take."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import onnx
import pytest
from onnx import TensorProto, helper

from cgtool.config import EnginePrecision
from tests.backends.onnx.tensorrt_readiness import problems
from tests.backends.support import Sources

GRAPHS = [
    *itertools.product(["resnet", "resize", "unet", "photo2monet"], ["fp32", "fp16"]),
    pytest.param("resnet50", "fp32", marks=pytest.mark.slow),
    ("resnet50", "fp16"),
]


@pytest.mark.parametrize(("name", "precision"), GRAPHS)
def test_an_exported_graph_is_ready(sources: Sources, name: str, precision: EnginePrecision) -> None:
    assert problems(sources.graph(name, precision)) == []


def first(graph: onnx.GraphProto, operator: str) -> onnx.NodeProto:
    nodes: list[onnx.NodeProto] = [node for node in graph.node if node.op_type == operator]
    return nodes[0]


def transpose_uint8(graph: onnx.GraphProto) -> None:
    """As an exporter does that sees `frames.permute(...).to(float32)`."""
    cast = graph.node[0]
    transpose = helper.make_node("Transpose", ["frames"], ["turned"], perm=[0, 1, 2, 3])
    cast.input[0] = "turned"
    graph.node.insert(0, transpose)


def read_sizes_from_uint8(graph: onnx.GraphProto) -> None:
    first(graph, "Shape").input[0] = "frames"


def bypass(graph: onnx.GraphProto, operator: str) -> None:
    node = first(graph, operator)
    for other in graph.node:
        other.input[:] = [node.input[0] if name == node.output[0] else name for name in other.input]
    graph.node.remove(node)


def clip_before_round(graph: onnx.GraphProto) -> None:
    rounded, clipped = first(graph, "Round"), first(graph, "Clip")
    source, result = rounded.input[0], clipped.output[0]
    clipped.input[0], clipped.output[0], rounded.input[0], rounded.output[0] = source, "clipped", "clipped", result
    swapped = [node if node not in (rounded, clipped) else None for node in graph.node]
    order = iter([onnx.NodeProto.FromString(node.SerializeToString()) for node in (clipped, rounded)])
    nodes = [next(order) if node is None else onnx.NodeProto.FromString(node.SerializeToString()) for node in swapped]
    del graph.node[:]
    graph.node.extend(nodes)


def unknown_operator(graph: onnx.GraphProto) -> None:
    first(graph, "Tanh").op_type = "Erf"


def pass_through_double(graph: onnx.GraphProto) -> None:
    tanh = first(graph, "Tanh")
    place = list(graph.node).index(tanh)
    up = helper.make_node("Cast", [tanh.input[0]], ["double"], to=TensorProto.DOUBLE)
    down = helper.make_node("Cast", ["wide"], [tanh.output[0]], to=TensorProto.FLOAT16)
    tanh.input[0], tanh.output[0] = "double", "wide"
    graph.node.insert(place + 1, down)
    graph.node.insert(place, up)


def cubic(graph: onnx.GraphProto) -> None:
    (mode,) = (attribute for attribute in first(graph, "Resize").attribute if attribute.name == "mode")
    mode.s = b"cubic"


def computed_weights(graph: onnx.GraphProto) -> None:
    conv = first(graph, "Conv")
    double = helper.make_node("Add", [conv.input[1], conv.input[1]], ["computed"])
    conv.input[1] = "computed"
    graph.node.insert(1, double)


@pytest.mark.parametrize(
    ("mutate", "words"),
    [
        (transpose_uint8, "Transpose, reads uint8"),
        (read_sizes_from_uint8, "Shape, reads uint8"),
        (lambda graph: bypass(graph, "Round"), "the graph ends with Cast <- Clip <- Mul"),
        (lambda graph: bypass(graph, "Clip"), "the graph ends with Cast <- Round"),
        (clip_before_round, "the graph ends with Cast <- Round <- Clip"),
        (unknown_operator, "Erf, is not in the table"),
        (pass_through_double, "Tanh: input 0 is DOUBLE"),
        (cubic, "Resize: mode is b'cubic'"),
        (computed_weights, "Conv: input 1 is no constant"),
    ],
)
def test_a_graph_that_is_not_ready_is_found_out(
    sources: Sources, mutate: Callable[[onnx.GraphProto], None], words: str
) -> None:
    model = onnx.load_from_string(sources.graph("resize", "fp16"))
    mutate(model.graph)
    found = problems(model.SerializeToString())
    assert any(words in problem for problem in found), found
