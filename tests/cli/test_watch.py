"""`cgtool watch` as a shell sees it: what appears is converted, and Ctrl-C ends it."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

from cgtool.cli.watch import watch
from cgtool.conversion.request import WatchRequest
from tests.helpers.samples import numbered

COMMAND = [sys.executable, "-m", "cgtool", "watch", "in", "--to", "winter", "-o", "out", "--engine", "identity"]


def test_what_appears_is_converted_until_ctrl_c(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    clip = numbered(tmp_path / "a.mp4", 3)
    shutil.copy(clip, tmp_path / "in" / "first.mp4")
    command = [*COMMAND, "--settle", "0.1", "--json"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        first = json.loads(process.stdout.readline())
        shutil.copy(clip, tmp_path / "in" / "second.mp4")
        second = json.loads(process.stdout.readline())
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert [(row["input"], row["status"]) for row in (first, second)] == [
        ("in/first.mp4", "converted"),
        ("in/second.mp4", "converted"),
    ]
    assert "Traceback" not in errors


def test_every_option_is_one_of_the_requests() -> None:
    told = {"folder", "as_json", "progress", "quiet", "verbose", "debug", "config", "profile"}
    assert {option.name for option in watch.params} - told <= {one.name for one in fields(WatchRequest)}


def test_once_tells_a_line_per_file_and_a_second_run_none(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    numbered(tmp_path / "in" / "a.mp4", 3)
    for lines in (1, 0):
        done = subprocess.run([*COMMAND, "--once", "--settle", "0"], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert len(done.stdout.splitlines()) == lines
    (tmp_path / "in" / "bad.mp4").write_text("no video")
    done = subprocess.run([*COMMAND, "--once", "--settle", "0"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert "bad.mp4" in done.stderr
