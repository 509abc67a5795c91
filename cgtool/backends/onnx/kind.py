"""ONNX among the kinds of engines: one file for any machine, run by ONNX Runtime."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from cgtool.backends.base import Engine
from cgtool.backends.kind import Kind
from cgtool.backends.onnx import devices
from cgtool.backends.onnx.backend import ONNXBackend
from cgtool.backends.onnx.graphs import onnx_graph
from cgtool.backends.spec import Built, EngineSpec, Progress
from cgtool.config import EnginePrecision
from cgtool.pictures import Image


class ONNX(Kind):
    """Graphs for ONNX Runtime."""

    def missing(self, device: str) -> str | None:
        """The plugin that leads to the device."""
        return devices.missing(device)

    def driver(self, device: str) -> str:
        """ONNX Runtime and its plugin drive what the system's driver opens."""
        return f"{super().driver(device)} {devices.versions(device)}"

    def arithmetic(self, device: str, asked: EnginePrecision | Literal["auto"]) -> EnginePrecision:
        """A graph that is made on the fly is FP32, whatever is asked for: the CPU computes in that anyway."""
        return "fp32"

    def build(self, spec: EngineSpec, calibration: Sequence[Image], progress: Progress | None) -> Built:
        """Export the graph (see `cgtool.backends.kind.Kind.build`)."""
        from cgtool.backends.onnx.export import exported

        return exported(spec, half=spec.precision == "fp16")

    def open(self, spec: EngineSpec, contents: Sequence[bytes], device: str, *, latency: bool) -> Engine:
        """Open a graph (see `cgtool.backends.kind.Kind.open`)."""
        return ONNXBackend(contents[0], label=spec.source.label, precision=spec.precision, device=device)

    def open_source(self, spec: EngineSpec, device: str, *, latency: bool) -> Engine:
        """Open a graph that is exported if need be (see `cgtool.backends.kind.Kind.open_source`)."""
        graph = onnx_graph(spec.source, half=False)
        backend = ONNXBackend(graph.onnx, label=spec.source.label, precision=graph.precision, device=device)
        backend.notes, backend.warnings, backend.promise = graph.notes, graph.warnings, graph.promise
        return backend


KIND = ONNX()
