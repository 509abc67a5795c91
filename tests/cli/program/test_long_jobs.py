"""Long jobs as people run them: stopped by Ctrl-C, on a full disk; listed, cleaned up, gone on with."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cgtool.conversion.pieces.unfinished import WorkFolder
from tests.cli.test_progress import parsed
from tests.helpers.probe import assert_same_times, make

COMMAND = [sys.executable, "-m", "cgtool", "convert"]
OPTIONS = ["--to", "winter", "--engine", "identity", "--preset", "ultrafast", "--segment", "1"]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six seconds of noise, which no encoder makes small."""
    picture = "testsrc2=size=160x96:rate=25:duration=6,noise=alls=60:allf=t"
    return make(tmp_path_factory.mktemp("long") / "a.mp4", "-f", "lavfi", "-i", picture, "-c:v", "libx264",
                "-preset", "ultrafast", "-g", "25")  # fmt: skip


def run(*arguments: str | Path, largest: int | None = None) -> subprocess.CompletedProcess[str]:
    def limit() -> None:
        if largest is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))

    command = [*COMMAND, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, preexec_fn=limit)


def test_ctrl_c_says_how_to_go_on(clip: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    work = WorkFolder(target)
    # Slow enough to be stopped in the middle.
    command = [*COMMAND, str(clip), "-o", str(target), *OPTIONS[:-4], "--preset", "veryslow", "--segment", "1"]
    process = subprocess.Popen([*command, "--progress", "json"], stderr=subprocess.PIPE, text=True)
    while work.find({}) is None or not work.done():
        assert process.poll() is None, "it was faster than this test"
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    kept = len(work.done())
    *_, last = parsed([line for line in said.splitlines() if line])
    assert last["event"] == "note"
    assert last["text"] == f"{kept} of 6 segments are kept: the same command goes on from there"

    listed = run("--list-unfinished", tmp_path).stdout
    assert f"{work.path}: {kept} of 6 segments, " in listed
    assert f"of {clip}" in listed
    done = run(*command[4:])
    assert done.returncode == 0, done.stderr
    assert f"going on; {kept} of 6 segments are done" in done.stderr
    assert_same_times(clip, target)
    assert run("--list-unfinished", tmp_path).stdout == f"{tmp_path}: nothing is unfinished\n"


def test_cleaning(clip: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    largest = clip.stat().st_size // 2  # a segment fits, the whole does not
    assert run(clip, "-o", target, *OPTIONS, largest=largest).returncode == 1
    [told] = map(json.loads, run("--list-unfinished", tmp_path, "--json").stdout.splitlines())
    assert (told["done"], told["segments"], told["removed"]) == (6, 6, False)
    assert "removed" in run("--list-unfinished", tmp_path, "--clean").stdout
    assert list(tmp_path.iterdir()) == []
    for arguments, words in ((["--clean"], "give both"), ([], "Missing argument 'INPUT...'")):
        done = run(*arguments)
        assert done.returncode == 2
        assert words in done.stderr


def test_the_whole_does_not_fit_where_its_segments_do(clip: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    done = run(clip, "-o", target, *OPTIONS, largest=clip.stat().st_size // 2)
    assert done.returncode == 1
    assert "6 of 6 segments are kept: the same command goes on from there" in done.stderr
    assert not target.exists()
    done = run(clip, "-o", target, *OPTIONS, "--progress", "json")
    assert done.returncode == 0, done.stderr
    told = parsed(done.stderr.splitlines())
    assert [one["event"] for one in told] == ["started", "engine", "note", "finished", "summary"]
    assert "going on; 6 of 6 segments are done" in told[2]["text"]
    assert (told[3]["frames"], told[3]["earlier_frames"], told[3]["fps"]) == (150, 150, 0)
    assert_same_times(clip, target)
    assert list(tmp_path.iterdir()) == [target]


@contextmanager
def small_disk(place: Path, size: int) -> Iterator[None]:
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)]
    if os.name == "nt" or os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root can mount a small disk")
    try:
        yield
    finally:
        subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk(clip: Path, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 3 * clip.stat().st_size):
        ballast = tmp_path / "disk" / "ballast"
        ballast.write_bytes(bytes(int(2.4 * clip.stat().st_size)))
        target = tmp_path / "disk" / "out.mp4"
        done = run(clip, "-o", target, *OPTIONS)
        assert done.returncode == 1
        assert "No space left on device" in done.stderr
        assert "segments are kept: the same command goes on from there" in done.stderr
        assert not target.exists()
        ballast.unlink()
        done = run(clip, "-o", target, *OPTIONS)
        assert done.returncode == 0, done.stderr
        assert "going on; " in done.stderr
        assert_same_times(clip, target)
        assert [path.name for path in target.parent.iterdir()] == ["out.mp4"]
