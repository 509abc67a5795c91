"""Clocks that jump: the runs of a file's clock, laid one after the other.

Transport and program streams that were joined, a camera that was started anew, a broadcaster's clock that was set: the
times go back, or far ahead, in the middle of the file. Each stretch without a jump is a run. A run is moved to where
the picture of the one before ends, and sound and subtitles are moved with it.
"""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from av.packet import Packet

AHEAD_SECONDS = 10
"""A clock that goes ahead by more than this has jumped; less is a gap."""
_BACK_SECONDS = 0.1
"""A clock that goes back by more than this has jumped; less is disorder."""
_PAUSE_SECONDS = 0.5
"""Sound that is away for longer than this may be back on another run's clock."""
_CONFIRMATION = 4
"""Only a time that this many following packets agree with is a jump; others are single damaged times."""
_WRAP_SECONDS = Fraction(1 << 33, 90000)
"""MPEG's clock has 33 bits."""


@dataclass(frozen=True)
class Runs:
    """The runs of a file's clock.

    Attributes:
        begins: For each stream's index, the numbers of the packets that begin its second and later runs.
        moved: Seconds to add to all times of each run.
    """

    begins: Mapping[int, Sequence[int]]
    moved: Sequence[Fraction]

    @property
    def description(self) -> str:
        """A sentence for the user."""
        count = len(self.moved) - 1
        times = "once" if count == 1 else f"{count} times"
        return f"its clock jumps {times}, as where recordings are joined: the parts are laid one after the other"

    def follow(self, stream: int) -> Follower:
        """Something that moves a stream's packets, which must come from the file's beginning on."""
        return Follower(self.begins.get(stream, ()), self.moved)


class Follower:
    """Moves one stream's packets to where they belong."""

    def __init__(self, begins: Sequence[int], moved: Sequence[Fraction]) -> None:
        self._begins, self._moved = begins, moved
        self._count = 0

    def move(self, packet: Packet[Any]) -> bool:
        """Move a packet's times. True if another recording begins with it, rather than the clock having wrapped."""
        run = bisect.bisect_right(self._begins, self._count)
        begins = self._count in self._begins and not _is_wrap(self._moved[run] - self._moved[run - 1])
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
        order: Its number among all packets of the file.
    """

    def __init__(self) -> None:
        self.decoded: list[float | None] = []
        self.shown: list[float | None] = []
        self.order: list[int] = []

    def add(self, packet: Packet[Any], order: int) -> None:
        """Note a packet."""
        base = float(packet.time_base or 0)
        self.decoded.append(None if packet.dts is None else packet.dts * base)
        self.shown.append(None if packet.pts is None else packet.pts * base)
        self.order.append(order)

    def jumps(self) -> list[int]:
        """The numbers of the packets at which the clock jumps."""
        found = []
        last: float | None = None
        for number, time in enumerate(self.decoded):
            if time is None:
                continue
            if last is not None and not _goes_on(last, time):
                if not self._confirmed(number, time, last):
                    continue  # a single damaged time
                found.append(number)
            last = time
        return found

    def _confirmed(self, number: int, time: float, last: float | None) -> bool:
        following = [t for t in self.decoded[number + 1 : number + 1 + _CONFIRMATION] if t is not None]
        goes_back = last is not None and time < last
        return len(following) > 0 and all(
            _goes_on(time, other) and not (goes_back and last is not None and _goes_on(last, other))
            for other in following
        )

    def span(self, begin: int, end: int) -> tuple[float, float] | None:
        """When the first and the last of some packets are shown."""
        shown = [t for t in self.shown[begin:end] if t is not None]
        return (min(shown), max(shown)) if shown else None

    def jumps_like(self, runs: Sequence[_Run]) -> list[int]:
        """Where another stream's clock goes from one of the picture's runs to the next."""
        found: list[int] = []
        last: float | None = None
        for number, time in enumerate(self.decoded):
            if time is None:
                continue
            following = runs[len(found) + 1] if len(found) + 1 < len(runs) else None
            if following is not None and following.takes_over(last, time, self.order[number]):
                if self._confirmed(number, time, last):
                    found.append(number)
                elif last is not None and not _goes_on(last, time):
                    continue  # a single damaged time
            last = time
        return found


@dataclass(frozen=True)
class _Run:
    """A run as the picture has it: when it is first and last shown, and its first packet's number in the file."""

    first: float
    last: float
    order: int

    def takes_over(self, before: float | None, time: float, order: int) -> bool:
        """Whether another stream's packet is of this run rather than of the one before."""
        if not self.first - AHEAD_SECONDS <= time <= self.last + AHEAD_SECONDS:
            return False
        if before is None:
            return order > self.order
        # Around the jump, packets of both runs may lie mixed.
        goes_on = before - _BACK_SECONDS <= time <= before + _PAUSE_SECONDS
        return not goes_on and (order > self.order or time < before or time - before > abs(time - self.first))


def _goes_on(last: float, time: float) -> bool:
    return last - _BACK_SECONDS <= time <= last + AHEAD_SECONDS


def _is_wrap(moved: Fraction) -> bool:
    return min(abs(moved - _WRAP_SECONDS), abs(moved + _WRAP_SECONDS)) < 1


def find_runs(times: Mapping[int, Times], picture: int, frame_seconds: Fraction) -> Runs | None:
    """The runs of a file's clock, None if it never jumps.

    Args:
        times: The times of every stream's packets, by its index.
        picture: The stream that is converted, whose clock counts.
        frame_seconds: How long a frame lasts.
    """
    seen = times[picture]
    begins = seen.jumps()
    if not begins:
        return None
    runs = []
    for begin, end in itertools.pairwise([0, *begins, len(seen.decoded)]):
        first, last = seen.span(begin, end) or (0.0, 0.0)
        runs.append(_Run(first, last, seen.order[begin]))
    moved = [Fraction(0)]
    for before, run in itertools.pairwise(runs):
        moved.append(moved[-1] + _exact(before.last) + frame_seconds - _exact(run.first))
    others = {index: one.jumps_like(runs) for index, one in times.items() if index != picture}
    return Runs({picture: begins, **others}, moved)


def _exact(seconds: float) -> Fraction:
    """The tick of 1/90000 s, which such files count in."""
    return Fraction(round(seconds * 90000), 90000)
