"""Signals become exceptions, and none is lost."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

PROGRAM = """
import signal, time
from cgtool.cli import app

class Closing:
    def __del__(self):
        signal.raise_signal({signal})
        time.sleep(0)

def command(standalone_mode):
    Closing()
    time.sleep(60)

app.cli.main = command
app.main()
"""

FAILING = """
from cgtool.cli import signals

class Closing:
    def __del__(self):
        1 / 0

signals.raise_as_exceptions()
Closing()
"""


@pytest.mark.parametrize(("number", "code", "told"), [(signal.SIGINT, 130, ""), (signal.SIGTERM, 143, "SIGTERM")])
def test_a_signal_while_an_object_is_thrown_away_is_not_lost(number: signal.Signals, code: int, told: str) -> None:
    program = PROGRAM.format(signal=int(number))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=50)
    assert done.returncode == code
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert "ignored" not in done.stderr


def test_other_exceptions_that_python_drops_are_told_as_always() -> None:
    done = subprocess.run([sys.executable, "-c", FAILING], capture_output=True, text=True, timeout=50)
    assert done.returncode == 0
    assert "ZeroDivisionError" in done.stderr
