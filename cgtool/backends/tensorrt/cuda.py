"""CUDA as TensorRT needs it, from PyTorch: streams, events, memory, graphs. Tests put a stand-in in its place."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import torch
from torch import Tensor

from cgtool.errors import EngineError


class Cuda:
    """One GPU.

    Args:
        device: ``cuda`` or ``cuda:N``.

    Attributes:
        name: The GPU's.

    Raises:
        EngineError: PyTorch sees no such GPU.
    """

    def __init__(self, device: str) -> None:
        self._device = torch.device(device)
        if self._device.type != "cuda" or (self._device.index or 0) >= torch.cuda.device_count():
            raise EngineError(f"tensorrt: PyTorch sees no GPU {device}", hint="See https://pytorch.org/get-started")
        self.name = torch.cuda.get_device_name(self._device)

    def current(self) -> AbstractContextManager[object]:
        """TensorRT works on the thread's current device."""
        return torch.cuda.device(self._device)

    def stream(self) -> torch.cuda.Stream:
        """A stream of its own: on the default one TensorRT synchronises the whole device."""
        return torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]

    def event(self) -> torch.cuda.Event:
        """An event on which a thread sleeps, so that decoder and encoder have the CPU."""
        return torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call]

    def pinned(self, *shape: int) -> Tensor:
        """Bytes of the host's memory that the GPU copies from and to by itself."""
        return torch.empty(shape, dtype=torch.uint8, pin_memory=True)

    def empty(self, *shape: int) -> Tensor:
        """Bytes of the GPU's memory."""
        return torch.empty(shape, dtype=torch.uint8, device=self._device)

    def copy(self, target: Tensor, source: Tensor, stream: torch.cuda.Stream) -> None:
        """Copy when the stream gets there."""
        with torch.cuda.stream(stream):
            target.copy_(source, non_blocking=True)

    def capture(self, work: Callable[[], None], stream: torch.cuda.Stream) -> torch.cuda.CUDAGraph:
        """All that ``work`` puts on the stream, as a graph; nothing of it runs."""
        graph = torch.cuda.CUDAGraph()
        # The other modes fail if another thread, such as a decoder's, asks CUDA for memory meanwhile.
        with torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"):
            work()
        return graph

    def replay(self, graph: torch.cuda.CUDAGraph, stream: torch.cuda.Stream) -> None:
        """Put a graph's work on the stream."""
        with torch.cuda.stream(stream):
            graph.replay()

    def synchronize(self) -> None:
        """Wait for all work."""
        torch.cuda.synchronize(self._device)

    def release(self) -> None:
        """Return what PyTorch keeps for reuse, so that a smaller batch finds its memory in one piece."""
        torch.cuda.empty_cache()
