"""An independent look at media files: what the ffmpeg program says of them, not what our reader does."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from cgtool.media.ffmpeg import executable


def ffmpeg(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [executable(), "-hide_banner", "-nostdin", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)


def make(path: Path, *arguments: str | Path) -> Path:
    """Make a file with ffmpeg."""
    done = ffmpeg("-y", "-loglevel", "error", *arguments, path)
    assert done.returncode == 0, done.stderr
    return path


def timestamps(path: Path, stream: str = "0:v:0", *, decode: bool = True) -> tuple[list[Fraction], Fraction]:
    """Presentation times in seconds of every frame (decoded) or packet (not), on the file's own clock, and the tick."""
    how = ["-fps_mode", "passthrough", "-enc_time_base", "demux"] if decode else ["-c", "copy"]
    done = ffmpeg("-loglevel", "error", "-copyts", "-i", path, "-map", stream, *how, "-f", "framecrc", "-")
    tick = Fraction(1)
    times = []
    for line in done.stdout.splitlines():
        if line.startswith("#tb"):
            tick = Fraction(line.split(":")[1].strip())
        elif not line.startswith("#"):
            times.append(int(line.split(",")[2]) * tick)
    return times, tick


def assert_same_times(source: Path, result: Path, stream: str = "0:v:0", result_stream: str = "0:v:0") -> None:
    """Every frame of the one has a frame in the other, at the same time to within a tick of the result."""
    wanted, _ = timestamps(source, stream)
    got, tick = timestamps(result, result_stream)
    assert len(got) == len(wanted) > 0
    assert max(abs(a - b) for a, b in zip(wanted, got, strict=True)) <= tick


@dataclass(frozen=True)
class Stream:
    kind: str
    codec: str
    language: str | None
    default: bool
    text: str


def streams(path: Path) -> list[Stream]:
    """The streams of a file, read off ffmpeg's own description of it."""
    found = []
    for line in ffmpeg("-i", path).stderr.splitlines():
        match = re.match(r"\s*Stream #0:\d+(?:\[\w+\])?(?:\((\w+)\))?: (\w+): (\w+)(.*)", line)
        if match:
            language = None if match[1] in (None, "und") else match[1]
            found.append(Stream(match[2].lower(), match[3], language, "(default)" in match[4], match[4]))
    return found


def describe(path: Path) -> str:
    """All that ffmpeg says of a file."""
    return ffmpeg("-i", path).stderr
