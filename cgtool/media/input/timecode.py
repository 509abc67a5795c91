"""Timecodes of the source (SMPTE ST 12): found, and moved to where a cut begins."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from fractions import Fraction

from av.container import InputContainer
from av.video.stream import VideoStream

from cgtool.media.input.rates import nominal_rate, time_base, usual_rate

_TIMECODE = re.compile(r"(\d{2}):(\d{2}):(\d{2})([:;.,])(\d{2,3})")


def find_timecode(tags: Iterable[Mapping[str, str]]) -> str | None:
    """The first timecode in metadata.

    Args:
        tags: Of the file's parts, that of most weight first; names in any case.
    """
    for each in tags:
        for name, value in each.items():
            if name.lower() == "timecode" and _TIMECODE.fullmatch(value):
                return value
    return None


def timecode_at(container: InputContainer, stream: VideoStream, pts: int | None) -> str | None:
    """A file's timecode at a frame.

    Args:
        container: The file.
        stream: Its video.
        pts: The frame's timestamp in the stream's ticks; None for the stream's first.

    Returns:
        None if the file has none.
    """
    found = find_timecode([stream.metadata, *(each.metadata for each in container.streams), container.metadata])
    if found is None or pts is None:
        return found
    rate = nominal_rate(stream) or usual_rate(stream)
    seconds = (pts - (stream.start_time or 0)) * time_base(stream)
    return moved_timecode(found, max(0, round(seconds * rate)), rate)


def moved_timecode(timecode: str, frames: int, rate: Fraction) -> str:
    """The timecode so many frames later.

    With a semicolon before its frames, it is a drop-frame timecode: at 30 frames a second the numbers 0 and 1, at 60
    the numbers 0 to 3, are left out in each minute but every tenth, so that it keeps step with the clock at 29.97.

    Args:
        timecode: ``HH:MM:SS:FF``, or ``HH:MM:SS;FF``.
        frames: How many, 0 or more.
        rate: Frames per second.
    """
    found = _TIMECODE.fullmatch(timecode)
    per_second = round(rate)
    if found is None or not frames or per_second < 1:
        return timecode
    hours, minutes, seconds, number = (int(found[group]) for group in (1, 2, 3, 5))
    dropped = per_second // 30 * 2 if found[4] != ":" else 0
    minute = hours * 60 + minutes
    count = (minute * 60 + seconds) * per_second + number - dropped * (minute - minute // 10)
    count += frames
    if dropped:
        tens, rest = divmod(count, 600 * per_second - 9 * dropped)
        # The first minute of ten is whole, the other nine are shorter.
        count += dropped * (9 * tens + max(0, rest - dropped) // (60 * per_second - dropped))
    seconds, number = divmod(count, per_second)
    hours, minutes, seconds = seconds // 3600 % 24, seconds // 60 % 60, seconds % 60
    return f"{hours:02}:{minutes:02}:{seconds:02}{found[4]}{number:0{len(found[5])}}"
