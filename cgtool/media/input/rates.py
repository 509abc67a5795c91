"""Frame rates that can be believed. Some files state a clock's ticks as their rate: raw DV 60000, AVI 600, 90000."""

from __future__ import annotations

import contextlib
import itertools
import statistics
from fractions import Fraction
from typing import cast

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from cgtool.media.input.packets import clock_may_jump, open_container, packets

_HIGHEST_RATE = 300
"""A stated rate above this is a clock, not a rate. Cameras of slow motion state up to 240."""
_USUAL_RATE = Fraction(25)
_MEASURED_PACKETS = 100
"""So many packets at the beginning tell a rate that the file doesn't."""
_TICK = Fraction(1, 90000)


def frame_rate(stream: VideoStream) -> Fraction | None:
    """Frames per second on average; where the file can't be believed, as its codec or its first packets tell."""
    return believable(stream.average_rate) or believable(stream.guessed_rate) or _measured(stream)


def nominal_rate(stream: VideoStream) -> Fraction | None:
    """Frames per second that the timestamps were laid out for; None if unknown."""
    return believable(stream.guessed_rate) or frame_rate(stream)


def usual_rate(stream: VideoStream) -> Fraction:
    """Frames per second on average, or what is usual where nothing tells."""
    return frame_rate(stream) or _USUAL_RATE


def believable(rate: Fraction | None) -> Fraction | None:
    """A rate, or None if it is unknown or none."""
    return _fraction(rate) if rate is not None and 0 < rate <= _HIGHEST_RATE else None


def _fraction(ratio: Fraction) -> Fraction:
    """What PyAV gives, which from release 19 on is a type of its own that can't be rounded."""
    return Fraction(ratio.numerator, ratio.denominator)


def time_base(stream: VideoStream) -> Fraction:
    """Seconds per tick of a stream's timestamps.

    AVI counts frames. Where it states a rate that can't be, and yet one frame per tick, they would all be over in a
    moment: they last as long as the codec says.
    """
    stated, guessed = stream.average_rate, believable(stream.guessed_rate)
    is_avi = stream.container.format.name == "avi"
    if is_avi and stated and guessed and not believable(stated) and _measured(stream) == stated:
        return 1 / guessed
    return _fraction(stream.time_base or _TICK)


def estimated_frames(
    stream: VideoStream, counted: int | None, start: Fraction | None, end: Fraction | None
) -> int | None:
    """About how many frames a span of a stream has; None if nothing tells.

    Args:
        stream: The stream.
        counted: How many it has, where they were counted.
        start, end: The span, in seconds after the file's start; None where it is open.
    """
    if counted is None and believable(stream.average_rate) == stream.average_rate:  # else it counts ticks
        counted = stream.frames or None
    if start is None and end is None and counted is not None:
        return counted
    rate, seconds = frame_rate(stream), _seconds(stream, counted)
    if rate is None or seconds is None:
        return None
    return max(1, round((min(seconds, seconds if end is None else end) - (start or 0)) * rate))


def _seconds(stream: VideoStream, counted: int | None) -> Fraction | None:
    """How long a stream is. Where the clock may jump, only its frames tell."""
    rate, duration = frame_rate(stream), cast(InputContainer, stream.container).duration
    if counted is not None and rate is not None and clock_may_jump(stream):
        return counted / rate
    if stream.duration is not None:
        return stream.duration * time_base(stream)
    return None if duration is None else Fraction(duration, av.time_base)


def _measured(stream: VideoStream) -> Fraction | None:
    """The rate at which most of the first packets follow each other."""
    times: list[Fraction] = []
    path = stream.container.name.removeprefix("file:")
    with contextlib.suppress(av.FFmpegError), open_container(path) as container:
        for packet in itertools.islice(packets(container, [container.streams[stream.index]]), _MEASURED_PACKETS):
            if packet.dts is not None and packet.time_base is not None:
                times.append(packet.dts * packet.time_base)
    gaps = [after - before for before, after in itertools.pairwise(sorted(times)) if after > before]
    return 1 / statistics.median_low(gaps) if gaps else None
