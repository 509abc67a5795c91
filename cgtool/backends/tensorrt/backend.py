"""Runs engines of TensorRT and of TensorRT for RTX on NVIDIA GPUs: upload, compute and download at the same time.

A GPU has one engine that computes and two that copy, one for each direction. Frames go through in chunks, and each
chunk through three streams, one for each of the three. Two slots hold what a chunk needs on its way (double
buffering). So while chunk 2 is computed in one slot, chunk 1 leaves the other and chunk 3 enters it behind::

    uploads     1  2     3  4
    computes       1  2     3  4
    downloads         1  2     3  4
    slot        A  B     A  B

Events keep the order: a stream waits on the GPU for the event of the one before, and this thread waits only when it
needs a slot again whose chunk is still on its way back.

The code has not yet run on a GPU: ``make test-tensorrt`` proves it on a machine with one.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cgtool.backends.base import BackendInfo, Engine, closed, counted
from cgtool.backends.spec import Shape, Shapes
from cgtool.backends.tensorrt.bindings import FRAMES, OUTPUTS, Log, log_of
from cgtool.backends.tensorrt.cuda import Cuda
from cgtool.backends.tensorrt.library import TENSORRT, Library, Runner
from cgtool.config import EnginePrecision
from cgtool.errors import EngineError
from cgtool.pictures import Image, Size

if TYPE_CHECKING:
    import tensorrt  # its types are Any to mypy; the contract test checks names by them

_SLOTS = 2
_CHUNKS = 4
"""Chunks that an ``infer`` should be given: only the first upload and the last download are not hidden."""
_FOREIGN_PLAN = (
    "Run cgtool export --force: engines fit the GPU model and the TensorRT version that they were built with"
)


class _Slot:
    """One of the places that chunks take turns in, with all that a chunk needs on its way.

    It has an execution context of its own, because a CUDA graph holds its context's shapes and addresses.
    """

    def __init__(self, cuda: Cuda, context: tensorrt.IExecutionContext, output: str) -> None:
        self.context = context
        self.output = output  # its name
        self.uploaded, self.computed, self.downloaded = cuda.event(), cuda.event(), cuda.event()
        self.result: Image | None = None  # where the chunk that is under way is to go
        self.clear()

    def clear(self) -> None:
        """Drop graph and memory; the GPU must be done with them."""
        self.graph: torch.cuda.CUDAGraph | None = None
        self.warm = False  # a context's first run after a change of shape can't be captured
        self.host_in = self.host_out = self.device_in = self.device_out = torch.empty(0, dtype=torch.uint8)
        self.result = None

    def fit(self, cuda: Cuda, shape: Shape) -> bool:
        """Take memory for chunks of a shape; False if TensorRT refuses."""
        size = (*shape, 3)
        # One by one: what a failed line has already taken lives on in the exception's traceback.
        self.host_in = cuda.pinned(*size)
        self.host_out = cuda.pinned(*size)
        self.device_in = cuda.empty(*size)
        self.device_out = cuda.empty(*size)
        return bool(
            self.context.set_input_shape(FRAMES, size)
            and self.context.set_tensor_address(FRAMES, self.device_in.data_ptr())
            and self.context.set_tensor_address(self.output, self.device_out.data_ptr())
        )

    def collect(self) -> None:
        """Wait for the chunk, if one is under way, and hand it over."""
        if self.result is not None:
            self.downloaded.synchronize()
            self.result[:] = self.host_out.numpy()[: len(self.result)]
            self.result = None


class TensorRTBackend(Engine):
    """Runs a TensorRT engine.

    A batch goes through in chunks of the engine's best batch, in two slots that take turns. From the second chunk of a
    shape on, a slot replays a CUDA graph: one launch instead of one for each layer. TensorRT for RTX does so by itself.

    Args:
        engine: As `cgtool.backends.tensorrt.builder.build_engine` returns it.
        label: Its name in messages.
        device: ``cuda:N``.
        precision: The arithmetic of the graph that the engine was built from; for ``info``.
        shapes: The shapes that the engine was built for. A batch below the smallest is filled up.
        version_compatible: It was built so. It then holds code for the host, which is refused otherwise: an engine is
            to be trusted like a program.
        library: The package that built it.
        cache: A file in which TensorRT for RTX keeps what it compiles when the engine runs.

    Raises:
        EngineError: TensorRT or the GPU is missing, or the engine is of another GPU or version, or not what is said.
        OutOfMemoryError: The GPU's memory does not hold the engine.
    """

    def __init__(
        self,
        engine: bytes,
        *,
        label: str,
        device: str = "cuda:0",
        precision: EnginePrecision = "fp16",
        shapes: Shapes,
        version_compatible: bool = False,
        library: Library = TENSORRT,
        cache: Path | None = None,
    ) -> None:
        trt = library.load()
        self._kind, self._label, self._device, self._shapes = library.kind, label, device, shapes
        self._log: Log = log_of(trt)
        self._cuda = Cuda(device)
        self.info = BackendInfo(library.kind, f"{device} ({self._cuda.name})", precision, batch=_CHUNKS * shapes.opt[0])
        self.warnings: list[str] = []
        self._use_graphs = not library.captures
        self._runner: Runner | None = None
        self._shape: Shape | None = None  # of the chunks that the slots have memory for
        self._slots: list[_Slot] = []
        self._scratch: Tensor | None = None
        with self._cuda.current(), self._log.translated(f"{library.kind}: {label} can't be opened on {device}"):
            self._runtime: tensorrt.Runtime | None = trt.Runtime(self._log.sink)
            if version_compatible:
                self._runtime.engine_host_code_allowed = True
            self._engine: tensorrt.ICudaEngine | None = self._runtime.deserialize_cuda_engine(engine)
            if self._engine is None:
                raise self._log.failure(f"{library.kind}: {label} can't be opened on {device}", hint=_FOREIGN_PLAN)
            output = _check(self._engine, trt.DataType.UINT8, f"{library.kind}: {label}", shapes)
            self._uploads, self._computing, self._downloads = (self._cuda.stream() for _ in range(3))
            self._runner = library.runner(trt, self._engine, cache)
            for _ in range(_SLOTS):
                # The slots share scratch memory, of the size that the shape needs: they compute one after the other.
                context = self._runner.make()
                if context is None:
                    raise self._log.failure(f"{library.kind}: {label} can't be opened on {device}")
                self._slots.append(_Slot(self._cuda, context, output))

    def infer(self, frames: Image) -> NDArray[Any]:
        """Translate frames (see `cgtool.backends.base.Backend.infer`).

        Raises:
            EngineError: Also if the frames' height or width is outside the engine's shapes.
        """
        if self._engine is None:
            raise closed(self._kind)
        count, height, width, _ = frames.shape
        smallest, best = self._shapes.min[0], self._shapes.opt[0]
        if (best, height, width) not in self._shapes:
            size = Size(width, height)
            raise EngineError(
                f"{self._kind}: {self._label} can't take frames of {size}: it was built for {self._shapes}",
                hint="Run cgtool export with --min, --opt and --max around that size",
            )
        translated = np.empty(frames.shape, np.uint8)
        doing = f"{self._kind}: {self._label} failed on {self._device} ({counted(frames.shape)})"
        with self._cuda.current(), self._log.translated(doing):
            try:
                for index, start in enumerate(range(0, count, best)):
                    chunk = frames[start : start + best]
                    self._fit((max(len(chunk), smallest), height, width))
                    slot = self._slots[index % _SLOTS]
                    slot.collect()
                    self._start(slot, chunk, translated[start : start + best])
                self._collect()
            except BaseException:
                self._abandon()
                raise
        return translated

    def _fit(self, shape: Shape) -> None:
        """Prepare the slots for chunks of a shape."""
        if shape == self._shape:
            return
        self._collect()
        self._clear()  # before new memory is taken
        size = 0
        for slot in self._slots:
            if not slot.fit(self._cuda, shape):
                raise self._log.failure(f"{self._kind}: {self._label} refuses {counted(shape)}")
            size = max(size, slot.context.update_device_memory_size_for_shapes())
        self._scratch = self._cuda.empty(max(size, 1))
        for slot in self._slots:
            slot.context.set_device_memory(self._scratch.data_ptr(), size)
        self._shape = shape

    def _start(self, slot: _Slot, chunk: Image, result: Image) -> None:
        """Send a chunk on its way: three streams, each waiting for the one before."""
        slot.host_in.numpy()[: len(chunk)] = chunk  # what is left of a smallest batch is translated for nothing
        self._cuda.copy(slot.device_in, slot.host_in, self._uploads)
        slot.uploaded.record(self._uploads)
        self._computing.wait_event(slot.uploaded)
        self._compute(slot)
        slot.computed.record(self._computing)
        self._downloads.wait_event(slot.computed)
        self._cuda.copy(slot.host_out, slot.device_out, self._downloads)
        slot.downloaded.record(self._downloads)
        slot.result = result

    def _compute(self, slot: _Slot) -> None:
        def enqueue() -> None:
            if not slot.context.execute_async_v3(self._computing.cuda_stream):
                raise self._log.failure(f"{self._kind}: {self._label} failed on {self._device}")

        if slot.warm and slot.graph is None and self._use_graphs:
            try:
                slot.graph = self._cuda.capture(enqueue, self._computing)
            except (RuntimeError, EngineError) as error:
                self._use_graphs = False
                self.warnings.append(f"{self._kind}: {self._label} runs without CUDA graphs, somewhat slower: {error}")
        if slot.graph is None:
            enqueue()
        else:
            self._cuda.replay(slot.graph, self._computing)
        slot.warm = True

    def _collect(self) -> None:
        for slot in self._slots:
            slot.collect()

    def _clear(self) -> None:
        """Drop all that depends on the shape; the GPU must be done with it."""
        for slot in self._slots:
            slot.clear()
        self._scratch = self._shape = None

    def _abandon(self) -> None:
        """After a failure: what is under way uses the memory until it ends."""
        with contextlib.suppress(RuntimeError):  # after an error CUDA repeats it, and that one is being raised
            self._cuda.synchronize()
        self._clear()
        self._cuda.release()

    def close(self) -> None:
        """Release graphs, memory, contexts, engine and runtime, in this order."""
        if self._runtime is None:
            return
        with self._cuda.current():
            self._abandon()
            if self._runner is not None:
                self._runner.keep()
                self._runner = None
            self._slots.clear()
            self._engine = None
            self._runtime = None


def _check(engine: tensorrt.ICudaEngine, uint8: tensorrt.DataType, label: str, shapes: Shapes) -> str:
    """The output's name. Raise unless the engine is one of cgtool's and of these shapes."""
    names = {engine.get_tensor_name(index) for index in range(engine.num_io_tensors)}
    outputs = [name for name in names if name in OUTPUTS]
    if names != {FRAMES, *outputs} or len(outputs) != 1 or any(engine.get_tensor_dtype(n) != uint8 for n in names):
        known = " or ".join(OUTPUTS)
        raise EngineError(
            f"{label} is no engine of cgtool's: it must take and give uint8, as {FRAMES} and {known}",
            hint="Run cgtool export --force",
        )
    profile = [tuple(shape) for shape in engine.get_tensor_profile_shape(FRAMES, 0)]
    if profile != [(*shape, 3) for shape in (shapes.min, shapes.opt, shapes.max)]:
        raise EngineError(f"{label} was built for {profile}, not for {shapes}", hint="Run cgtool export --force")
    return str(outputs[0])
