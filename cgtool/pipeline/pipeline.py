"""A source, stages and a sink, each in a thread of its own, joined by ordered queues that are bounded in bytes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from cgtool.pipeline.queues import ByteQueue, Sized, Stopped

T = TypeVar("T", bound=Sized)

_POLL_SECONDS = 0.1
_JOIN_SECONDS = 5.0
_MIB = 1024 * 1024


@dataclass(frozen=True)
class Stage(Generic[T]):
    """Work between source and sink.

    Attributes:
        name: For the thread and the busy times.
        process: Takes up to ``batch`` items in order and returns as many, in the same order.
        batch: How many items it likes at once. Fewer come only at the end.
    """

    name: str
    process: Callable[[list[T]], list[T]]
    batch: int = 1


@dataclass
class Progress:
    """A pipeline's state so far.

    Attributes:
        items: Items that left the sink.
        busy_seconds: Time each part has spent working, not waiting, by name.
    """

    items: int = 0
    busy_seconds: dict[str, float] = field(default_factory=dict)


class Pipeline(Generic[T]):
    """Runs a source through stages into a sink.

    Args:
        source: Gives the items; iterated in its own thread.
        stages: The work on them, in order.
        sink: Takes the items in order.
        interrupt: Called once when the pipeline stops before its end, so that a stage which waits outside of Python
            (for a child process, say) comes back. May be called while other threads work.
        names: Names of source and sink.
        queue_bytes: Bound of each queue.
    """

    def __init__(
        self,
        source: Iterable[T],
        stages: Sequence[Stage[T]],
        sink: Callable[[T], None],
        *,
        interrupt: Callable[[], None] = lambda: None,
        names: tuple[str, str] = ("decode", "encode"),
        queue_bytes: int = 64 * _MIB,
    ) -> None:
        self._interrupt = interrupt
        self._queues: list[ByteQueue[T]] = [ByteQueue(queue_bytes) for _ in range(len(stages) + 1)]
        self._progress = Progress(busy_seconds=dict.fromkeys([names[0], *(s.name for s in stages), names[1]], 0.0))
        self._error: BaseException | None = None
        self._stopped = False
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._threads = [self._thread(names[0], self._run_source, names[0], source)]
        for number, stage in enumerate(stages):
            self._threads.append(self._thread(stage.name, self._run_stage, stage, number))
        self._threads.append(self._thread(names[1], self._run_sink, names[1], sink))

    def _thread(self, name: str, target: Callable[..., None], *arguments: object) -> threading.Thread:
        def guarded() -> None:
            if self._stopped:
                return  # stopped while it was being started
            try:
                target(*arguments)
            except Stopped:
                pass  # another thread's error or the caller's wish; it is told there
            except BaseException as error:
                self._fail(error)
            finally:
                self._wake.set()

        # Daemons: a thread that hangs in foreign code must not keep an interrupted program alive.
        return threading.Thread(target=guarded, name=f"cgtool-{name}", daemon=True)

    def _fail(self, error: BaseException) -> None:
        with self._lock:
            if self._error is None:
                self._error = error
        self._stop()

    def _stop(self) -> None:
        self._stopped = True
        for queue in self._queues:
            queue.stop()

    def _run_source(self, name: str, source: Iterable[T]) -> None:
        items = iter(source)
        while (item := self._timed(name, lambda: next(items, None))) is not None:
            self._queues[0].put(item)
            del item  # or the queues' bound is exceeded by one item a thread
        self._queues[0].close()

    def _run_stage(self, stage: Stage[T], number: int) -> None:
        incoming, outgoing = self._queues[number : number + 2]
        ended = False
        while not ended:
            batch: list[T] = []
            while len(batch) < stage.batch and not ended:
                item = incoming.get()
                if item is None:
                    ended = True
                else:
                    batch.append(item)
                del item
            if batch:
                for item in self._timed(stage.name, lambda batch=batch: stage.process(batch)):  # type: ignore[misc]
                    outgoing.put(item)
        outgoing.close()

    def _run_sink(self, name: str, sink: Callable[[T], None]) -> None:
        while (item := self._queues[-1].get()) is not None:
            self._timed(name, lambda item=item: sink(item))  # type: ignore[misc]
            self._progress.items += 1
            del item

    _R = TypeVar("_R")

    def _timed(self, name: str, work: Callable[[], _R]) -> _R:
        begin = time.perf_counter()
        result = work()
        self._progress.busy_seconds[name] += time.perf_counter() - begin
        return result

    def run(self) -> Generator[Progress, None, None]:
        """Run to the end, giving the progress about ten times a second and at the end.

        Leaving the loop early (or an exception in it, such as KeyboardInterrupt) stops all threads.

        Raises:
            BaseException: Whatever a source, stage or sink raised first.
        """
        # The caller's thread only watches. It wakes ten times a second, so that Ctrl-C is heard, which Python delivers
        # between two instructions of the main thread.
        try:
            for thread in self._threads:
                thread.start()
            while any(thread.is_alive() for thread in self._threads) and self._error is None:
                self._wake.wait(_POLL_SECONDS)
                self._wake.clear()
                yield self._progress
            if self._error is not None:
                raise self._error
            yield self._progress
        finally:
            self._stop()
            # A thread that waits for a queue is woken by that; one that waits for a child process by ``interrupt``. One
            # that hangs in foreign code is left behind.
            if any(thread.is_alive() for thread in self._threads):
                self._interrupt()
                deadline = time.monotonic() + _JOIN_SECONDS
                for thread in filter(threading.Thread.is_alive, self._threads):
                    thread.join(max(0.0, deadline - time.monotonic()))
