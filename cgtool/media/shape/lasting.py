"""How long a clip's last frame lasts, which no frame after it tells, and how often a GIF is repeated."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import av
from av.container import InputContainer
from av.stream import Stream
from PIL import Image

from cgtool.media.containers import Container
from cgtool.media.input.packets import open_container

_STATE_DURATIONS = frozenset({"gif", "mov", "matroska"})
"""Formats that say how long a frame lasts, by the beginnings of FFmpeg's names; others leave it to the rate."""
_PAUSE_FRAMES = 4
"""A last frame that lasts longer than so many is meant to be looked at."""
_TOLERANCE = Fraction(1, 500)
"""Times are rounded to a container's tick, a millisecond in Matroska."""
_BEFORE_SECONDS = 2
"""Frames are presented at most this much before others that are stored before them."""


@dataclass(frozen=True)
class LastFrame:
    """When the last frame is shown.

    Attributes:
        begin_seconds: From then on, on the file's own clock.
        seconds: For so long.
    """

    begin_seconds: Fraction
    seconds: Fraction


def last_frame(path: Path, index: int, end: Fraction | None) -> LastFrame | None:
    """The last frame of a stream, by its packets alone.

    Args:
        path: The file.
        index: The stream's number in it.
        end: Nothing is shown from this time on, on the file's own clock in seconds; None for the file's end.

    Returns:
        None where the file doesn't say it.
    """
    try:
        with open_container(path) as container:
            if container.format.name.split(",")[0] not in _STATE_DURATIONS:
                return None
            stream = container.streams[index]
            _go_near_the_end(container, stream, end)
            return _last(container, stream, end)
    except (av.FFmpegError, OSError):
        return None


def _go_near_the_end(container: InputContainer, stream: Stream, end: Fraction | None) -> None:
    if end is None and container.duration is not None:
        end = Fraction((container.start_time or 0) + container.duration, av.time_base)
    if end is not None and container.format.name != "gif":
        container.seek(int((end - _BEFORE_SECONDS) / (stream.time_base or 1)), stream=stream)


def _last(container: InputContainer, stream: Stream, end: Fraction | None) -> LastFrame | None:
    last, seconds = None, Fraction(0)
    following: Fraction | None = None
    for packet in container.demux(stream):
        if packet.pts is None or packet.is_discard:
            continue
        time = packet.pts * packet.time_base
        if end is not None and time >= end:
            following = time if following is None else min(following, time)
        elif last is None or time > last:
            last, seconds = time, (packet.duration or 0) * packet.time_base
        if end is not None and packet.dts is not None and packet.dts * packet.time_base >= end + _BEFORE_SECONDS:
            break
    if last is None:
        return None
    if following is not None:
        seconds = following - last
    if end is not None:
        seconds = min(seconds, end - last)
    return LastFrame(last, seconds) if seconds > 0 else None


def lasting_arguments(
    number: int, container: Container, last: LastFrame | None, loops: int | None, origin_seconds: Fraction
) -> list[str]:
    """FFmpeg's arguments that let an output's last frame last, and a GIF be repeated, as the source's.

    Args:
        number: The output stream's.
        container: The output's format.
        last: The source's last frame; None where nothing is known.
        loops: How often a GIF is repeated; None for other sources.
        origin_seconds: What is 0 in the output on the source's clock.
    """
    arguments = [] if loops is None or container.muxer != "gif" else ["-loop", str(loops)]
    if last is None:
        return arguments
    if container.muxer == "gif":
        return [*arguments, "-final_delay", str(min(65535, round(last.seconds * 100)))]
    if container.clock != "source":
        return arguments
    is_last = f"gt(PTS*TB,{float(last.begin_seconds - origin_seconds - _TOLERANCE):.6f})"
    if container.muxer in ("mp4", "mov"):  # whose length is that of the packets in the order of decoding
        is_last += "+eq(NEXT_DTS,NOPTS)"
    duration = f"if({is_last},{float(last.seconds):.6f}/TB,DURATION)".replace(",", "\\,")
    return [f"-bsf:{number}", f"setts=pts=PTS:dts=DTS:duration={duration}"]


class _Rates(Protocol):
    """What a source says of its rate."""

    @property
    def average_rate(self) -> Fraction | None: ...
    @property
    def nominal_rate(self) -> Fraction | None: ...
    @property
    def last_frame(self) -> LastFrame | None: ...


def stated_rate(info: _Rates) -> Fraction:
    """Frames per second for containers that state a rate: the average, unless a pause at the end makes it untrue."""
    last, nominal = info.last_frame, info.nominal_rate
    pauses = last is not None and nominal is not None and last.seconds * nominal > _PAUSE_FRAMES
    return (nominal if pauses else info.average_rate) or Fraction(25)


def lasting_warnings(container: Container, last: LastFrame | None, tick: Fraction) -> list[str]:
    """What a container, whose frames last a tick each, can't hold of the last one."""
    if container.clock != "frames" or last is None or last.seconds < _PAUSE_FRAMES * tick:
        return []
    return [f"{container.name} can't hold that the last frame lasts {float(last.seconds):.2f} s"]


def loop_count(path: Path) -> int | None:
    """How often a GIF is repeated, in FFmpeg's words: 0 for ever, -1 not at all. None if it can't be read."""
    try:
        with Image.open(path, formats=["GIF"]) as picture:
            return int(picture.info.get("loop", -1))
    except (OSError, ValueError, SyntaxError, EOFError):
        return None
