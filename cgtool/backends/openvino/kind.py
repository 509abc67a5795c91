"""OpenVINO among the kinds of engines: compiled files (IR), or the source's ONNX graph compiled on the fly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from cgtool.backends.base import Engine
from cgtool.backends.kind import Kind
from cgtool.backends.openvino import backend
from cgtool.backends.spec import Built, EngineSpec, Progress
from cgtool.config import EnginePrecision
from cgtool.errors import EngineError, UsageError
from cgtool.pictures import Image


class OpenVINO(Kind):
    """OpenVINO's CPU plugin."""

    def missing(self, device: str) -> str | None:
        """OpenVINO is in the base install, and yet may be broken."""
        try:
            backend.default_precision()
        except EngineError as error:
            return str(error)
        return None

    def problem(self, spec: EngineSpec, device: str) -> str | None:
        """The CPU must compute in the engine's arithmetic; FP32 and 8-bit integers run everywhere."""
        missing = self.missing(device)
        if missing is not None or spec.precision in ("fp32", "int8"):
            return missing
        return None if spec.precision == backend.default_precision() else f"this CPU has no {spec.precision}"

    def arithmetic(self, device: str, asked: EnginePrecision | Literal["auto"]) -> EnginePrecision:
        """BF16 where the CPU has it, else FP32, unless told otherwise. 8-bit integers have to be compiled."""
        return backend.default_precision() if asked == "auto" or asked == "int8" else asked

    def compiled_in(self, asked: EnginePrecision) -> EnginePrecision:
        """FP16 is how weights are kept; the CPU then computes in the best that it has."""
        best = backend.default_precision()
        if asked == "bf16" and best != "bf16":
            raise UsageError("this CPU has no bf16", hint="Use --fp32")
        return best if asked == "fp16" else asked

    def open(self, spec: EngineSpec, contents: Sequence[bytes], device: str, *, latency: bool) -> Engine:
        """Compile IR or ONNX for this CPU (see `cgtool.backends.kind.Kind.open`)."""
        return backend.OpenVINOBackend(spec.source, spec.precision, latency=latency, engine=contents)

    def open_source(self, spec: EngineSpec, device: str, *, latency: bool) -> Engine:
        """Compile the generator's ONNX graph for this CPU (see `cgtool.backends.kind.Kind.open_source`)."""
        return backend.OpenVINOBackend(spec.source, spec.precision, latency=latency)

    def build(self, spec: EngineSpec, calibration: Sequence[Image], progress: Progress | None) -> Built:
        """Convert the graph, quantized for ``int8`` (see `cgtool.backends.kind.Kind.build`)."""
        from cgtool.backends.onnx.export import exported
        from cgtool.backends.openvino.ir import openvino_version, quantized, to_ir

        graph = exported(spec, half=False)
        (onnx,) = graph.contents
        model = quantized(onnx, calibration) if spec.precision == "int8" else onnx
        contents = to_ir(model, half=spec.precision != "fp32")
        return Built(contents, {**graph.versions, "openvino": openvino_version()})


KIND = OpenVINO()
