"""Reading a clip as tests look at it: its times, its frames' numbers, what it is refused with."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from cgtool.errors import MediaError
from cgtool.media.reader import VideoReader


def times(path: Path, start: Fraction | None = None, end: Fraction | None = None) -> list[Fraction]:
    with VideoReader(path, start=start, end=end) as reader:
        frames = list(reader.frames())
    assert [frame.index for frame in frames] == list(range(len(frames)))
    return [frame.pts_seconds for frame in frames]


def read(path: Path, start: Fraction | None = None, end: Fraction | None = None) -> tuple[list[int], list[str]]:
    """Which frames of a ``numbered`` clip are read, and the warnings."""
    with VideoReader(path, start=start, end=end) as reader:
        levels = [frame.pixels.mean() for frame in reader.frames()]
        return [round((float(level) * 219 / 255 + 16 - 20) / 4) for level in levels], reader.warnings


def error_of(path: Path, **span: Fraction) -> str:
    with pytest.raises(MediaError) as caught:
        VideoReader(path, start=span.get("start"), end=span.get("end"))
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(f"{path}: ")
    return message.removeprefix(f"{path}: ")
