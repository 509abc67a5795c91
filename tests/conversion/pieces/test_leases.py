"""Leases: one holder at a time, and none once it is gone."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from cgtool.conversion.pieces import leases
from cgtool.conversion.pieces.leases import holder, is_abandoned, take

HOLD = """
import sys
from pathlib import Path
from cgtool.conversion.pieces.leases import take
lease = take(Path(sys.argv[1]))
print("taken", flush=True)
sys.stdin.read()
"""


def test_one_holder_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "a.lease"
    lease = take(path)
    assert lease is not None
    assert lease.is_held
    assert take(path) is None
    assert not is_abandoned(path)
    assert holder(path).startswith(f"process {os.getpid()} on ")
    lease.release()
    lease.release()
    assert list(tmp_path.iterdir()) == []
    with take(path) or pytest.fail("it is free") as again:
        assert again.is_held
    assert list(tmp_path.iterdir()) == []


def test_what_a_dead_process_held_is_free_at_once(tmp_path: Path) -> None:
    path = tmp_path / "a.lease"
    command = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "taken\n"
        assert take(path) is None
        process.kill()
        process.wait()
    assert is_abandoned(path)
    lease = take(path)
    assert lease is not None
    lease.release()


def foreign(path: Path, age: float) -> None:
    """A lease of another machine, last touched so many seconds ago."""
    path.write_text('{"machine": "elsewhere/1", "process": 7}')
    now = path.stat().st_mtime
    os.utime(path, (now - age, now - age))


def test_another_machines_heart_is_listened_to(tmp_path: Path) -> None:
    path = tmp_path / "a.lease"
    foreign(path, age=10)
    assert take(path) is None
    assert holder(path) == "process 7 on elsewhere"
    foreign(path, age=60)
    lease = take(path)
    assert lease is not None
    lease.release()


def test_a_heart_beats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "HEARTBEAT_SECONDS", 0.01)
    beats, path = threading.Event(), tmp_path / "a.lease"
    monkeypatch.setattr(os, "utime", lambda _: beats.set())
    lease = take(path)
    assert lease is not None
    assert beats.wait(30)
    lease.release()


def test_who_slept_too_long_has_lost_it(tmp_path: Path) -> None:
    path = tmp_path / "a.lease"
    sleeper = take(path)
    assert sleeper is not None
    path.unlink()
    other = take(path)
    assert other is not None
    assert not sleeper.is_held
    sleeper.release()
    assert other.is_held, "what another holds is not removed"
    other.release()


def test_what_is_not_there(tmp_path: Path) -> None:
    assert not is_abandoned(tmp_path / "absent.lease")
    assert holder(tmp_path / "absent.lease") == "another process"
    with pytest.raises(FileNotFoundError):
        take(tmp_path / "absent" / "a.lease")
