"""SIGINT and SIGTERM as a request to stop after the step."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interruption:
    """The first signal asks for a stop, a second Ctrl-C ends the program at once.

    Attributes:
        signal: The signal's number, 0 if none came.
    """

    def __init__(self) -> None:
        self.signal = 0

    @contextmanager
    def watch(self) -> Iterator[None]:
        """Handle SIGINT and SIGTERM; outside the main thread, where Python has no signals, do nothing."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self._note) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.signal and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.signal = number
