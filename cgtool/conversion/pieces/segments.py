"""Where a clip is cut into segments, told by its packets alone: every machine and every run cuts it alike."""

from __future__ import annotations

import itertools
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from cgtool.errors import UsageError
from cgtool.media.reader import VideoReader


@dataclass(frozen=True)
class Plan:
    """A clip's segments.

    Attributes:
        starts: When each begins, in ticks; the next one's start is its end.
        time_base: Seconds per tick.
    """

    starts: tuple[int, ...]
    time_base: Fraction

    def end(self, number: int) -> int | None:
        """Where a segment ends; None for the last one, which ends with the clip."""
        return self.starts[number + 1] if number + 1 < len(self.starts) else None


@dataclass(frozen=True)
class Part:
    """A share of the work: the ``number``-th (from 1) of ``of`` equal ones.

    Attributes:
        number, of: Which one it is, and of how many.
        alone: When it is done, others' shares are left to them, and joining to who waits for all.
    """

    number: int
    of: int
    alone: bool = False

    @classmethod
    def parse(cls, text: str) -> Part:
        """Read ``I/N``.

        Raises:
            UsageError: It is no such thing.
        """
        try:
            number, of = (int(one) for one in text.split("/"))
            if not 1 <= number <= of:
                raise ValueError
        except ValueError as error:
            raise UsageError(f"--part {text} is no share; write 1/4 for the first of four") from error
        return cls(number, of)

    def holds(self, index: int, count: int) -> bool:
        """Whether the thing of this index, of so many in a row, is in this share."""
        return index * self.of // count == self.number - 1


NOTHING = Part(0, 1, alone=True)
"""A share that holds nothing: a work folder is begun, and that is all."""


def plan(reader: VideoReader, seconds: float) -> Plan | None:
    """Cut a clip.

    Args:
        reader: Its reader, of which nothing has been read.
        seconds: About how long segments are.

    Returns:
        None if it is shorter than two of them.
    """
    info = reader.info
    rate = info.average_rate
    if info.estimated_frames is not None and rate and info.estimated_frames / rate < 1.8 * seconds:
        return None
    starts = cut(reader.packet_times(), info.time_base, seconds)
    return Plan(starts, info.time_base) if len(starts) > 1 else None


def cut(packets: Sequence[tuple[int, bool]], time_base: Fraction, seconds: float) -> tuple[int, ...]:
    """Where segments begin.

    One begins at a key frame where there is one within a quarter of its length, since reading can begin there. Of
    several, those are better that came early: encoders put a key frame at a cut, else at even distances.

    Args:
        packets: Each packet's timestamp, and whether it is a key frame; in any order.
        time_base: Seconds per tick.
        seconds: About how long segments are.

    Returns:
        Timestamps, increasing. One alone if all is shorter than two segments.
    """
    times = sorted({pts for pts, _ in packets})
    keys = sorted({pts for pts, is_key in packets if is_key})
    length = max(1, round(Fraction(seconds) / time_base))
    frame = (times[-1] - times[0]) // max(1, len(times) - 1) if times else 0
    if not times or times[-1] + frame - times[0] < 2 * length - length // 20:
        return tuple(times[:1])
    gaps = {later: later - earlier for earlier, later in itertools.pairwise(keys)}
    even = max(gaps.values(), default=0)
    starts = [times[0]]
    for wanted in range(times[0] + length, times[-1] - length // 2, length):
        near = keys[bisect_left(keys, wanted - length // 4) : bisect_right(keys, wanted + length // 4)]
        if near:
            starts.append(min(near, key=lambda key: (gaps.get(key, even) > 0.9 * even, abs(key - wanted))))
        else:
            starts.append(times[bisect_left(times, wanted)])
    return tuple(sorted(set(starts)))
