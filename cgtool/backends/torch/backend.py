"""PyTorch, on the CPU, on NVIDIA GPUs and, never run yet, on Apple's."""

from __future__ import annotations

import copy
from typing import Any, cast

import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.backends import cudnn

from cgtool.backends import machine
from cgtool.backends.base import BackendInfo, Engine, GeneratorSource, closed, counted, out_of_memory
from cgtool.backends.torch.graph import FrameGraph, graph_around, reduce_precision
from cgtool.config import EnginePrecision
from cgtool.errors import EngineError, first_line
from cgtool.pictures import Image

_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
_OUT_OF_MEMORY = ("DefaultCPUAllocator", "out of memory", "ALLOC_FAILED")
"""Words of PyTorch, CUDA, cuBLAS and cuDNN in the RuntimeError of a memory that ran out."""


class TorchBackend(Engine):
    """Runs the generator as PyTorch does.

    Args:
        source: The generator.
        device: ``cpu``, ``cuda:N`` or ``mps``.
        precision: fp16 is for GPUs alone; bf16 on a CPU is fast only if it multiplies bfloat16 in hardware.

    Raises:
        EngineError: The device is not there, or can't have the precision.
        ModelError: The source can't be loaded.
    """

    def __init__(self, source: GeneratorSource, device: str = "cpu", precision: EnginePrecision = "fp32") -> None:
        self._label = source.label
        self._device = torch.device(device)
        on_cpu, on_cuda = self._device.type == "cpu", self._device.type == "cuda"
        if precision not in _DTYPES:
            raise EngineError(f"torch: no precision {precision!r}", hint="Use fp32, bf16 or fp16")
        if on_cpu and precision == "fp16":
            raise EngineError("torch: CPUs have no fast fp16", hint="Use --precision bf16 or fp32")
        if self._device.type == "mps" and not torch.backends.mps.is_available():
            raise EngineError("torch: mps can't be used, this PyTorch finds no GPU of Apple's", hint="Use --device cpu")
        if on_cuda and (self._device.index or 0) >= torch.cuda.device_count():
            reason = "this PyTorch sees no such device" if torch.version.cuda else "this PyTorch is built without CUDA"
            raise EngineError(f"torch: {device} can't be used, {reason}", hint="See https://pytorch.org/get-started")

        # Measured: on CPUs oneDNN's own blocked layout is 10-30% faster from NCHW, and instance norm copies NHWC.
        # Tensor cores work in NHWC.
        layout = torch.channels_last if on_cuda else torch.contiguous_format
        dtype = _DTYPES[precision]
        generator = copy.deepcopy(source.load())  # it is cast and moved, and the source may give it again
        if precision != "fp32":
            generator = reduce_precision(generator, dtype)
        graph = graph_around(generator, source.stride, source.cell, dtype, layout)
        try:
            self._graph: FrameGraph | None = graph.to(self._device).to(memory_format=layout)
            self._stream = torch.cuda.Stream(self._device) if on_cuda else None  # type: ignore[no-untyped-call]
        except RuntimeError as error:
            raise self._translated(error, "opening") from error
        name = torch.cuda.get_device_name(self._device) if on_cuda else machine.cpu_name()
        # A batch gains nothing on a CPU; on a GPU it fills the small feature maps' launches.
        self.info = BackendInfo("torch", f"{device} ({name})", precision, batch=1 if on_cpu else 4)

    def infer(self, frames: Image) -> NDArray[Any]:
        """Translate frames (see `cgtool.backends.base.Backend.infer`)."""
        if self._graph is None:
            raise closed("torch")
        # PyTorch warns of arrays that can't be written, although nothing writes them.
        batch = torch.from_numpy(frames if frames.flags.writeable else frames.copy())
        try:
            with torch.inference_mode():
                if self._stream is None:
                    result = self._graph(batch.to(self._device)).cpu()
                else:
                    result = self._on_gpu(self._graph, self._stream, batch)
        except (RuntimeError, MemoryError) as error:
            raise self._translated(error, counted(frames.shape)) from error
        return cast(NDArray[Any], result.numpy())

    def _on_gpu(self, graph: FrameGraph, stream: torch.cuda.Stream, batch: Tensor) -> Tensor:
        # PyTorch keeps a pool of pinned memory and reuses a block once its tensor is gone and its copies are done: the
        # result is the caller's, and yet memory is pinned only for the first frames.
        flags = cudnn.flags(enabled=True, benchmark=True, allow_tf32=False)  # fp32 means FP32
        with torch.cuda.stream(stream), flags:
            result = graph(batch.pin_memory().to(self._device, non_blocking=True))
            host = torch.empty(result.shape, dtype=result.dtype, pin_memory=True)
            host.copy_(result, non_blocking=True)
            stream.synchronize()
        return host

    def _translated(self, error: RuntimeError | MemoryError, doing: str) -> EngineError:
        words = first_line(error)
        if isinstance(error, (MemoryError, torch.OutOfMemoryError)) or any(
            sign in str(error) for sign in _OUT_OF_MEMORY
        ):
            if self._device.type == "cuda":
                torch.cuda.empty_cache()  # so that a smaller batch finds its memory in one piece
            return out_of_memory(f"torch: {self._device} ran out of memory ({self._label}, {doing}): {words}")
        return EngineError(f"torch: {self._label} failed on {self._device} ({doing}): {words}")

    def close(self) -> None:
        """Release the network; on CUDA also the memory that PyTorch keeps for reuse."""
        if self._graph is not None and self._device.type == "cuda":
            self._graph = None
            torch.cuda.empty_cache()
        self._graph = None
