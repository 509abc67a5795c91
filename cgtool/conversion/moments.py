"""A few moments of a clip, spread over it and without a cut inside: what a preview shows."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from cgtool.errors import MediaError
from cgtool.frame import Frame
from cgtool.media.reader import VideoReader
from cgtool.pictures import Size, resize

MOST_FRAMES = 30
"""Of a moment: faster clips are shown with every second frame, or fewer."""
_SECONDS = 1.0
_SMALL = Size(64, 36)
_CUT_LEVELS, _CUT_RATIO = 16.0, 4.0
"""A cut: frames differ by so many levels on average, and by so many times what they differ by as a rule."""


@dataclass(frozen=True)
class Moment:
    """Frames in a row.

    Attributes:
        at_seconds: When the first is shown, from the clip's start.
        rate: Frames per second.
        frames: At the size of the preview.
    """

    at_seconds: float
    rate: Fraction
    frames: Sequence[Frame]


@dataclass(frozen=True)
class Clip:
    """What is told of a clip.

    Attributes:
        size: The frame's, in pixels.
        frames: About how many there are; None if unknown.
        rate: Frames per second on average.
    """

    size: Size
    frames: int | None
    rate: Fraction

    @property
    def seconds(self) -> float | None:
        """Its length; None if unknown."""
        return None if self.frames is None else float(self.frames / self.rate)


def describe(path: Path) -> Clip:
    """Size, length and rate of a clip.

    Raises:
        MediaError: It can't be read.
    """
    with VideoReader(path) as reader:
        info = reader.info
        return Clip(Size(info.width, info.height), info.estimated_frames, info.average_rate or Fraction(25))


def begins(seconds: float | None, count: int) -> list[float]:
    """Where to look for moments: so many stretches of two seconds, spread evenly; fewer in a clip of a few seconds."""
    if seconds is None or seconds <= 2 * _SECONDS:
        return [0.0]
    count = min(count, int(seconds / _SECONDS))
    latest = seconds - 2 * _SECONDS
    return [min(latest, max(0.0, (number + 0.5) * seconds / count - _SECONDS)) for number in range(count)]


def read_moment(path: Path, begin: float, size: Size) -> Moment:
    """The second without a cut that is nearest to the middle of the two seconds from ``begin`` on.

    Args:
        path: The clip.
        begin: Seconds from its start.
        size: Frames are scaled to this.

    Raises:
        MediaError: There is no frame.
    """
    start = Fraction(begin).limit_denominator(1000)
    with VideoReader(path, start=start or None, end=start + 2) as reader:
        frames = [replace(frame, pixels=resize(frame.pixels, size)) for frame in reader.frames()]
    times = [float(frame.pts_seconds) for frame in frames]
    first, last = calm_span(times, changes(frames))
    chosen = frames[first:last]
    step = -(-len(chosen) // MOST_FRAMES)
    chosen = chosen[::step]
    if not chosen:
        raise MediaError("holds no frame there", path=path)
    spread = float(chosen[-1].pts_seconds - chosen[0].pts_seconds)
    rate = Fraction((len(chosen) - 1) / spread).limit_denominator(1000) if spread > 0 else Fraction(25)
    return Moment(begin + times[first] - times[0], rate, chosen)


def changes(frames: Sequence[Frame]) -> list[float]:
    """How much each frame differs from the one before, in levels on average; the first by nothing."""
    small = [resize(frame.pixels, _SMALL).astype(np.float32) for frame in frames]
    return [0.0, *(float(np.abs(b - a).mean()) for a, b in itertools.pairwise(small))]


def calm_span(times: Sequence[float], differences: Sequence[float]) -> tuple[int, int]:
    """The first frame, and the one after the last, of the second without a cut that is nearest to the middle.

    Args:
        times: Of the frames, in seconds.
        differences: See `changes`.
    """
    usual = float(np.median(differences)) if differences else 0.0
    cuts = [n for n, value in enumerate(differences) if value > _CUT_LEVELS and value > _CUT_RATIO * usual]
    bounds = [0, *cuts, len(times)]
    first, last = max(itertools.pairwise(bounds), key=lambda run: run[1] - run[0])
    if first == last:
        return first, last
    middle = (times[0] + times[-1]) / 2
    step = (times[-1] - times[0]) / max(1, len(times) - 1)
    latest = max(times[first], times[last - 1] + step - _SECONDS)
    begin = min(max(times[first], middle - _SECONDS / 2), latest)
    inside = [n for n in range(first, last) if begin - 1e-6 <= times[n] < begin + _SECONDS - 1e-6]
    return inside[0], inside[-1] + 1
