"""Footage to be cut into segments, workers that convert it, and how their results are compared."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from cgtool.conversion.events import Event, Finished
from cgtool.media.reader import VideoReader
from tests.helpers.probe import ffmpeg, make, timestamps
from tests.helpers.samples import packets

FRAMES = 86
SEGMENTS = 4


def footage(path: Path, seconds: float = 4) -> Path:
    """A clip of variable rate, with B-frames and a single key frame, sound and subtitles."""
    text = path.with_suffix(".srt")
    text.write_text("1\n00:00:00,300 --> 00:00:01,000\nDew\n\n2\n00:00:03,200 --> 00:00:03,900\nFog\n")
    picture = f"testsrc2=size=160x96:rate=30000/1001:duration={seconds},noise=alls=4:allf=t"
    return make(path, "-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", f"sine=440:duration={seconds}", "-i", text,
                "-vf", "select='not(between(mod(n,7),3,4))'", "-fps_mode", "vfr", "-c:v", "libx264",
                "-preset", "veryfast", "-bf", "3", "-g", "999", "-sc_threshold", "0", "-c:a", "aac",
                "-c:s", "mov_text")  # fmt: skip


def start(source: Path, target: Path, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.conversion.pieces.worker", str(source), str(target), *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def ended(process: subprocess.Popen[str], seconds: float = 120) -> list[Any]:
    """What a worker says at its end: status, error, frames, frames that the engine saw, notes, warnings."""
    said, _ = process.communicate(timeout=seconds)
    assert process.returncode == 0
    found: list[Any] = json.loads(said)
    assert found[:2] == ["converted", None]
    return found


def killed(process: subprocess.Popen[str]) -> None:
    """Wait until a worker has killed itself."""
    process.communicate(timeout=120)
    assert process.returncode == -signal.SIGKILL


def content(path: Path) -> object:
    """All that is in a file: every frame's checksum and time, sound, subtitles."""
    return shown(path), packets(path, "audio"), packets(path, "subtitles"), timestamps(path, "0:a:0")


def shown(path: Path) -> list[tuple[str, str]]:
    """Every frame's time and checksum."""
    done = ffmpeg("-loglevel", "error", "-copyts", "-i", path, "-map", "0:v:0", "-fps_mode", "passthrough",
                  "-enc_time_base", "demux", "-f", "framemd5", "-")  # fmt: skip
    assert done.stderr == ""
    lines = [line.replace(" ", "").split(",") for line in done.stdout.splitlines() if not line.startswith("#")]
    return [(pts, checksum) for _, _, pts, *_, checksum in lines]


def results(happened: list[Event]) -> list[Any]:
    return [event.result for event in happened if isinstance(event, Finished)]


def difference(first: Path, second: Path) -> tuple[float, int]:
    """Mean and largest difference of two clips in levels, at the network's scale."""
    frames = [pixels(first), pixels(second)]
    apart = np.abs(frames[0] - frames[1])
    return float(apart.mean()), int(apart.max())


def pixels(path: Path) -> np.ndarray[Any, np.dtype[np.int16]]:
    with VideoReader(path) as reader:
        return np.stack([frame.pixels for frame in reader.frames()]).astype(np.int16)
