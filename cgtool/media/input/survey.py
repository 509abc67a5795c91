"""A look at a source's clock before it is read, where its format lets clocks jump. Nothing is decoded.

A file of some size is looked at in many places first, which takes a moment. Only where times don't rise evenly from one
to the next, every packet is looked at, which takes as long as reading the file.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import statistics
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from cgtool.media.input.packets import clock_may_jump, open_container, packets
from cgtool.media.input.rates import usual_rate
from cgtool.media.input.runs import AHEAD_SECONDS, Runs, Times, find_runs

_SMALL_BYTES = 32 << 20
"""Every packet of a smaller file is looked at: that takes a fraction of a second."""
_MOST_PLACES = 1000
_BYTES_PER_PLACE = 1 << 20


@dataclass(frozen=True)
class Survey:
    """The findings.

    Attributes:
        seeks: Whether a time leads to a place in the file, and the times from there on can be told.
        runs: The clock's runs; None if it doesn't jump.
        frames: How many there are; None if they weren't counted.
    """

    seeks: bool = True
    runs: Runs | None = None
    frames: int | None = None


def look_through(path: Path, stream: VideoStream) -> Survey:
    """Look at a file's clock.

    Args:
        path: The file.
        stream: Its video stream that is converted, which stays where it is.
    """
    # MPEG's program streams (.mpg, .vob) have times for some frames only: those after a seek can't be worked out.
    seeks = stream.container.format.name != "mpeg"
    if not clock_may_jump(stream):
        return Survey(seeks)
    state = path.stat()
    # A preview opens a file several times.
    found = _look(path, state.st_size, state.st_mtime_ns, stream.index, 1 / usual_rate(stream))
    return replace(found, seeks=found.seeks and seeks)


@functools.lru_cache(maxsize=16)
def _look(path: Path, size: int, _modified: int, picture: int, frame_seconds: Fraction) -> Survey:
    if size > _SMALL_BYTES and _rises_evenly(path, picture):
        return Survey()
    times = _all_times(path, picture)
    runs = find_runs(times, picture, frame_seconds)
    # Where the clock jumps, a time leads to several places.
    return Survey(runs is None, runs, len(times[picture].shown) or None)


def _all_times(path: Path, picture: int) -> dict[int, Times]:
    with open_container(path) as container:
        streams = [s for s in container.streams if s.index == picture or s.type in ("audio", "subtitle")]
        times = {stream.index: Times() for stream in streams}
        with contextlib.suppress(av.FFmpegError):  # a file that ends early has been looked at to there
            for number, packet in enumerate(packets(container, streams)):
                if packet.size:
                    times[packet.stream_index].add(packet, number)
        return times


def _rises_evenly(path: Path, picture: int) -> bool:
    """Whether times at many places of a file rise, by about as much from each to the next."""
    times: list[float] = []
    with open_container(path) as container:
        stream = container.streams[picture]
        count = min(_MOST_PLACES, container.size // _BYTES_PER_PLACE)
        try:
            for number in range(count):
                container.seek(container.size * number // count, backward=False, unsupported_byte_offset=True)
                times += itertools.islice(_times(container, stream), 1)
            last = list(_times(container, stream))  # there may be a short recording at the very end
        except av.FFmpegError:
            return False
    gaps = [after - before for before, after in itertools.pairwise(times)]
    at_the_end = itertools.pairwise([*times[-1:], *last])
    return (
        len(gaps) > 0
        and min(gaps) > 0
        and max(gaps) < statistics.median(gaps) + AHEAD_SECONDS
        and all(0 < after - before < AHEAD_SECONDS for before, after in at_the_end)
    )


def _times(container: InputContainer, stream: Stream) -> Iterator[float]:
    """When the packets from here on are decoded, in seconds."""
    packet: Packet[Stream]
    for packet in packets(container, [stream]):
        if packet.dts is not None and packet.time_base is not None:
            yield float(packet.dts * packet.time_base)
