"""A look through a source's packets before it is read, where its format lets clocks jump or sizes change."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from cgtool.media.input.packets import open_container, packets
from cgtool.media.input.rates import frame_rate
from cgtool.media.input.runs import Runs, Times, find_runs
from cgtool.pictures import Size

_JUMPING_FORMATS = frozenset({"mpegts", "mpeg"})
_RESIZING_FORMATS = _JUMPING_FORMATS | {"matroska,webm", "flv", "h264", "hevc", "mpegvideo", "ivf", "obu"}
_KEY_SECONDS = Fraction(1, 2)
"""Of key frames that are nearer to each other than this, only the first is looked at."""


@dataclass(frozen=True)
class Survey:
    """The findings.

    Attributes:
        runs: The clock's runs; None if it doesn't jump.
        frames: How many there are; 0 if unknown.
        sizes: How many frames there are of each coded size; empty where sizes can't change or weren't looked at.
    """

    runs: Runs | None = None
    frames: int = 0
    sizes: tuple[tuple[Size, int], ...] = ()

    @property
    def commonest_size(self) -> Size | None:
        """The size that most frames have, the first of them where several do; None if unknown."""
        return max(self.sizes, key=lambda pair: pair[1])[0] if self.sizes else None


NOTHING = Survey()


def look_through(path: Path, stream_index: int, start: Fraction | None, end: Fraction | None) -> Survey:
    """Look through a file.

    Args:
        path: The file, which opens.
        stream_index: Its video stream that is converted.
        start, end: Seconds after the file's start between which frames count for the commonest size.
    """
    with contextlib.suppress(av.FFmpegError), open_container(path) as container:
        name = container.format.name
        stream = container.streams[stream_index]
        assert isinstance(stream, VideoStream)
        if name not in _RESIZING_FORMATS or stream.codec_context is None:
            return NOTHING
        sizes = _Sizes(stream)
        others = [s for s in container.streams if s.type in ("audio", "subtitle")] if name in _JUMPING_FORMATS else []
        times = {one.index: Times() for one in (stream, *others)}
        with contextlib.suppress(av.FFmpegError):  # a file that ends early has been looked at to there
            for packet in packets(container, [stream, *others]):
                if packet.size:
                    times[packet.stream_index].add(packet)
                    if packet.stream_index == stream_index:
                        sizes.add(packet)
        runs = find_runs(times, stream_index, 1 / frame_rate(stream)) if name in _JUMPING_FORMATS else None
        begin = Fraction(container.start_time or 0, av.time_base)
        span = None if runs else (begin + (start or 0), None if end is None else begin + end)
        return Survey(runs, len(times[stream_index].shown), tuple(sizes.count(span).items()))
    return NOTHING


class _Sizes:
    """Reads the sizes off the key frames, the only ones at which a size can change."""

    def __init__(self, stream: VideoStream) -> None:
        self._stream = stream
        self._is_fixed = stream.codec_context.codec.intra_only
        self._times: list[Fraction] = []
        self._changes: list[tuple[Fraction, Size]] = []
        self._looked: Fraction | None = None

    def add(self, packet: Packet[Any]) -> None:
        """Note a packet of the stream."""
        ticks = packet.pts if packet.pts is not None else packet.dts
        if ticks is None or self._is_fixed:
            return
        time = ticks * Fraction(packet.time_base or 0)
        self._times.append(time)
        if packet.is_keyframe and (self._looked is None or abs(time - self._looked) >= _KEY_SECONDS):
            self._looked = time
            with contextlib.suppress(av.FFmpegError):
                for frame in packet.decode():
                    self._note(frame)

    def _note(self, frame: VideoFrame) -> None:
        size = Size(frame.width, frame.height)
        if frame.pts is not None and (not self._changes or self._changes[-1][1] != size):
            self._changes.append((frame.pts * Fraction(frame.time_base or 0), size))

    def count(self, span: tuple[Fraction, Fraction | None] | None) -> Counter[Size]:
        """How many frames of a span have each size, in the order in which sizes come; all sizes if there is no span."""
        with contextlib.suppress(av.FFmpegError):
            for frame in self._stream.codec_context.decode(None):
                self._note(frame)
        if len(self._changes) < 2:
            return Counter()
        found: Counter[Size] = Counter()
        for time, size in self._each():
            if span is None or (time >= span[0] and (span[1] is None or time < span[1])):
                found[size] += 1
        return found

    def _each(self) -> Iterator[tuple[Fraction, Size]]:
        """Every frame's time and size. Times go by packets, so they may jump: each change takes effect once."""
        changes = iter(self._changes[1:])
        following = next(changes, None)
        size = self._changes[0][1]
        for time in self._times:
            if following is not None and time == following[0]:
                size = following[1]
                following = next(changes, None)
            yield time, size
