"""Recordings whose clocks jump, made of small clips; and where flash and beep lie in a result."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from tests.helpers.probe import make, timestamps
from tests.helpers.samples import SILENCE_THEN_TONE, numbered, numbers, tone_seconds

RATE = 25
LENGTH = 50
"""Frames of a recording: two seconds. Its first frame is 0; half a second later its beep begins."""


def recording(path: Path, *arguments: str, begin: str | None = None) -> Path:
    """A transport stream of H.264 and AAC, or with ``arguments`` of what they say; its clock begins at ``begin``."""
    coded = arguments or ("-preset", "veryfast", "-qp", "0", "-bf", "2", "-g", "10", "-c:a", "aac")
    made = numbered(path, LENGTH, *coded, rate=str(RATE), sound=SILENCE_THEN_TONE)
    if begin is None:
        return made
    moved = path.with_stem(f"{path.stem}-{begin}")
    return make(moved, "-i", made, "-c", "copy", "-output_ts_offset", begin)


def joined(path: Path, *parts: Path) -> Path:
    """The parts in one file, as ``cat`` joins them."""
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    return path


def cut_out(path: Path, begin: Fraction, end: Fraction) -> Path:
    """A file's sound between two times on its own clock, decoded."""
    out = path.with_name(f"{path.stem}-{begin}.wav".replace("/", "_"))
    span = f"atrim=start={float(begin)}:end={float(end)},asetpts=N/SR/TB"
    return make(out, "-copyts", "-i", path, "-map", "0:a:0", "-af", f"aresample=async=1:min_hard_comp=0.001,{span}")


def beeps(path: Path) -> list[float]:
    """For each first frame of a recording that a file shows: how long after it the beep begins, in seconds."""
    shown, _ = timestamps(path)
    flashes = [time for time, number in zip(shown, numbers(path), strict=True) if number == 0]
    late = Fraction(1, 5)  # behind what is left of the beep before
    return [float(late) + tone_seconds(cut_out(path, time + late, time + 1)) for time in flashes]
