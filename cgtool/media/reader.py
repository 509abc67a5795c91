"""Reading video: presented frames, upright, in RGB or as decoded, with their own timestamps."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import cast

import numpy as np
from av.filter import Graph
from av.sidedata.sidedata import SideData
from av.stream import Disposition
from av.video.frame import VideoFrame

from cgtool.errors import MediaError
from cgtool.frame import Frame, PlanarFrame
from cgtool.media.colour import Colour, ToneMapping, build_graph, colour_of, through
from cgtool.media.containers import SourceStream
from cgtool.media.decoder import Decoder, source_stream
from cgtool.media.input.rates import estimated_frames, frame_rate, nominal_rate
from cgtool.media.input.survey import Survey
from cgtool.media.input.timecode import timecode_at
from cgtool.media.orientation import Orientation, orientation_from_display_matrix
from cgtool.media.planes import plane_format, read_planes
from cgtool.media.shape.alpha import Transparency, has_alpha
from cgtool.media.shape.frames import kind
from cgtool.media.shape.interlacing import Deinterlace, FieldOrder, field_order
from cgtool.media.shape.lasting import LastFrame, last_frame, loop_count
from cgtool.media.shape.shaping import Shaper
from cgtool.pictures import Image, Size

_FARTHEST_START_SECONDS = 10
"""A file that begins later than this has a clock of its own (broadcast recordings): the output begins at 0 instead of
showing hours of nothing."""
_OPAQUE = "its alpha channel is dropped: the result is opaque"
_STALE_TAGS = ("BPS", "NUMBER_OF_", "_STATISTICS_", "DURATION", "ENCODER", "ROTATE", "ALPHA_MODE", "VENDOR_ID")
"""Tags that describe the coded stream (Matroska statistics, the encoder, rotation, alpha), by their beginnings."""


@dataclass(frozen=True)
class VideoInfo:
    """A source video's properties, which the writer takes over.

    Attributes:
        width, height: Size in pixels of the upright frame.
        time_base: Seconds per tick of the frames' timestamps.
        average_rate: Frames per second on average, None if unknown. For estimates only.
        nominal_rate: Frames per second that the timestamps were laid out for: above the average where frames were
            dropped. None if unknown.
        estimated_frames: About how many frames will come, None if unknown. For the progress bar only.
        sample_aspect_ratio: Width over height of an upright pixel, None where the file doesn't say.
        colour: The meaning of the source's samples.
        stream_index: The converted stream's index in the file.
        language: Its language, None if the file doesn't say.
        chapters: How many chapters the file has.
        is_default: Whether players choose the stream by themselves.
        timecode: The first frame's, None if the file has none.
        last_frame: When the last frame is shown and for how long, None if the file doesn't say.
        loops: How often a GIF is repeated, see `loop_count`; None of other files.
        field_order: Which field comes first where frames are interlaced and stay so, None where they are progressive.
        pixel_format: FFmpeg's name of the format that frames have as decoded (see `VideoReader.planar_frames`); None
            where they can be had in RGB only.
        has_vendor_tags: Whether the file has tags that phones write under names of their own (``com.apple...``).
        stale_tags: Names of the stream's tags that would be untrue of the converted stream.
        origin_seconds: Time on the file's own clock that output timestamps count from: 0 as a rule, the cut's start
            if there is one, the file's start where its clock is far off (broadcast recordings) or negative.
        begin_seconds: When the first frame is shown, counted from there.
        survey: What is known of the file's clock.
    """

    width: int
    height: int
    time_base: Fraction
    average_rate: Fraction | None
    nominal_rate: Fraction | None
    estimated_frames: int | None
    sample_aspect_ratio: Fraction | None
    colour: Colour
    pixel_format: str | None
    stream_index: int
    language: str | None
    chapters: int
    is_default: bool
    timecode: str | None
    last_frame: LastFrame | None
    loops: int | None
    field_order: FieldOrder | None
    has_vendor_tags: bool
    stale_tags: tuple[str, ...]
    origin_seconds: Fraction
    begin_seconds: Fraction
    survey: Survey


class VideoReader:
    """Decodes the first video stream of a file.

    Opening decodes the first frame, so a file that holds none fails before any output is begun.

    Args:
        path: The file.
        start: Leave out frames before this many seconds after the file's start.
        end: Leave out frames from this many seconds after the file's start on.
        deinterlace: What becomes of interlaced frames, see `Deinterlace`.

    Attributes:
        info: The stream's properties.
        warnings: For the user, sentences without a file name; complete once the frames are read.

    Raises:
        MediaError: The file can't be read or holds no video frame (in the given span).
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        start: Fraction | None = None,
        end: Fraction | None = None,
        deinterlace: Deinterlace = "auto",
    ) -> None:
        self._graphs: dict[tuple[str, int, int], Graph] = {}
        self._tone_mapping = ToneMapping()
        self._path, self._span = Path(path), (start, end)
        self._decoder = Decoder(self._path, start, end)
        self._small: tuple[Size, Graph] | None = None
        self._transparency: Transparency | None = None
        self.warnings = self._decoder.warnings
        try:
            self._shaper = Shaper(self._decoder, self._path, deinterlace)
            decoded = self._shaper.frames()
            first = next(decoded, None)
            if first is None:
                span = " in the given span" if start is not None or end is not None else ""
                raise MediaError(f"holds no video frame that can be decoded{span}", path=path)
            self._first = first
            self._coming: Iterator[VideoFrame] = itertools.chain([first], decoded)
            self._colour = colour_of(first, self._decoder.stream.codec_context)
            self._orientation = self._read_orientation(first)
            self.info = self._describe(first)
        except BaseException:
            self.close()
            raise

    def _read_orientation(self, frame: VideoFrame) -> Orientation:
        matrix = self._side_data("DISPLAYMATRIX")
        if matrix is None:
            return Orientation()
        orientation = orientation_from_display_matrix(bytes(matrix))
        if orientation is None:
            self.warnings.append(f"its rotation by {frame.rotation} degrees is no quarter turn and is ignored")
            return Orientation()
        return orientation

    def _side_data(self, kind: str) -> SideData | None:
        """The first frame's, None if it has none of the kind."""
        try:
            return cast("SideData | None", self._first.side_data.get(kind))
        except ValueError:  # there is some of a kind that PyAV has no name for
            return None

    def _describe(self, first: VideoFrame) -> VideoInfo:
        stream, container = self._decoder.stream, self._decoder.container
        width, height = self._orientation.size(first.width, first.height)
        ratio = self._shaper.pixel_shape
        if ratio is not None and ratio > 0:
            ratio = 1 / ratio if self._orientation.transpose else ratio
        origin = self._origin(first)
        return VideoInfo(
            width=width,
            height=height,
            time_base=self._decoder.time_base,
            average_rate=frame_rate(stream),
            nominal_rate=nominal_rate(stream),
            estimated_frames=estimated_frames(stream, self._decoder.survey.frames, *self._span),
            sample_aspect_ratio=ratio or None,
            colour=replace(self._colour, width=width, height=height),
            pixel_format=self._planar_format(first),
            stream_index=stream.index,
            language=stream.language,
            chapters=len(container.chapters()),
            is_default=bool(stream.disposition & Disposition.default),
            timecode=timecode_at(container, stream, None if self.span_seconds[0] is None else first.pts),
            last_frame=last_frame(self._path, stream.index, self.span_seconds[1]),
            loops=loop_count(self._path) if container.format.name == "gif" else None,
            field_order=field_order(first) if first.interlaced_frame else None,
            has_vendor_tags=any(name.startswith("com.") for name in container.metadata),
            stale_tags=tuple(name for name in stream.metadata if name.upper().startswith(_STALE_TAGS)),
            origin_seconds=origin,
            begin_seconds=(first.pts or 0) * self._decoder.time_base - origin,
            survey=self._decoder.survey,
        )

    def _origin(self, first: VideoFrame) -> Fraction:
        decoder = self._decoder
        if decoder.start_seconds is not None:
            return round(decoder.start_seconds / decoder.time_base) * decoder.time_base  # as frames, so sound
        begin = (first.pts or 0) * decoder.time_base
        if begin < 0 or decoder.file_start > _FARTHEST_START_SECONDS:
            return min(decoder.file_start, begin)
        return Fraction(0)

    def _planar_format(self, first: VideoFrame) -> str | None:
        """The first frame's format, unless its planes can't be turned upright as they are."""
        if not self._orientation.is_upright:
            chroma = {(part.width, part.height) for part in first.format.components if part.is_chroma}
            halved = chroma == {(first.width // 2, first.height // 2)} and not (first.width % 2 or first.height % 2)
            if not halved and chroma - {(first.width, first.height)}:
                return None
        return plane_format(first)

    def _note_losses(self, *, in_rgb: bool) -> None:
        self._transparency = Transparency() if in_rgb else None
        if not has_alpha(self._first) and self._decoder.stream.metadata.get("alpha_mode") == "1":
            self.warnings.append(_OPAQUE)
        if self._colour.hdr and in_rgb:
            self.warnings.append(f"HDR ({self._colour.hdr}) is tone-mapped to SDR BT.709")

    @property
    def first(self) -> VideoFrame:
        """The first frame as PyAV has it."""
        return self._first

    @property
    def span_seconds(self) -> tuple[Fraction | None, Fraction | None]:
        """The span that is read, on the file's own clock; None where it is open."""
        return self._decoder.start_seconds, self._decoder.end_seconds

    def begin_at(self, pts: int) -> None:
        """Go on, or back, to the first frame at or after a timestamp; ``info`` stays as it is."""
        self._coming = self._shaper.frames_from(pts + self._offset)

    def packet_times(self) -> list[tuple[int, bool]]:
        """The timestamp of every packet of the span, and whether decoding can begin there."""
        with closing(Decoder(self._path, *self._span, self.info.survey)) as decoder:
            return [(ticks - self._offset, is_key) for ticks, is_key in decoder.packet_times()]

    def streams(self) -> list[SourceStream]:
        """Every stream of the file, in its order."""
        return [source_stream(stream) for stream in self._decoder.container.streams]

    def frames(self) -> Iterator[Frame]:
        """Every presented frame in order, in RGB. Can be iterated once.

        Timestamps are the file's own, moved only by ``info.origin_seconds``, and always increase.
        """
        self._note_losses(in_rgb=True)
        for index, (decoded, pts) in enumerate(self._presented()):
            yield Frame(self._pixels(decoded), index, pts, self._decoder.time_base)

    def planar_frames(self) -> Iterator[PlanarFrame]:
        """Every presented frame in order, as decoded. Can be iterated once, and instead of `frames`.

        Frames have the first one's size, format (``info.pixel_format``, which must not be None) and meaning.
        """
        return (frame for frame, _ in self._as_decoded())

    def planes_and_small(self, size: Size) -> Iterator[tuple[PlanarFrame, Image]]:
        """Every presented frame as `planar_frames` gives it, and beside it a small picture of it, made in one pass.

        Args:
            size: The picture's size; it is RGB, uint8, upright.
        """
        graph = self.small_graph(size)
        for frame, decoded in self._as_decoded():
            yield frame, self._upright(through(graph, decoded))

    def small_graph(self, size: Size) -> Graph:
        """The filters to small pictures of a size; the same the next time."""
        if self._small is None or self._small[0] != size:
            coded = Size(*self._orientation.size(*size))  # turning swaps the sides, either way
            self._small = size, self._to_rgb(self._first, self._colour.small_filters(coded))
        return self._small[1]

    def _as_decoded(self) -> Iterator[tuple[PlanarFrame, VideoFrame]]:
        """Every presented frame's planes, upright, and the frame in the first one's size and format."""
        name = self.info.pixel_format
        assert name is not None
        self._note_losses(in_rgb=False)
        for index, (decoded, pts) in enumerate(self._presented()):
            frame = self._as_first(decoded)
            planes = tuple(self._orientation.apply(plane) for plane in read_planes(frame))
            yield PlanarFrame(name, planes, index, pts, self._decoder.time_base), frame

    def _presented(self) -> Iterator[tuple[VideoFrame, int]]:
        for decoded in self._coming:
            assert decoded.pts is not None
            if self._transparency is not None and self._transparency.look(decoded):
                self.warnings.append(_OPAQUE)
            yield decoded, decoded.pts - self._offset

    @property
    def _offset(self) -> int:
        return round(self.info.origin_seconds / self._decoder.time_base)

    def _as_first(self, frame: VideoFrame) -> VideoFrame:
        """A frame in the format of the first one, itself as a rule."""
        first, key = self._first, kind(frame)
        if key == kind(first):
            return frame
        if key not in self._graphs:
            to_format = ("format", f"pix_fmts={first.format.name}")
            self._graphs[key] = build_graph(frame, self._decoder.time_base, [to_format])
        return through(self._graphs[key], frame)

    def _pixels(self, frame: VideoFrame) -> Image:
        # A stream may change its format midway: every kind of frame has a filter chain of its own.
        key = kind(frame)
        if key not in self._graphs:
            self._graphs[key] = self._to_rgb(frame, self._colour.decode_filters())
        return self._upright(through(self._graphs[key], frame))

    def _to_rgb(self, frame: VideoFrame, filters: list[tuple[str, str]]) -> Graph:
        build = self._tone_mapping.graph if self._colour.hdr else build_graph
        return build(frame, self._decoder.time_base, filters)

    def _upright(self, rgb: VideoFrame) -> Image:
        # PyAV gives a view with the rows' padding where the width needs some.
        return np.ascontiguousarray(self._orientation.apply(rgb.to_ndarray().astype(np.uint8, copy=False)))

    def close(self) -> None:
        """Close the file. Closing twice is allowed."""
        self._tone_mapping.leave()
        self._graphs.clear()
        self._small = None
        self._decoder.close()

    def __enter__(self) -> VideoReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
