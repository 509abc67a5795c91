"""A stand-in for CUDA: streams whose work is done late, at once or in any order that events allow.

Memory is the host's. A stream's work runs when somebody waits for it (``late``), as soon as it is enqueued (``eager``)
or at random between (a seed): code that leaves out an event or reuses memory too early gives wrong frames in one of
these.
"""

from __future__ import annotations

import contextlib
import random
import weakref
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor

Work = Callable[[], None]


def nothing() -> None:
    """Work that is done."""


class Stream:
    """Work in order. ``cuda_stream`` is its handle, as PyTorch's has one."""

    def __init__(self, gpu: Gpu) -> None:
        self._gpu = gpu
        self.work: list[Work] = []
        self.done = 0
        gpu.streams.append(self)
        self.cuda_stream = len(gpu.streams)  # not 0, which is the default stream's

    def put(self, work: Work) -> None:
        self.work.append(work)
        self._gpu.enqueued()

    def run(self, until: int) -> None:
        while self.done < until:
            work, self.work[self.done] = self.work[self.done], nothing  # done work holds no memory
            self.done += 1
            work()

    def wait_event(self, event: Event) -> None:
        stream, mark = event.stream, event.mark
        self.put(lambda: stream.run(mark) if stream is not None else None)


class Event:
    def __init__(self, gpu: Gpu) -> None:
        self._gpu = gpu
        self.stream: Stream | None = None
        self.mark = 0

    def record(self, stream: Stream) -> None:
        self.stream, self.mark = stream, len(stream.work)

    def synchronize(self) -> None:
        self._gpu.calls.append(("synchronize",))
        if self.stream is not None:
            self.stream.run(self.mark)


class Graph:
    def __init__(self, work: list[Work], calls: list[tuple[Any, ...]]) -> None:
        self.work = work
        weakref.finalize(self, calls.append, ("~Graph",)).atexit = False


class Gpu:
    """Takes the place of `cgtool.backends.tensorrt.cuda.Cuda`.

    Attributes:
        order: ``late``, ``eager`` or a seed.
        memory_bytes: How much there is.
        capture_error: What capturing a graph fails with, if anything.
        calls: What was called, in order, shared with the scenario.
        captured, replayed: How many graphs.
    """

    name = "stand-in GPU"

    def __init__(self, calls: list[tuple[Any, ...]], order: str | int = "late", memory_bytes: int = 2**40) -> None:
        self.order, self.memory_bytes, self.calls = order, memory_bytes, calls
        self.capture_error: Exception | None = None
        self.capturing = False
        self.captured = self.replayed = 0
        self.streams: list[Stream] = []
        self._recording: list[Work] = []
        self._random = random.Random(order)
        self._tensors: weakref.WeakValueDictionary[int, Tensor] = weakref.WeakValueDictionary()

    def enqueued(self) -> None:
        if self.order == "eager":
            for stream in self.streams:
                stream.run(len(stream.work))
        elif self.order != "late":
            for stream in self._random.choices(self.streams, k=2):
                stream.run(min(len(stream.work), stream.done + 1))

    def negative(self, target: int, source: int, shape: tuple[int, ...] | None, handle: int) -> None:
        """What the stand-in's engines compute, into and from memory known by its address."""
        output, frames = self._tensors[target], self._tensors[source]
        assert frames.shape == output.shape == shape

        def work() -> None:
            output.copy_(255 - frames)

        if self.capturing:
            self._recording.append(work)
        else:
            self.streams[handle - 1].put(work)

    # As Cuda has them

    def current(self) -> AbstractContextManager[object]:
        return contextlib.nullcontext()

    def stream(self) -> Stream:
        return Stream(self)

    def event(self) -> Event:
        return Event(self)

    def pinned(self, *shape: int) -> Tensor:
        return torch.zeros(shape, dtype=torch.uint8)

    def empty(self, *shape: int) -> Tensor:
        held = sum(tensor.numel() for tensor in self._tensors.values())
        tensor = torch.zeros(shape, dtype=torch.uint8)
        if held + tensor.numel() > self.memory_bytes:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1.00 GiB")
        self._tensors[tensor.data_ptr()] = tensor
        return tensor

    def copy(self, target: Tensor, source: Tensor, stream: Stream) -> None:
        direction = "upload" if target.data_ptr() in self._tensors else "download"
        self.calls.append((direction, source.data_ptr(), target.data_ptr(), tuple(source.shape)))
        stream.put(lambda: (target.copy_(source), None)[1])

    def capture(self, work: Work, stream: Stream) -> Graph:
        self.synchronize()  # as PyTorch does
        if self.capture_error is not None:
            raise self.capture_error
        self.capturing, self._recording = True, []
        try:
            work()
        finally:
            self.capturing = False
        self.captured += 1
        captured, self._recording = self._recording, []
        return Graph(captured, self.calls)

    def replay(self, graph: Graph, stream: Stream) -> None:
        self.replayed += 1
        for work in graph.work:
            stream.put(work)

    def synchronize(self) -> None:
        for stream in self.streams:
            stream.run(len(stream.work))

    def release(self) -> None:
        self.calls.append(("release",))
