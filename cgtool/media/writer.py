"""Writing video: frames with their timestamps to ffmpeg, the source's other streams beside them, whole or not at all.

Frames go to ffmpeg's standard input as raw video in NUT, a container that carries exact, variable timestamps. The
source file is ffmpeg's second input, from which sound, subtitles, chapters and metadata are taken.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

import av
import numpy as np
from av.container import OutputContainer
from av.filter import Graph
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from cgtool.errors import EncoderError
from cgtool.frame import Frame, PlanarFrame
from cgtool.media.clock import Clock
from cgtool.media.colour import Colour, build_graph, is_rgb_format
from cgtool.media.containers import Container, language_arguments
from cgtool.media.encoders import EncoderChoice
from cgtool.media.ffmpeg import FFmpegProcess
from cgtool.media.input.beside import Beside, Source
from cgtool.media.outputs import publish, reserve
from cgtool.media.planes import write_planes
from cgtool.media.reader import VideoInfo
from cgtool.media.shape.lasting import lasting_arguments, lasting_warnings, stated_rate

_PATIENCE_SECONDS = 2.0
_GIF_FILTER = "split[a][b];[a]palettegen=stats_mode=single[p];[b][p]paletteuse=new=1"


class VideoWriter:
    """Encodes frames to a video file that appears under its name only when it is whole.

    Args:
        path: The output.
        container: Its format.
        encoder: How its video is encoded.
        info: The source video's properties, which the output takes over.
        source: The source file for everything else.
        overwrite: Replace an existing output.
        as_decoded: Frames come as `PlanarFrame`s in the source's own pixel format, and their colours stay what they
            are: ffmpeg brings them to the encoder's (see `planes.keeps_colours`), dithered where bits are lost.
        extra_arguments: Further ffmpeg output arguments (``--ffmpeg-args``).
        feed: ffmpeg's options for what comes to its standard input.

    Attributes:
        warnings: Sentences for the user; complete after ``finish``.

    Raises:
        OutputExistsError: The output exists and is not to be replaced.
        MediaError: The output's folder can't be written.
    """

    def __init__(
        self,
        path: Path,
        container: Container,
        encoder: EncoderChoice,
        info: VideoInfo,
        source: Source,
        *,
        overwrite: bool = False,
        as_decoded: bool = False,
        extra_arguments: Sequence[str] = (),
        feed: Sequence[str] = ("-fpsprobesize", "0", "-f", "nut"),
    ) -> None:
        self._overwrite = overwrite
        self._container, self._info = container, info
        # Of the frames that ffmpeg is given; what it makes of them, the encoder's arguments say.
        self._pixel_format = (info.pixel_format if as_decoded else None) or encoder.pixel_format
        self._colour: Colour = info.colour if as_decoded else info.colour.for_output()
        self._clock = Clock(container, info)
        self._graph: Graph | None = None
        self.warnings: list[str] = list(encoder.warnings)
        if info.chapters and not container.chapters:
            self.warnings.append(f"chapters are left out, {container.name} can't hold them")
        self._output = reserve(path, overwrite=overwrite)
        self._beside: Beside | None = None
        try:
            self._beside = Beside(source, info.survey, info.origin_seconds + self._clock.moved_seconds)
            filters = _filters(container, encoder, info, self._colour, self._pixel_format)
            arguments = ["-y", "-copyts", *feed, "-i", "pipe:0", *self._beside.inputs()]
            arguments += _arguments(container, encoder, info, self._colour, filters, self._clock, source, self._beside)
            arguments += self._beside.attachments()
            self._ffmpeg = FFmpegProcess(
                [*arguments, *extra_arguments, "-f", container.muxer, f"file:{self._output.path}"]
            )
        except BaseException:
            self._clean_up()
            raise
        self._finished = False
        self._writing = threading.Lock()
        self._nut: OutputContainer | None = None
        self._stream: VideoStream | None = None

    def write(self, frame: Frame | PlanarFrame) -> None:
        """Encode a frame. Frames come in order, all of the source's size and of one kind.

        Raises:
            EncoderError: ffmpeg ended; the message has its last words.
        """
        try:
            with self._writing:
                if self._nut is None:
                    self._open_nut()
                assert self._nut is not None
                assert self._stream is not None
                picture = self._convert(frame)
                picture.pts = self._clock.tick(frame)
                picture.time_base = self._clock.time_base
                for packet in self._stream.encode(picture):
                    self._nut.mux(packet)
        except (av.FFmpegError, OSError) as error:
            raise self._failure() from error

    def _open_nut(self) -> None:
        self._nut = av.open(f"pipe:{self._ffmpeg.stdin_fd}", "w", format="nut")
        # The rate is a hint that NUT passes on, for containers that state one; it moves no timestamp.
        stream = self._nut.add_stream("rawvideo", rate=stated_rate(self._info))
        assert isinstance(stream, VideoStream)
        stream.width, stream.height = self._info.width, self._info.height
        stream.pix_fmt = self._pixel_format
        stream.time_base = self._clock.time_base
        stream.codec_context.time_base = self._clock.time_base
        self._stream = stream

    def _convert(self, frame: Frame | PlanarFrame) -> VideoFrame:
        if isinstance(frame, PlanarFrame):
            return write_planes(frame.pixel_format, frame.planes, self._info.width, self._info.height)
        if self._pixel_format == "rgb24":
            return VideoFrame.from_ndarray(frame.pixels, format="rgb24")
        if self._colour.full_range and not is_rgb_format(self._pixel_format):
            planes = self._colour.full_range_yuv(frame.pixels).transpose(2, 0, 1)
            picture = VideoFrame.from_ndarray(np.ascontiguousarray(planes), format="yuv444p")
        else:
            picture = VideoFrame.from_ndarray(frame.pixels, format="rgb24")
        if self._graph is None:
            self._graph = build_graph(picture, self._clock.time_base, self._colour.encode_filters(self._pixel_format))
        self._graph.push(picture)
        converted = self._graph.pull()
        assert isinstance(converted, VideoFrame)
        return converted

    def _failure(self) -> EncoderError:
        self._give_up_frames()
        self._ffmpeg.close_stdin()
        code = self._ffmpeg.wait()
        if code == 0:
            hint = "Is there something in --ffmpeg-args that ends it?"
            return EncoderError("ffmpeg ended before it had all frames", path=self._output.target, hint=hint)
        how = f"ended with exit code {code}" if code > 0 else f"was killed by signal {-code}"
        return EncoderError(f"ffmpeg {how}: {self._ffmpeg.last_words}", path=self._output.target)

    def _give_up_frames(self) -> None:
        """Close the way to an encoder that is gone.

        PyAV would do it when the container is deleted, and some of its releases print that it failed.
        """
        if self._nut is not None and self._writing.acquire(timeout=_PATIENCE_SECONDS):
            with contextlib.suppress(av.FFmpegError, OSError):
                self._nut.close()
            self._writing.release()

    def finish(self) -> None:
        """Wait for the encoder and give the output its name.

        Raises:
            EncoderError: ffmpeg failed.
            OutputExistsError: Somebody else made the output in the meantime.
        """
        try:
            if self._nut is not None and self._stream is not None:
                for packet in self._stream.encode(None):
                    self._nut.mux(packet)
                self._nut.close()
        except (av.FFmpegError, OSError) as error:
            raise self._failure() from error
        self._publish()

    def _publish(self) -> None:
        """Wait for ffmpeg, which has all it needs, and give the output its name."""
        self._ffmpeg.close_stdin()
        if self._ffmpeg.wait() != 0:
            raise self._failure()
        publish(self._output, overwrite=self._overwrite)
        self._finished = True
        self._clean_up()
        self.warnings += self._clock.warnings()
        self.warnings += lasting_warnings(self._container, self._info.last_frame, self._clock.time_base)

    def abort(self) -> None:
        """Stop the encoder at once and leave nothing behind. Safe from any thread, at any time, and more than once."""
        if not self._finished:
            try:
                self._ffmpeg.kill()
                self._give_up_frames()
            finally:
                self._clean_up()

    def _clean_up(self) -> None:
        self._output.give_up()
        if self._beside is not None:
            self._beside.close()

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.abort()


def _arguments(
    container: Container,
    encoder: EncoderChoice,
    info: VideoInfo,
    colour: Colour,
    filters: str,
    clock: Clock,
    source: Source,
    beside: Beside,
) -> list[str]:
    """ffmpeg's arguments after its inputs, and up to, but without, the output."""
    arguments: list[str] = []
    carried = {stream.index: stream.arguments for stream in source.carried if not stream.is_attached}
    indices = sorted([info.stream_index, *carried])
    for number, index in enumerate(indices):
        if index == info.stream_index:
            arguments += ["-map", "0:v:0", *(part.format(n=number) for part in encoder.arguments)]
            if not encoder.copies:
                arguments += _encoding(number, container, encoder, filters, colour, clock)
            origin = info.origin_seconds + clock.moved_seconds
            if info.timecode is not None:
                arguments += [f"-metadata:s:{number}", f"timecode={info.timecode}", "-metadata", "timecode="]
            arguments += lasting_arguments(number, container, info.last_frame, info.loops, origin)
            arguments += [f"-disposition:{number}", "default" if info.is_default else "0"]
            for tag in info.stale_tags:
                arguments += [f"-metadata:s:{number}", f"{tag}="]
            arguments += [part.format(n=number) for part in language_arguments(info.language, container)]
        else:
            how = (part.format(n=number) for part in carried[index])
            arguments += ["-map", beside.place(index), f"-c:{number}", *how]
        arguments += [f"-map_metadata:s:{number}", f"1:s:{index}"]
    arguments += ["-map_metadata", "1", "-map_chapters", "1" if container.chapters else "-1"]
    for brand in ("major_brand", "minor_version", "compatible_brands"):  # of the source's container, not of this one
        arguments += ["-metadata", f"{brand}="]
    arguments += ["-max_muxing_queue_size", "4096", *beside.span(container)]
    if container.muxer in ("mp4", "mov"):
        # Apple's own tag table loses vendors' tags; the other one keeps all, but fewer players show a title from it.
        arguments += ["-movflags", "+faststart+use_metadata_tags" if info.has_vendor_tags else "+faststart"]
        # When a track begins is told in ticks of its own, by default milliseconds: here in parts of the frames' ticks
        # that are half a sample of sound, of which 32 bits hold half a day.
        ticks = clock.time_base.denominator
        arguments += ["-movie_timescale", str(min(ticks * max(1, 96_000 // ticks), 1_000_000))]
        if encoder.name.startswith(("libx265", "hevc")):
            arguments += [f"-tag:{indices.index(info.stream_index)}", "hvc1"]
    if container.muxer == "avi":
        # A codec's priming before 0 would push back the picture, all of it but the first frame.
        arguments += ["-avoid_negative_ts", "disabled"]
    if container.muxer == "avi" and encoder.name == "libx264":
        arguments += ["-bf", "0"]  # AVI has no room for the reordering that B-frames need
    return arguments


def _encoding(
    number: int, container: Container, encoder: EncoderChoice, filters: str, colour: Colour, clock: Clock
) -> list[str]:
    """ffmpeg's arguments on how the output's stream of this number is encoded, beside the encoder's own."""
    arguments = [f"-fps_mode:{number}", "passthrough", f"-enc_time_base:{number}", str(clock.time_base)]
    arguments += [f"-filter:{number}", filters]
    if encoder.name == "ffv1" and container.muxer == "matroska" and colour.full_range:
        # FFV1 itself knows no range, so ffmpeg would scale to the limited one; Matroska can say which it is.
        arguments += [f"-color_range:{number}", "pc"]
    return arguments


def _filters(container: Container, encoder: EncoderChoice, info: VideoInfo, colour: Colour, given: str) -> str:
    """ffmpeg's filters for frames that are given in a pixel format."""
    filters = [colour.tag_filter(given)]
    if info.field_order is not None:
        filters.append(f"setfield={info.field_order}")
    if given != encoder.pixel_format:
        filters.append(colour.depth_filter())
        filters.append(f"format={encoder.pixel_format}")
    if info.sample_aspect_ratio is not None:
        ratio = info.sample_aspect_ratio
        # FFmpeg would round to what 100 can divide.
        filters.append(f"setsar={ratio.numerator}/{ratio.denominator}:max={max(ratio.numerator, ratio.denominator)}")
    if container.muxer == "gif":
        filters.append(_GIF_FILTER)
    return ",".join(filters)
