"""Clocks that jump: the runs of a file's clock, laid one after the other.

Transport and program streams that were joined, a camera that was started anew, a broadcaster's clock that was set: the
times go back, or far ahead, in the middle of the file. Each stretch without a jump is a run. A run is moved to where the
picture of the one before ends, and sound and subtitles are moved with it.
"""

from __future__ import annotations

import bisect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from av.packet import Packet

_BACK_SECONDS = Fraction(1, 10)
"""A clock that goes back by more than this has jumped; less is disorder."""
_AHEAD_SECONDS = 10
"""A clock that goes ahead by more than this has jumped; less is a gap."""
_CONFIRMATION = 4
"""Only a time that this many following packets agree with is a jump; others are single damaged times."""


@dataclass(frozen=True)
class Runs:
    """The runs of a file's clock.

    Attributes:
        begins: For each stream's index, the numbers of the packets that begin its second and later runs.
        moved: Seconds to add to all times of each run.
    """

    begins: Mapping[int, Sequence[int]]
    moved: Sequence[Fraction]

    def follow(self, stream: int) -> Follower:
        """Something that moves a stream's packets, which must come from the file's beginning on."""
        return Follower(self.begins.get(stream, ()), self.moved)


class Follower:
    """Moves one stream's packets to where they belong."""

    def __init__(self, begins: Sequence[int], moved: Sequence[Fraction]) -> None:
        self._begins, self._moved = begins, moved
        self._count = 0

    def move(self, packet: Packet[Any]) -> bool:
        """Move a packet's times. True if it begins a run other than the first."""
        run = bisect.bisect_right(self._begins, self._count)
        begins = self._count in self._begins
        self._count += 1
        if packet.time_base:
            ticks = round(self._moved[run] / packet.time_base)
            if packet.pts is not None:
                packet.pts += ticks
            if packet.dts is not None:
                packet.dts += ticks
        return begins


class Times:
    """All times of one stream's packets, in seconds, as a survey collects them.

    Attributes:
        decoded: When each is decoded; None where the file doesn't say.
        shown: When each is shown.
    """

    def __init__(self) -> None:
        self.decoded: list[float | None] = []
        self.shown: list[float | None] = []

    def add(self, packet: Packet[Any]) -> None:
        """Note a packet."""
        base = float(packet.time_base or 0)
        self.decoded.append(None if packet.dts is None else packet.dts * base)
        self.shown.append(None if packet.pts is None else packet.pts * base)

    def jumps(self) -> list[int]:
        """The numbers of the packets at which the clock jumps."""
        found = []
        last: float | None = None
        for number, time in enumerate(self.decoded):
            if time is None:
                continue
            if last is not None and not _goes_on(last, time):
                if not self._confirmed(number, time):
                    continue  # a single damaged time
                found.append(number)
            last = time
        return found

    def _confirmed(self, number: int, time: float) -> bool:
        following = [t for t in self.decoded[number + 1 : number + 1 + _CONFIRMATION] if t is not None]
        return len(following) > 0 and all(_goes_on(time, other) for other in following)

    def span(self, begin: int, end: int) -> tuple[float, float] | None:
        """When the first and the last of some packets are shown."""
        shown = [t for t in self.shown[begin:end] if t is not None]
        return (min(shown), max(shown)) if shown else None

    def jumps_like(self, spans: Sequence[tuple[float, float]]) -> list[int]:
        """Where another stream's clock goes from one of the picture's runs to the next."""
        found: list[int] = []
        last: float | None = None
        for number, time in enumerate(self.decoded):
            if time is None:
                continue
            run = len(found)
            stays = _within(time, spans[run]) and (last is None or time >= last - _BACK_SECONDS)
            if not stays and run + 1 < len(spans) and _within(time, spans[run + 1]):
                found.append(number)
            last = time
        return found


def _goes_on(last: float, time: float) -> bool:
    return last - _BACK_SECONDS <= time <= last + _AHEAD_SECONDS


def _within(time: float, span: tuple[float, float]) -> bool:
    return span[0] - _AHEAD_SECONDS <= time <= span[1] + _AHEAD_SECONDS


def find_runs(times: Mapping[int, Times], picture: int, frame_seconds: Fraction) -> Runs | None:
    """The runs of a file's clock, None if it never jumps.

    Args:
        times: The times of every stream's packets, by its index.
        picture: The stream that is converted, whose clock counts.
        frame_seconds: How long a frame lasts.
    """
    begins = times[picture].jumps()
    if not begins:
        return None
    edges = [0, *begins, len(times[picture].decoded)]
    spans = [times[picture].span(*edge) or (0.0, 0.0) for edge in zip(edges, edges[1:], strict=False)]
    moved = [Fraction(0)]
    for (_, last), (first, _) in zip(spans, spans[1:], strict=False):
        moved.append(moved[-1] + _exact(last) + frame_seconds - _exact(first))
    others = {index: one.jumps_like(spans) for index, one in times.items() if index != picture}
    return Runs({picture: begins, **others}, moved)


def _exact(seconds: float) -> Fraction:
    """The tick of 1/90000 s, which such files count in."""
    return Fraction(round(seconds * 90000), 90000)
