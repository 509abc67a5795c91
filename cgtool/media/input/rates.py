"""Frame rates that can be believed. Some files state a clock's ticks as their rate: raw DV 60000, AVI 600, others 90000."""

from __future__ import annotations

from fractions import Fraction

from av.video.stream import VideoStream

_HIGHEST_RATE = 300
"""A rate above this is a clock, not a rate. Cameras of slow motion state up to 240."""
_USUAL_RATE = Fraction(25)


def frame_rate(stream: VideoStream) -> Fraction:
    """Frames per second on average, as far as the file can be believed; never 0."""
    return believable(stream.average_rate) or believable(stream.guessed_rate) or _USUAL_RATE


def believable(rate: Fraction | None) -> Fraction | None:
    """A rate, or None if it is unknown or none."""
    return rate if rate is not None and 0 < rate <= _HIGHEST_RATE else None
