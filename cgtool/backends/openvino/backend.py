"""OpenVINO, on CPUs: the fastest engine there. Never imports PyTorch once the graph is cached."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from cgtool.backends import machine
from cgtool.backends.base import BackendInfo, Engine, GeneratorSource, closed, counted, last_words, out_of_memory
from cgtool.backends.onnx.graphs import onnx_graph
from cgtool.config import EnginePrecision, cache_dir
from cgtool.errors import EngineError
from cgtool.openvino_core import core, import_openvino
from cgtool.pictures import Image

_HINTS = {"fp32": "f32", "bf16": "bf16"}
_MOST_STREAMS = 8
"""Each stream holds a frame's activations; more cores than this share streams instead."""


class OpenVINOBackend(Engine):
    """Runs the generator's ONNX graph in OpenVINO's CPU plugin.

    Frames are spread over streams, one per core: as fast as all cores on one frame when the machine is otherwise idle,
    and 20-40% faster while a decoder and an encoder work beside it, since no core waits for the others at each layer.

    Args:
        source: The generator.
        precision: ``auto`` is bf16 where the CPU has it, else fp32.
        latency: All cores work on one frame: for photographs, which come one at a time.
        engine: A compiled engine's files, as `cgtool.backends.manifest.EngineFile.read` gives them: xml and bin. None
            for the source's ONNX graph.

    Raises:
        EngineError: OpenVINO is not installed, can't have the precision or refuses the graph.
        ModelError: The source can't be loaded.
    """

    def __init__(
        self,
        source: GeneratorSource,
        precision: EnginePrecision | Literal["auto"] = "auto",
        *,
        latency: bool = False,
        engine: Sequence[bytes] | None = None,
    ) -> None:
        openvino = import_openvino()
        best = default_precision()
        if precision == "auto":
            precision = best
        arithmetic = best if precision == "int8" else precision
        if arithmetic not in _HINTS or (arithmetic == "bf16" and best != "bf16"):
            raise EngineError(f"openvino: this CPU has no {precision}", hint="Use --precision fp32")
        if precision == "int8" and engine is None:
            raise EngineError("openvino: there is no int8 engine", hint="Run cgtool export --int8 --calibration DIR")

        cpus = machine.usable_cpus()
        self._label = source.label
        self._source, self._dtype = source, np.uint8 if source.maps is None else np.float32
        self._streams = 1 if latency else min(cpus, _MOST_STREAMS)
        self._properties = {
            "INFERENCE_PRECISION_HINT": _HINTS[arithmetic],
            "PERFORMANCE_HINT": "LATENCY" if latency else "THROUGHPUT",
            "NUM_STREAMS": self._streams,
            "INFERENCE_NUM_THREADS": cpus,
        }
        self.notes: list[str] = []
        self.warnings: list[str] = []
        if engine is None:
            graph = onnx_graph(source)
            engine = [graph.onnx]
            self.notes, self.warnings, self.promise = list(graph.notes), list(graph.warnings), graph.promise
        blobs = cache_dir() / "openvino"
        with contextlib.suppress(OSError):  # without blobs each start compiles anew: 0.1 s
            blobs.mkdir(parents=True, exist_ok=True)
            self._properties["CACHE_DIR"] = str(blobs)
        self._core = core()
        self._tensor = openvino.Tensor
        try:
            self._model = self._core.read_model(*engine)
            self._requests = self._compile()
        except RuntimeError as error:
            raise EngineError(f"openvino: {self._label} can't be compiled: {last_words(error)}") from error
        # Several frames per stream, because a stream that is done waits for the batch's last frame.
        batch = 1 if latency else 4 * self._streams
        self.info = BackendInfo("openvino", f"cpu ({machine.cpu_name()})", precision, batch)

    def _compile(self) -> list[Any]:
        """One inference request per stream."""
        compiled = self._core.compile_model(self._model, "CPU", self._properties)
        return [compiled.create_infer_request() for _ in range(self._streams)]

    def infer(self, frames: Image) -> NDArray[Any]:
        """Translate frames (see `cgtool.backends.base.Backend.infer`)."""
        if self._model is None:
            raise closed("openvino")
        try:
            return self._run(frames)
        except (RuntimeError, MemoryError) as error:
            raise self._translated(error, frames.shape) from error

    def _run(self, frames: Image) -> NDArray[Any]:
        translated = np.empty(self._source.shape_of(frames.shape), self._dtype)
        self._requests = requests = self._requests or self._compile()
        try:
            for index in range(len(frames)):
                request = requests[index % len(requests)]
                if index >= len(requests):
                    request.wait()
                request.set_output_tensor(self._tensor(translated[index : index + 1], shared_memory=True))
                request.start_async({0: frames[index : index + 1]}, share_inputs=True)
            for request in requests[: len(frames)]:
                request.wait()
        except BaseException:
            # All are replaced: a request that failed in the middle of a graph leaves shapes behind in it that make
            # the next frames fail too. The others write into `translated` until they end.
            self._requests = []
            for request in requests:
                with contextlib.suppress(RuntimeError):
                    request.wait()
            raise
        return translated

    def _translated(self, error: RuntimeError | MemoryError, shape: tuple[int, ...]) -> EngineError:
        words, size = last_words(error), counted(shape)
        if isinstance(error, MemoryError) or "Failed to allocate" in words or "bad alloc" in words.replace("_", " "):
            return out_of_memory(f"openvino: out of memory ({self._label}, {size}): {words}")
        return EngineError(f"openvino: {self._label} failed ({size}): {words}")

    def close(self) -> None:
        """Release the compiled network."""
        self._requests = []
        self._model = None


def default_precision() -> Literal["fp32", "bf16"]:
    """``bf16`` where OpenVINO finds it in the CPU, else ``fp32``.

    Raises:
        EngineError: OpenVINO is not installed.
    """
    capabilities = core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return "bf16" if "BF16" in capabilities else "fp32"
