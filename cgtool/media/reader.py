"""Reading video: presented frames, upright, RGB, with their own timestamps."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import cast

import av
import numpy as np
from av.codec.context import CodecContext, Flags
from av.filter import Graph
from av.sidedata.sidedata import SideData
from av.stream import Disposition, Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from cgtool.errors import MediaError
from cgtool.frame import Frame
from cgtool.media.colour import UNSPECIFIED, Colour, is_rgb_format
from cgtool.media.containers import SourceStream
from cgtool.media.orientation import Orientation, orientation_from_display_matrix

_FULL_RANGE_TAG = 2
_MAX_CONSECUTIVE_ERRORS = 1000
"""Give up on a stream after this many packets in a row that won't decode: it is damaged beyond use."""

_FARTHEST_START_SECONDS = 10
"""A file that begins later than this has a clock of its own (broadcast recordings): the output begins at 0 instead of
showing hours of nothing."""
_STALE_TAGS = ("BPS", "NUMBER_OF_", "_STATISTICS_", "DURATION", "ENCODER", "ROTATE", "ALPHA_MODE", "VENDOR_ID")
"""Tags that describe the coded stream (Matroska statistics, the encoder, rotation, alpha), by their beginnings."""


@dataclass(frozen=True)
class VideoInfo:
    """What the writer must know of the source.

    Attributes:
        width, height: Size in pixels of the upright frame.
        time_base: Seconds a tick of the frames' timestamps.
        average_rate: Frames a second on average, None if unknown. For estimates only.
        estimated_frames: About how many frames will come, None if unknown. For the progress bar only.
        sample_aspect_ratio: Width over height of an upright pixel, None where the file doesn't say.
        colour: What the samples of the source meant.
        stream_index: The converted stream's index in the file.
        is_default: Whether players choose the stream by themselves.
        has_vendor_tags: Whether the file has tags that phones write under names of their own (``com.apple...``).
        stale_tags: Names of the stream's tags that would be untrue of the converted stream.
        origin_seconds: Time on the file's own clock that output timestamps count from: 0 as a rule, the cut's start
            if there is one, the file's start where its clock is far off (broadcast recordings) or negative.
    """

    width: int
    height: int
    time_base: Fraction
    average_rate: Fraction | None
    estimated_frames: int | None
    sample_aspect_ratio: Fraction | None
    colour: Colour
    stream_index: int
    is_default: bool
    has_vendor_tags: bool
    stale_tags: tuple[str, ...]
    origin_seconds: Fraction


