"""Generators as ONNX graphs that take frames and give frames. Imports PyTorch."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, cast

import torch

import cgtool
from cgtool.backends.spec import Built, EngineSpec
from cgtool.backends.torch.graph import FrameGraph, frame_graph
from cgtool.config import EnginePrecision
from cgtool.errors import EngineError

if TYPE_CHECKING:
    import onnx


def exported(spec: EngineSpec, *, half: bool) -> Built:
    """The graph of an engine's generator: an engine of its own, and what other kinds are compiled from.

    Args:
        spec: The engine.
        half: Convolutions in FP16 around FP32 normalizations, for what keeps the types of its graph.

    Raises:
        EngineError: The network can't be exported.
        ModelError: It can't be loaded.
    """
    import onnx

    source = spec.source
    precision: EnginePrecision = "fp16" if half else "fp32"
    graph = frame_graph(source.load(), source.stride, precision, source.cell)
    data = to_onnx(graph, _described(spec, precision))
    return Built([data], {"torch": torch.__version__, "onnx": onnx.__version__})


def _described(spec: EngineSpec, precision: str) -> dict[str, str]:
    """The graph's account of itself, which travels with a file that has lost its manifest."""
    origin = spec.origin
    source, target = origin.domains
    return {
        "model": origin.model,
        "direction": spec.source.direction,
        "source_domain": source,
        "target_domain": target,
        "training_scale": str(origin.training_scale),
        "precision": precision,
        "cgtool_version": cgtool.__version__,
        "weights_sha256": origin.weights_sha256,
    }


def to_onnx(graph: FrameGraph, metadata: Mapping[str, str] | None = None) -> bytes:
    """Serialize a frame graph as ONNX (opset 18) with dynamic batch, height and width.

    Input ``frames`` and output ``translated``: uint8, (batch, height, width, 3). A map network's output is ``maps``,
    FP32, see `cgtool.backends.torch.graph.MapGraph`.

    Args:
        graph: See `cgtool.backends.torch.graph.frame_graph`.
        metadata: The file's account of itself (``metadata_props``).

    Raises:
        EngineError: A package that PyTorch's exporter needs is missing, or the network can't be exported.
    """
    dynamic = torch.export.Dim.DYNAMIC
    example = torch.zeros(2, 61, 83, 3, dtype=torch.uint8)  # sizes that the exporter can't take for constants
    try:
        import onnx

        with contextlib.redirect_stdout(io.StringIO()):  # onnxscript's asides; standard output is for results
            program = torch.onnx.export(
                graph,
                (example,),
                dynamo=True,
                opset_version=18,
                dynamic_shapes=({0: dynamic, 1: dynamic, 2: dynamic},),
                input_names=["frames"],
                output_names=[graph.output],
                verbose=False,
            )
    except ImportError as error:
        raise EngineError(f"PyTorch can't write ONNX: {error}", hint="Run: pip install 'cgtool[train]'") from error
    except torch.onnx.OnnxExporterError as error:
        raise EngineError(f"the network can't be exported to ONNX: {error}") from error
    assert program is not None  # what dynamo=True promises
    model = program.model_proto
    _read_shapes_from_floats(model.graph)
    strip(model)
    onnx.helper.set_model_props(model, dict(metadata or {}))
    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise EngineError(f"the exported network is no valid ONNX: {error}") from error
    return cast(bytes, model.SerializeToString())


def strip(model: onnx.ModelProto) -> None:
    """Take out all that no engine needs, in place.

    PyTorch's exporter notes at every node and value which line of which file it comes from: half a megabyte, and the
    names of folders on the machine where it ran. It also notes the shapes that it inferred, and holds some sizes for
    equal that are not for tiny frames: ONNX Runtime would reuse buffers by them.
    """
    del model.graph.value_info[:]
    del model.metadata_props[:]
    model.ClearField("doc_string")
    for function in model.functions:
        del function.metadata_props[:]
        function.ClearField("doc_string")
        for node in function.node:
            _strip_node(node)
    _strip_graph(model.graph)


def _strip_graph(graph: onnx.GraphProto) -> None:
    for part in (graph, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        del part.metadata_props[:]
        part.ClearField("doc_string")
    for node in graph.node:
        _strip_node(node)


def _strip_node(node: onnx.NodeProto) -> None:
    del node.metadata_props[:]
    node.ClearField("doc_string")
    for graph in _subgraphs(node):
        _strip_graph(graph)


def _subgraphs(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    """The bodies of a node's branches and loops."""
    for attribute in node.attribute:
        attribute.ClearField("doc_string")
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def _read_shapes_from_floats(graph: onnx.GraphProto) -> None:
    """Let nothing but the first Cast read the uint8 input: the exporter takes sizes from it, which TensorRT refuses."""
    (frames,) = (value.name for value in graph.input)
    (cast_node,) = (node for node in graph.node if node.op_type == "Cast" and frames in node.input)
    for node in graph.node:
        if node is not cast_node:
            node.input[:] = [cast_node.output[0] if name == frames else name for name in node.input]
    nodes = [cast_node, *(node for node in graph.node if node is not cast_node)]
    copies = [type(node).FromString(node.SerializeToString()) for node in nodes]
    del graph.node[:]
    graph.node.extend(copies)
