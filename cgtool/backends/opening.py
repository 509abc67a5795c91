"""Opening one engine, whichever it is. Imports its framework only then."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cgtool.backends.base import Backend, BackendInfo, GeneratorSource
from cgtool.backends.manifest import EngineFile, Shapes
from cgtool.config import EnginePrecision
from cgtool.errors import EngineError


@dataclass(frozen=True)
class Opened:
    """A backend that is ready, and how it came to be chosen.

    Attributes:
        backend: To be closed by the caller.
        reasons: One line for each engine that was considered: why it was refused, came later, or was chosen.
        warnings: What the user should know although it works.
        notes: What was done for it, and what would make it faster.
    """

    backend: Backend
    reasons: list[str]
    warnings: list[str]
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, eq=False)  # each is one of its own, as a key
class Candidate:
    """An engine that the request allows and the machine may have.

    Attributes:
        engine: What runs it.
        device: ``cpu`` or ``cuda:N``.
        precision: The arithmetic of its convolutions.
        file: The compiled engine; None for what needs none.
    """

    engine: Literal["torch", "openvino", "onnx", "tensorrt"]
    device: str
    precision: EnginePrecision
    file: EngineFile | None = None

    def __str__(self) -> str:
        name = "" if self.file is None else f" ({self.file.name})"
        return f"{self.engine} {self.device} {self.precision}{name}"


def open_candidate(source: GeneratorSource, candidate: Candidate, *, latency: bool) -> Opened:
    """Open an engine.

    Args:
        source: The generator.
        candidate: Which engine, where.
        latency: Frames come one at a time.

    Raises:
        EngineError: It can't be opened; another may be.
        ModelError: The source can't be loaded.
    """
    match candidate.engine:
        case "openvino":
            from cgtool.backends.openvino_backend import OpenVINOBackend

            contents = None if candidate.file is None else candidate.file.read()
            openvino = OpenVINOBackend(source, candidate.precision, latency=latency, engine=contents)
            return Opened(openvino, [], openvino.warnings, openvino.notes)
        case "onnx":
            from cgtool.backends.cache import Graph, onnx_graph
            from cgtool.backends.onnx_backend import ONNXBackend

            if candidate.file is not None:
                graph = Graph(candidate.file.read()[0], candidate.precision)
            else:
                graph = onnx_graph(source, half=False)
            backend = ONNXBackend(graph.onnx, label=source.label, precision=graph.precision, device=candidate.device)
            return Opened(backend, [], list(graph.warnings), list(graph.notes))
        case "tensorrt":
            from cgtool.backends.tensorrt_backend import TensorRTBackend

            assert candidate.file is not None
            assert candidate.file.manifest.shapes is not None
            tensorrt = TensorRTBackend(
                candidate.file.read()[0],
                label=source.label,
                device=candidate.device,
                precision=candidate.precision,
                shapes=candidate.file.manifest.shapes,
                version_compatible=bool(candidate.file.manifest.hardware.get("version_compatible")),
            )
            return Opened(tensorrt, [], tensorrt.warnings)
        case "torch":
            try:
                from cgtool.backends.torch_backend import TorchBackend
            except ImportError as error:
                hint = "Run: pip install 'cgtool[train]'"
                raise EngineError(f"torch can't be imported: {error}", hint=hint) from error
            return Opened(TorchBackend(source, candidate.device, candidate.precision), [], [])


class WithinProfile:
    """An engine for frames of certain sizes, and another one, opened when it is needed, for all others.

    Args:
        backend: For frames within the profile.
        shapes: The profile; batches of any size are the backend's own matter.
        open_other: Opens the other.

    Attributes:
        info: Of the one that ran last; of the first before that.
    """

    def __init__(self, backend: Backend, shapes: Shapes, open_other: Callable[[], Opened]) -> None:
        self._backend = backend
        self._shapes = shapes
        self._open_other = open_other
        self._other: Backend | None = None
        self.info: BackendInfo = backend.info

    def infer(self, frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Translate frames (see `cgtool.backends.base.Backend.infer`)."""
        _, height, width, _ = frames.shape
        if (self._shapes.opt[0], height, width) in self._shapes:
            self.info = self._backend.info
            return self._backend.infer(frames)
        if self._other is None:
            self._other = self._open_other().backend
        self.info = self._other.info
        other: NDArray[np.uint8] = self._other.infer(frames).copy()  # whoever owns it
        return other

    def close(self) -> None:
        """Release both."""
        self._backend.close()
        if self._other is not None:
            self._other.close()

    def __enter__(self) -> WithinProfile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
