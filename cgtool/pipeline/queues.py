"""A first-in, first-out queue between two threads, bounded in bytes."""

from __future__ import annotations

import threading
from collections import deque
from typing import Generic, Protocol, TypeVar


class Sized(Protocol):
    """Anything that knows how much memory it holds."""

    @property
    def nbytes(self) -> int:
        """Bytes of memory."""
        ...


T = TypeVar("T", bound=Sized)


class Stopped(Exception):
    """The pipeline is being stopped: the thread that sees this ends."""


class ByteQueue(Generic[T]):
    """Passes items from one thread to the next, in order.

    Args:
        limit_bytes: ``put`` waits while the items inside would exceed this. One item always fits, however large.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._items: deque[T] = deque()
        self._bytes = 0
        self._closed = False
        self._stopped = False
        self._changed = threading.Condition()

    def put(self, item: T) -> None:
        """Add an item, waiting for room.

        Raises:
            Stopped: ``stop`` was called.
        """
        size = item.nbytes
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or not self._items or self._bytes + size <= self._limit)
            if self._stopped:
                raise Stopped
            self._items.append(item)
            self._bytes += size
            self._changed.notify_all()

    def get(self) -> T | None:
        """Take the next item, waiting for one; None once the queue is closed and empty.

        Raises:
            Stopped: ``stop`` was called.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or self._items or self._closed)
            if self._stopped:
                raise Stopped
            if not self._items:
                return None
            item = self._items.popleft()
            self._bytes -= item.nbytes
            self._changed.notify_all()
            return item

    def close(self) -> None:
        """Say that no more items will come."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def stop(self) -> None:
        """Wake both sides with ``Stopped`` and let go of what is inside."""
        with self._changed:
            # Items may be frames of 4K: their memory is given back at once, not when the queue goes.
            self._stopped = True
            self._items.clear()
            self._bytes = 0
            self._changed.notify_all()
