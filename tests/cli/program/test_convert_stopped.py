"""A conversion that is stopped leaves nothing: no file, no process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.test_convert import COMMAND, names


def children_of(process: int) -> set[int]:
    found = set()
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has ended meanwhile
        if int(fields[1]) == process:
            found.add(int(entry.parent.name))
    return found


@pytest.fixture
def running(bunny: Path, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A conversion that would go on for minutes, with its encoder at work."""
    command = [*COMMAND, str(bunny), "--to", "winter", "-o", "out.mp4", "--engine", "identity", "--preset", "veryslow"]
    process = subprocess.Popen(
        command, cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    )
    deadline = time.monotonic() + 30
    while not children_of(process.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.5)
    yield process
    process.kill()
    process.communicate()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(
    ("number", "to_group", "code"),
    [(signal.SIGINT, False, 130), (signal.SIGINT, True, 130), (signal.SIGTERM, False, 143)],
)
def test_stopping_leaves_nothing(
    running: subprocess.Popen[bytes], tmp_path: Path, number: signal.Signals, to_group: bool, code: int
) -> None:
    children = children_of(running.pid)
    assert children, "the encoder runs"
    assert running.poll() is None
    begin = time.monotonic()
    if to_group:
        os.killpg(running.pid, number)
    else:
        running.send_signal(number)
    _, errors = running.communicate(timeout=20)
    assert running.returncode == code
    assert time.monotonic() - begin < 10
    assert b"Traceback" not in errors
    assert names(tmp_path) == []
    assert not any(Path(f"/proc/{child}").exists() for child in children)
