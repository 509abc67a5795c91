"""Joining pieces of one video, encoded one by one, without encoding again: no seam, and every frame at its own time.

Packets are copied as they are. Their presentation times are the pieces' own; decoding times are laid out anew for the
whole, as encoders do it: those of the presentation, put off by as many frames as the codec reorders.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import av
from av.packet import Packet
from av.video.stream import VideoStream

from cgtool.errors import MediaError
from cgtool.media.containers import Container
from cgtool.media.encoders import EncoderChoice
from cgtool.media.input.beside import Source
from cgtool.media.input.packets import open_container
from cgtool.media.reader import VideoInfo
from cgtool.media.writer import VideoWriter

_FEEDS = {"prores_ks": "mov", "ffv1": "matroska"}
"""How packets go to ffmpeg where it is not MP4, which alone says of each when it is decoded and has all colours."""
_FINE = 1000
"""Matroska counts milliseconds; decoding times, which must all differ, are laid out in microseconds."""


@dataclass(frozen=True)
class Piece:
    """A file that holds a part of the video and nothing else.

    Attributes:
        path: The file, of the output's container.
        first_pts: When its first frame is shown, in ticks.
        frames: How many it holds.
    """

    path: Path
    first_pts: int
    frames: int


def counts_from_zero(container: Container) -> bool:
    """Whether a piece's timestamps count from its own first frame.

    MP4 and QuickTime tell a late beginning in whole milliseconds, so it must not be told to them.
    """
    return container.muxer in ("mp4", "mov")


def check_piece(piece: Piece) -> None:
    """Make sure that a piece is whole.

    Raises:
        MediaError: It can't be read, or holds another number of frames.
    """
    try:
        found = sum(1 for _ in _packets(piece.path))
    except av.FFmpegError as error:
        raise MediaError(f"can't be read again ({error})", path=piece.path) from error
    if found != piece.frames:
        raise MediaError(f"holds {found} frames instead of {piece.frames}", path=piece.path)


class Joiner(VideoWriter):
    """Writes a video of pieces, and the source's other streams beside it; it appears when it is whole.

    Args:
        path: The output.
        container: Its format, in which the pieces are, too.
        encoder: How they were encoded.
        info: The source video's properties.
        source: The source file for everything else.
        pieces: The pieces in order.
        overwrite: Replace an existing output.

    Attributes:
        warnings: Sentences for the user.

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
        pieces: Sequence[Piece],
        *,
        overwrite: bool = False,
    ) -> None:
        self._pieces = pieces
        self._path = path
        self._feed = _FEEDS.get(encoder.name, "mp4")
        self._schedule = _Schedule(pieces, info.time_base, from_zero=counts_from_zero(container))
        if source.start_seconds is not None:
            self._schedule.decode_nothing_before_the_first_frame()
        shift = self._schedule.shift_seconds
        feed = ("-itsoffset", str(-shift), "-f", self._feed)
        copying = encoder.copying()
        if self._feed == "matroska" and info.sample_aspect_ratio is not None:
            # PyAV can't tell Matroska the shape of pixels. ffmpeg can, in numbers up to 255.
            shape = info.sample_aspect_ratio * info.width / info.height
            copying = replace(
                copying, arguments=(*copying.arguments, "-aspect:{n}", f"{shape.numerator}:{shape.denominator}")
            )
        super().__init__(path, container, copying, info, source, overwrite=overwrite, feed=feed)

    def __enter__(self) -> Joiner:
        return self

    def join(self) -> None:
        """Copy all pieces, and give the output its name.

        Raises:
            EncoderError: ffmpeg failed.
            MediaError: The pieces don't fit each other.
            OutputExistsError: Somebody else made the output in the meantime.
        """
        options = {"avoid_negative_ts": "disabled"}
        if self._feed in ("mp4", "mov"):
            options["movflags"] = "frag_keyframe+delay_moov+default_base_moof"
            # The track's clock, and that of when it begins.
            options["video_track_timescale"] = options["movie_timescale"] = str(self._schedule.tick.denominator)
        try:
            with av.open(f"pipe:{self._ffmpeg.stdin_fd}", "w", format=self._feed, options=options) as out:
                stream: VideoStream | None = None
                setup: bytes | None = None
                for packet in self._schedule.packets():
                    source = packet.stream
                    if stream is None:
                        stream = out.add_stream_from_template(source, opaque=True)
                        stream.time_base = self._schedule.tick
                        if source.sample_aspect_ratio:
                            stream.codec_context.sample_aspect_ratio = source.sample_aspect_ratio
                        setup = source.codec_context.extradata
                    if source.codec_context.extradata != setup:
                        hint = "Use --no-resume to begin anew"
                        raise MediaError("its pieces were encoded by different encoders", path=self._path, hint=hint)
                    packet.stream = stream
                    out.mux(packet)
        except (av.FFmpegError, OSError) as error:
            raise self._failure() from error
        self._publish()


class _Schedule:
    """When every packet is decoded and shown.

    Attributes:
        tick: Seconds per tick of what `packets` gives: the pieces' own, or finer.
    """

    def __init__(self, pieces: Sequence[Piece], time_base: Fraction, *, from_zero: bool) -> None:
        self._pieces = pieces
        self.tick = time_base
        self._pts: list[list[int]] = []
        delay = 0
        for piece in pieces:
            try:
                found = list(_packets(piece.path))
            except av.FFmpegError as error:
                raise MediaError(f"can't be read again ({error})", path=piece.path) from error
            self.tick = found[0].time_base / (1 if from_zero else _FINE)
            begin = piece.first_pts * time_base if from_zero else Fraction(0)
            shown = [round((begin + (packet.pts or 0) * packet.time_base) / self.tick) for packet in found]
            place = {pts: number for number, pts in enumerate(sorted(shown))}
            delay = max(delay, *(number - place[pts] for number, pts in enumerate(shown)))
            self._pts.append(shown)
        order = sorted(itertools.chain(*self._pts))
        gap = max(1, order[1] - order[0]) if len(order) > 1 else 1
        self._dts = [*(order[0] - (delay - number) * gap for number in range(delay)), *order][: len(order)]
        for number in range(len(order) - 2, -1, -1):  # two frames in one millisecond
            self._dts[number] = min(self._dts[number], self._dts[number + 1] - 1)

    @property
    def shift_seconds(self) -> int:
        """How much later all is than it should be, in whole seconds, so that nothing is decoded before 0."""
        return max(0, math.ceil(-self._dts[0] * self.tick))

    def decode_nothing_before_the_first_frame(self) -> None:
        """Put off what is decoded before anything is shown: ffmpeg cuts at the beginning, by decoding times."""
        first = min(self._pts[0])
        self._dts = [max(dts, first + number) for number, dts in enumerate(self._dts)]

    def packets(self) -> Iterator[Packet[VideoStream]]:
        """All pieces' packets with their times, in order."""
        shift = int(self.shift_seconds / self.tick)
        decoded = iter(self._dts)
        for piece, shown in zip(self._pieces, self._pts, strict=True):
            for packet, pts in zip(_packets(piece.path), shown, strict=True):
                packet.duration = round((packet.duration or 0) * (packet.time_base or 0) / self.tick)
                packet.pts, packet.dts, packet.time_base = pts + shift, next(decoded) + shift, self.tick
                yield packet


def _packets(path: Path) -> Iterator[Packet[VideoStream]]:
    with open_container(path) as container:
        for packet in container.demux(container.streams.video[0]):
            if packet.size:
                yield packet