class VideoReader:
    """Decodes the first video stream of a file.

    Opening decodes the first frame, so a file that holds none fails before any output is begun.

    Args:
        path: The file.
        start: Leave out frames before this many seconds after the file's start.
        end: Leave out frames from this many seconds after the file's start on.

    Attributes:
        info: The stream's properties.
        warnings: What the user should know, as sentences without a file name; complete once the frames are read.
        damaged_frames: Frames that were decoded with errors, and packets that could not be decoded, so far.

    Raises:
        MediaError: The file can't be read or holds no video frame (in the given span).
    """

    def __init__(
        self, path: str | os.PathLike[str], *, start: Fraction | None = None, end: Fraction | None = None
    ) -> None:
        self._path = Path(path)
        self.warnings: list[str] = []
        self.damaged_frames = 0
        self._graphs: dict[tuple[object, ...], Graph] = {}
        try:
            self._container = av.open(f"file:{self._path}", metadata_errors="replace")
        except OSError as error:  # PyAV's errors for missing and unreadable files are OSErrors as well
            raise MediaError(_reason(error), path=self._path) from error
        except av.FFmpegError as error:
            raise MediaError(_reason(error), path=self._path) from error
        try:
            self._open(start, end)
        except BaseException:
            self._container.close()
            raise

    def _open(self, start: Fraction | None, end: Fraction | None) -> None:
        self._stream = self._first_video_stream()
        # The whole machine's threads, and damaged frames shown rather than silently left out.
        self._stream.thread_type = "AUTO"
        self._stream.codec_context.flags |= Flags.output_corrupt
        file_start = Fraction(self._container.start_time or 0, av.time_base)
        self._start_time = None if start is None else file_start + start
        self._end_time = None if end is None else file_start + end
        self._time_base = self._stream.time_base or Fraction(1, 90000)
        if self._start_time is not None and start:
            self._seek(self._start_time)
        self._decoded = self._decode()
        first = next(self._decoded, None)
        if first is None:
            span = " in the given span" if start is not None or end is not None else ""
            raise MediaError(f"holds no video frame that can be decoded{span}", path=self._path)
        self._first: VideoFrame | None = first
        self._colour = self._read_colour(first)
        self._orientation = self._read_orientation(first)
        self.info = self._describe(first)
        self._note_losses(first)

    def _first_video_stream(self) -> VideoStream:
        for stream in self._container.streams.video:
            if not stream.disposition & Disposition.attached_pic:
                if stream.codec_context is None:
                    raise MediaError("its video codec is unknown here", path=self._path)
                return stream
        kinds = ", ".join(sorted({str(stream.type) for stream in self._container.streams}))
        raise MediaError(f"holds no video (only {kinds})" if kinds else "holds no video", path=self._path)

    def _seek(self, time: Fraction) -> None:
        try:
            self._container.seek(int(time / self._time_base), stream=self._stream, backward=True)
        except av.FFmpegError:
            # Some files can't seek: reading from the beginning gives the same frames, only later.
            self._container.seek(0)

    def _decode(self) -> Iterator[VideoFrame]:
        """Decoded frames within the span, counting damage instead of stopping at it."""
        errors_in_a_row = 0
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except av.FFmpegError as error:
                self.warnings.append(f"the file ends early: {_reason(error)}")
                return
            try:
                frames = packet.decode()
            except av.FFmpegError:
                self.damaged_frames += 1
                errors_in_a_row += 1
                if errors_in_a_row == _MAX_CONSECUTIVE_ERRORS:
                    return
                continue
            for frame in frames:
                errors_in_a_row = 0
                assert isinstance(frame, VideoFrame)
                if self._start_time is not None and self._time(frame) < self._start_time:
                    continue
                if self._end_time is not None and self._time(frame) >= self._end_time:
                    return
                self.damaged_frames += frame.is_corrupt
                yield frame

    def _time(self, frame: VideoFrame) -> Fraction:
        pts = frame.pts if frame.pts is not None else frame.dts
        return (pts or 0) * self._time_base

    def _read_colour(self, frame: VideoFrame) -> Colour:
        context = self._stream.codec_context
        name = frame.format.name

        def tag(of_frame: int, of_context: int) -> int:
            return of_frame if of_frame not in (0, UNSPECIFIED) else of_context or UNSPECIFIED

        return Colour(
            matrix=tag(frame.colorspace, context.colorspace),
            primaries=tag(frame.color_primaries, context.color_primaries),
            transfer=tag(frame.color_trc, context.color_trc),
            full_range=name.startswith("yuvj") or frame.color_range == _FULL_RANGE_TAG,
            width=frame.width,
            height=frame.height,
            is_rgb=is_rgb_format(name),
        )

    def _read_orientation(self, frame: VideoFrame) -> Orientation:
        try:
            matrix = frame.side_data.get("DISPLAYMATRIX")
        except ValueError:  # side data of a kind that PyAV has no name for
            matrix = None
        if matrix is None:
            return Orientation()
        orientation = orientation_from_display_matrix(bytes(cast(SideData, matrix)))
        if orientation is None:
            self.warnings.append(f"its rotation by {frame.rotation} degrees is no quarter turn and is ignored")
            return Orientation()
        return orientation

    def _describe(self, first: VideoFrame) -> VideoInfo:
        stream = self._stream
        width, height = self._orientation.size(first.width, first.height)
        ratio = stream.sample_aspect_ratio
        if ratio is not None and ratio > 0:
            ratio = 1 / ratio if self._orientation.transpose else ratio
        rate = stream.average_rate or None
        seconds = None if stream.duration is None else stream.duration * self._time_base
        if seconds is None and self._container.duration is not None:
            seconds = Fraction(self._container.duration, av.time_base)
        file_start = Fraction(self._container.start_time or 0, av.time_base)
        whole = self._start_time is None and self._end_time is None
        if seconds is not None and not whole:
            begin = self._start_time if self._start_time is not None else file_start
            seconds = min(file_start + seconds, self._end_time or file_start + seconds) - begin
        estimate = stream.frames if whole and stream.frames else None
        if estimate is None and seconds is not None and rate is not None:
            estimate = max(1, round(seconds * rate))
        return VideoInfo(
            width=width,
            height=height,
            time_base=self._time_base,
            average_rate=rate,
            estimated_frames=estimate,
            sample_aspect_ratio=ratio or None,
            colour=replace(self._colour, width=width, height=height),
            stream_index=stream.index,
            is_default=bool(stream.disposition & Disposition.default),
            has_vendor_tags=any(name.startswith("com.") for name in self._container.metadata),
            stale_tags=tuple(name for name in stream.metadata if name.upper().startswith(_STALE_TAGS)),
            origin_seconds=self._origin(first, file_start),
        )

    def _origin(self, first: VideoFrame, file_start: Fraction) -> Fraction:
        if self._start_time is not None:
            return self._start_time
        if self._time(first) < 0 or file_start > _FARTHEST_START_SECONDS:
            return min(file_start, self._time(first))
        return Fraction(0)

    def _note_losses(self, first: VideoFrame) -> None:
        has_alpha = any(component.is_alpha for component in first.format.components)
        if has_alpha or self._stream.metadata.get("alpha_mode") == "1":
            self.warnings.append("its alpha channel is dropped: the result is opaque")
        if self._colour.hdr:
            self.warnings.append(f"HDR ({self._colour.hdr}) is tone-mapped to SDR BT.709")

    @property
    def span_seconds(self) -> tuple[Fraction | None, Fraction | None]:
        """The span that is read, on the file's own clock; None where it is open."""
        return self._start_time, self._end_time

    def streams(self) -> list[SourceStream]:
        """Every stream of the file, in its order."""
        return [_source_stream(stream) for stream in self._container.streams]

    def frames(self) -> Iterator[Frame]:
        """Every presented frame in order. Can be iterated once.

        Timestamps are the file's own, moved only by ``info.origin_seconds``, and always increase.
        """
        offset = round(self.info.origin_seconds / self._time_base)
        step = max(1, round(1 / (self.info.average_rate or 25) / self._time_base))
        last: int | None = None
        repaired = 0
        index = 0
        while True:
            decoded = self._first if self._first is not None else next(self._decoded, None)
            self._first = None
            if decoded is None:
                break
            pts = decoded.pts if decoded.pts is not None else decoded.dts
            pts = (0 if last is None else last + step) if pts is None else pts - offset
            if last is not None and pts <= last:
                pts = last + 1  # no container holds two frames at one time
                repaired += 1
            last = pts
            yield Frame(self._pixels(decoded), index, pts, self._time_base)
            index += 1
        if repaired:
            self.warnings.append(f"{repaired} frames did not come after the one before and were moved by a tick")
        if self.damaged_frames:
            self.warnings.append(f"{_count(self.damaged_frames, 'damaged frame')} in the source")

    def _pixels(self, frame: VideoFrame) -> NDArray[np.uint8]:
        key = (frame.format.name, frame.width, frame.height)
        if key not in self._graphs:
            self._graphs[key] = self._build_graph(frame)
        graph = self._graphs[key]
        graph.push(frame)
        rgb = graph.pull()
        assert isinstance(rgb, VideoFrame)
        # PyAV gives a view with the rows' padding where the width needs some.
        return np.ascontiguousarray(self._orientation.apply(rgb.to_ndarray().astype(np.uint8, copy=False)))

    def _build_graph(self, frame: VideoFrame) -> Graph:
        colour = self._colour
        filters = colour.decode_filters()
        if (frame.width, frame.height) != (colour.width, colour.height):
            self.warnings.append(
                f"the frame size changes to {frame.width}x{frame.height}; scaled to {colour.width}x{colour.height}"
            )
            filters.insert(1, ("scale", f"{colour.width}:{colour.height}:flags=bicubic"))
        return build_graph(frame, self._time_base, filters)

    def close(self) -> None:
        """Close the file. Closing twice is allowed."""
        self._graphs.clear()
        self._container.close()

    def __enter__(self) -> VideoReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def build_graph(frame: VideoFrame, time_base: Fraction, filters: list[tuple[str, str]]) -> Graph:
    """A filter chain for frames of the size and format of ``frame``."""
    graph = Graph()
    node = graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=time_base)
    for name, arguments in filters:
        following = graph.add(name, arguments)
        node.link_to(following)
        node = following
    node.link_to(graph.add("buffersink"))
    graph.configure()
    return graph


def _source_stream(stream: Stream) -> SourceStream:
    context = cast(CodecContext | None, stream.codec_context)  # PyAV has none for attachments and unknown codecs
    return SourceStream(
        index=stream.index,
        kind=stream.type,
        codec="unknown" if context is None else context.codec.canonical_name,
        is_default=bool(stream.disposition & Disposition.default),
        is_picture=bool(stream.disposition & Disposition.attached_pic),
    )


def _reason(error: Exception) -> str:
    """FFmpeg's words for an error, made into a clause."""
    if isinstance(error, FileNotFoundError):
        return "no such file"
    if isinstance(error, PermissionError):
        return "permission denied"
    if isinstance(error, IsADirectoryError):
        return "is a directory"
    if isinstance(error, av.InvalidDataError):
        return "is no video or image that can be read, or is damaged from the start"
    text = getattr(error, "strerror", None) or str(error)
    return f"can't be read ({text})"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
