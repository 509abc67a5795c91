"""Interlaced footage: made progressive where frames are decoded, at the same rate and times, or kept and called so."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Literal

import av
from av.filter import Graph
from av.video.frame import VideoFrame

from cgtool.media.colour import build_graph
from cgtool.media.encoders import ENCODERS, EncoderChoice
from cgtool.media.shape.frames import alike, kind

Deinterlace = Literal["auto", "off", "on"]
"""What becomes of interlaced frames: deinterlaced where they are flagged, never, or all of them whatever is flagged."""
FieldOrder = Literal["tff", "bff"]
"""Which field of an interlaced frame comes first, top or bottom, in FFmpeg's words."""

NOTE = "its frames are interlaced: deinterlaced by bwdif, each to one frame; --deinterlace off leaves them as they are"
_ORDERS: dict[FieldOrder, str] = {"tff": "TOPFIRST", "bff": "BOTTOMFIRST"}


class Deinterlacer:
    """Makes interlaced frames progressive: bwdif, one frame for each, with its time.

    Args:
        mode: See `Deinterlace`.
        time_base: Seconds per tick of the frames' timestamps.
        warnings: Where `NOTE` goes once something was deinterlaced.
    """

    def __init__(self, mode: Deinterlace, time_base: Fraction, warnings: list[str]) -> None:
        self._mode, self._time_base, self._warnings = mode, time_base, warnings

    def through(self, frames: Iterator[VideoFrame]) -> Iterator[VideoFrame]:
        """All frames in order, progressive. What comes of a frame depends on it and its two neighbours alone."""
        previous: VideoFrame | None = None
        fields: _Fields | None = None
        for frame in frames:
            if fields is not None and not fields.takes(frame):
                yield from fields.end()
                fields = None
            if fields is None and self._is_wanted(frame):
                fields = _Fields(frame, previous, self._time_base, only_flagged=self._mode == "auto")
                if NOTE not in self._warnings:
                    self._warnings.append(NOTE)
            if fields is None:
                yield frame
            else:
                yield from fields.push(frame)
            previous = frame
        if fields is not None:
            yield from fields.end()

    def _is_wanted(self, frame: VideoFrame) -> bool:
        return self._mode == "on" or (self._mode == "auto" and frame.interlaced_frame)


class _Fields:
    """A run of frames of one kind in the filter, which looks at the frame before and the one after."""

    def __init__(
        self, first: VideoFrame, previous: VideoFrame | None, time_base: Fraction, *, only_flagged: bool
    ) -> None:
        filters = [("bwdif", f"mode=send_frame:parity=auto:deint={'interlaced' if only_flagged else 'all'}")]
        self._kind = kind(first)
        self._graph: Graph = build_graph(first, time_base, filters)
        self._waiting: deque[VideoFrame] = deque()
        if previous is not None and kind(previous) == self._kind:  # it has been shown already
            self._graph.push(previous)
            self._waiting.append(previous)
        self._shown_already = len(self._waiting)

    def takes(self, frame: VideoFrame) -> bool:
        """Whether a frame is of the run's kind."""
        return kind(frame) == self._kind

    def push(self, frame: VideoFrame | None) -> Iterator[VideoFrame]:
        """Give a frame, None for no more; what is ready."""
        self._graph.push(frame)
        if frame is not None:
            self._waiting.append(frame)
        while True:
            try:
                filtered = self._graph.pull()
            except (av.BlockingIOError, EOFError):
                return
            assert isinstance(filtered, VideoFrame)
            source = self._waiting.popleft()
            if self._shown_already:
                self._shown_already -= 1
            else:
                yield alike(filtered, source)

    def end(self) -> Iterator[VideoFrame]:
        """What is still to come."""
        return self.push(None)


def field_order(frame: VideoFrame) -> FieldOrder | None:
    """Which field of a frame comes first; None if it is progressive."""
    for order, name in _ORDERS.items():
        graph = build_graph(frame, Fraction(1, 25), [("select", f"eq(interlace_type\\,{name})")])
        graph.push(frame)
        try:
            graph.pull()
        except (av.BlockingIOError, EOFError):
            continue
        return order
    return None


def keep_fields(encoder: EncoderChoice, order: FieldOrder) -> tuple[EncoderChoice, list[str]]:
    """Let an encoder know that its frames are interlaced.

    Returns:
        The encoder, and a warning if its frames can't say it.
    """
    telling = next((one.interlaced for one in ENCODERS.values() if one.name == encoder.name), None)
    if telling is None:
        return encoder, [f"its frames stay interlaced, which {encoder.name}'s can't say; h264, prores and ffv1 can"]
    arguments = (*encoder.arguments, *(part.format(n="{n}", order=order) for part in telling))
    return replace(encoder, arguments=arguments), []
