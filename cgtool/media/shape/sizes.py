"""Streams whose frames change their size midway (broadcasts, video calls): one size for all, nothing squashed."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer
from av.filter import Graph
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from cgtool.media.colour import build_graph, through
from cgtool.media.input.packets import open_container
from cgtool.media.shape.frames import alike, kind
from cgtool.pictures import Size

_MAY_CHANGE = frozenset({"matroska", "mpegts", "mpeg", "flv", "asf", "ogg", "rm", "h264", "hevc", "ivf"})
"""Formats that leave the size to the stream itself, by the beginning of FFmpeg's names; others state one for all."""
_SMALL_BYTES = 32_000_000
"""In a file up to this size, all packets are looked at: that takes less time than opening an engine."""
_LOOKS = 16
"""Places of a larger file that are looked at: a seek and one decoded key frame each."""
_APART_SECONDS = Fraction(1, 4)
"""Of key frames nearer to each other than this, one is decoded: there are codecs that have no other frames."""


@dataclass(frozen=True)
class Raster:
    """A frame's pixels.

    Attributes:
        size: How many they are.
        pixel_shape: Width over height of one, None if the stream doesn't say.
    """

    size: Size
    pixel_shape: Fraction | None


def usual_raster(path: Path, index: int, start: Fraction | None, end: Fraction | None) -> Raster | None:
    """The commonest raster of a stream, of several the first: counted in small files, sampled in others.

    Args:
        path: The file.
        index: The stream's number in it.
        start, end: The span that matters, on the file's own clock in seconds; None where it is open.

    Returns:
        None where it can't change, or can't be told.
    """
    try:
        state = path.stat()
        # A preview, and a part of a long clip that goes on, open a file again.
        return _look(path, state.st_size, state.st_mtime_ns, index, start, end)
    except (av.FFmpegError, OSError):
        return None


@functools.lru_cache(maxsize=16)
def _look(
    path: Path, size: int, _modified: int, index: int, start: Fraction | None, end: Fraction | None
) -> Raster | None:
    with open_container(path) as container:
        stream = container.streams[index]
        if container.format.name.split(",")[0] not in _MAY_CHANGE or not isinstance(stream, VideoStream):
            return None
        stream.thread_type = "SLICE"  # frame by frame: nothing waits for the frames after it
        found = Counter((_every_one if size <= _SMALL_BYTES else _sampled)(container, stream, start, end))
    return max(found, key=lambda raster: found[raster], default=None)


def _every_one(
    container: InputContainer, stream: VideoStream, start: Fraction | None, end: Fraction | None
) -> Iterator[Raster]:
    """Of every packet in the span."""
    raster, decoded_at = None, None
    for packet in container.demux(stream):
        moment = None if packet.pts is None else packet.pts * packet.time_base
        if packet.is_keyframe and (moment is None or decoded_at is None or abs(moment - decoded_at) >= _APART_SECONDS):
            raster, decoded_at = _raster(packet) or raster, moment
        is_outside = moment is None or (start is not None and moment < start) or (end is not None and moment >= end)
        if raster is not None and not is_outside:
            yield raster


def _sampled(
    container: InputContainer, stream: VideoStream, start: Fraction | None, end: Fraction | None
) -> Iterator[Raster]:
    """Of key frames near evenly spread moments: a raster counts for each moment from it to the next one that is known.

    After a seek, transport streams give the next key frame, others the one before.
    """
    if container.duration is None:
        return
    begin = Fraction(container.start_time or 0, av.time_base)
    first = begin if start is None else start
    length = (begin + Fraction(container.duration, av.time_base) if end is None else end) - first
    time_base = stream.time_base or Fraction(1, 90000)
    moments = [first + length * number / _LOOKS for number in range(_LOOKS)]
    known: dict[Fraction, Raster] = {}
    for moment in moments:
        container.seek(int(moment / time_base), stream=stream)
        key = next((packet for packet in container.demux(stream) if packet.is_keyframe and packet.size), None)
        at = first if key is None or key.pts is None else max(first, key.pts * time_base)
        raster = None if key is None or at in known else _raster(key)
        if raster is not None:
            known[at] = raster
    for moment in moments:
        earlier = [at for at in known if at <= moment]
        if earlier:
            yield known[max(earlier)]


def _raster(key: Packet[VideoStream]) -> Raster | None:
    """Of a key frame, which is decoded for itself; None if it can't be."""
    context = key.stream.codec_context
    try:
        frames = [*key.decode(), *context.decode(None)]
    except av.FFmpegError:
        frames = []
    context.flush_buffers()
    return Raster(Size(frames[-1].width, frames[-1].height), pixel_shape(key.stream)) if frames else None


def pixel_shape(stream: VideoStream) -> Fraction | None:
    """Width over height of a pixel of the frame that a stream has decoded last, None if it doesn't say."""
    ratio = stream.codec_context.sample_aspect_ratio
    return ratio if ratio is not None and ratio > 0 else None


class Fitter:
    """Brings frames into one size: scaled as far as their shape allows, with black borders where it is another one.

    Args:
        raster: The size for all; None for the first frame's.
        time_base: Seconds per tick of the frames' timestamps.
        shape: Tells the pixels' shape of the frame that was decoded last.
        warnings: Where a sentence goes for each other size.
    """

    def __init__(
        self,
        raster: Raster | None,
        time_base: Fraction,
        shape: Callable[[], Fraction | None],
        warnings: list[str],
    ) -> None:
        self._raster, self._time_base, self._shape, self._warnings = raster, time_base, shape, warnings
        self._graphs: dict[tuple[str, int, int], Graph] = {}

    def through(self, frames: Iterator[VideoFrame]) -> Iterator[VideoFrame]:
        """All frames, in one size."""
        for frame in frames:
            size = Size(frame.width, frame.height)
            if self._raster is None:
                self._raster = Raster(size, self._shape())
            yield frame if size == self._raster.size else alike(through(self._graph(frame), frame), frame)

    def _graph(self, frame: VideoFrame) -> Graph:
        key = kind(frame)
        if key not in self._graphs:
            assert self._raster is not None
            size, wanted = Size(frame.width, frame.height), self._raster.size
            inner = inner_size(Raster(size, self._shape()), self._raster)
            how = "scaled" if inner == wanted else "letterboxed"
            warning = f"some frames have another size, {size}: {how} to {wanted}"
            if warning not in self._warnings:
                self._warnings.append(warning)
            x, y = ((outside - inside) // 4 * 2 for outside, inside in zip(wanted, inner, strict=True))
            scale = ("scale", f"{inner.width}:{inner.height}:flags=bicubic")
            pad = ("pad", f"{wanted.width}:{wanted.height}:{x}:{y}:black")
            self._graphs[key] = build_graph(frame, self._time_base, [scale, pad])
        return self._graphs[key]


def inner_size(raster: Raster, outer: Raster) -> Size:
    """The largest size of a picture's shape within another raster, its sides even where borders are needed."""
    shape = (raster.pixel_shape or 1) * Fraction(raster.size.width, raster.size.height)
    room = (outer.pixel_shape or 1) * Fraction(outer.size.width, outer.size.height)
    width, height = outer.size
    if shape < room:
        width = _even(width * shape / room, width)
    else:
        height = _even(height * room / shape, height)
    return Size(width, height)


def _even(value: Fraction, most: int) -> int:
    """The nearest even number, or ``most`` itself where a border would be a pixel or two on each side."""
    return most if most - value < 4 else max(2, 2 * round(value / 2))
