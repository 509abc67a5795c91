"""PyTorch among the kinds of engines: it runs the network itself, and is what all others are compared with."""

from __future__ import annotations

from typing import Literal

from cgtool.backends import machine
from cgtool.backends.base import Engine
from cgtool.backends.kind import Kind
from cgtool.backends.spec import EngineSpec
from cgtool.config import EnginePrecision
from cgtool.errors import EngineError


class Torch(Kind):
    """The network as PyTorch runs it."""

    def arithmetic(self, device: str, asked: EnginePrecision | Literal["auto"]) -> EnginePrecision:
        """FP16 on NVIDIA's GPUs, BF16 on a CPU that multiplies it in hardware, else FP32, unless told otherwise."""
        if asked != "auto" and asked != "int8":
            return asked
        if device == "mps":  # where nobody could compare them yet
            return "fp32"
        if device != "cpu":
            return "fp16"
        return "bf16" if machine.cpu_has_bf16() else "fp32"

    def problem(self, spec: EngineSpec, device: str) -> str | None:
        """CPUs compute FP16 slower than FP32."""
        return "CPUs have no fast fp16" if device == "cpu" and spec.precision == "fp16" else None

    def open_source(self, spec: EngineSpec, device: str, *, latency: bool) -> Engine:
        """Load the network (see `cgtool.backends.kind.Kind.open_source`)."""
        try:
            from cgtool.backends.torch.backend import TorchBackend
        except ImportError as error:
            raise EngineError(f"torch can't be imported: {error}", hint="Run: pip install 'cgtool[train]'") from error
        return TorchBackend(spec.source, device, spec.precision)


KIND = Torch()
