"""Signals as a request to stop."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from cgtool.training.interruption import Interruption


def test_the_first_signal_asks_and_a_second_ctrl_c_ends() -> None:
    before = signal.getsignal(signal.SIGINT)
    interruption = Interruption()
    with interruption.watch():
        assert interruption.signal == 0
        os.kill(os.getpid(), signal.SIGTERM)
        assert interruption.signal == signal.SIGTERM
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_other_threads_have_no_signals() -> None:
    entered = []

    def watch() -> None:
        with Interruption().watch():
            entered.append(True)

    thread = threading.Thread(target=watch)
    thread.start()
    thread.join()
    assert entered == [True]
