"""Ctrl-C, SIGTERM and a closed terminal as exceptions in the main thread."""

from __future__ import annotations

import math
import signal
import sys
import threading
import time
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

from cgtool.errors import Terminated

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

_CLEANUP_SECONDS = 6.0
_AGAIN_SECONDS = 0.02
_interrupted_at = -math.inf


def raise_as_exceptions() -> None:
    """From now on SIGINT raises KeyboardInterrupt, SIGTERM and SIGHUP raise `Terminated`."""
    signal.signal(signal.SIGTERM, _on_sigterm)
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) == signal.SIG_DFL:  # ignored under nohup
        signal.signal(signal.SIGHUP, _on_sigterm)  # the terminal was closed
    # A shell script's `cgtool ... &` starts with SIGINT ignored; `kill -INT` must stop it cleanly all the same.
    signal.signal(signal.SIGINT, _on_sigint)
    sys.unraisablehook = _on_unraisable


def _on_sigint(number: int, frame: FrameType | None) -> None:
    """Raise KeyboardInterrupt, but not again while the first one is cleaned up after: people press Ctrl-C twice."""
    global _interrupted_at
    now = time.monotonic()
    if now - _interrupted_at > _CLEANUP_SECONDS:
        _interrupted_at = now
        raise KeyboardInterrupt


def _on_sigterm(number: int, frame: FrameType | None) -> NoReturn:
    raise Terminated(f"stopped by {signal.Signals(number).name}")


def _on_unraisable(lost: UnraisableHookArgs) -> None:
    """Send a signal once more whose exception came while an object was thrown away: Python drops what is raised there.

    The importer's locks end in such a place, so that a Ctrl-C in the first second could be lost.
    """
    global _interrupted_at
    if issubclass(lost.exc_type, KeyboardInterrupt):
        _interrupted_at = -math.inf
        number = signal.SIGINT
    elif issubclass(lost.exc_type, Terminated):
        number = signal.SIGTERM
    else:
        sys.__unraisablehook__(lost)
        return
    threading.Timer(_AGAIN_SECONDS, _send, (number,)).start()


def _send(number: signal.Signals) -> None:
    """Send the main thread a signal, which ends its sleep where the system has a way to."""
    if hasattr(signal, "pthread_kill") and (main := threading.main_thread().ident):
        signal.pthread_kill(main, number)
    else:
        signal.raise_signal(number)
