"""Packets in, decoded frames out: a span of a file's first video, in order, however damaged it is."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
from av.codec.context import CodecContext, Flags
from av.packet import Packet
from av.stream import Disposition, Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from cgtool.errors import MediaError
from cgtool.media.containers import UNKNOWN, SourceStream
from cgtool.media.input.boxes import what_is_missing
from cgtool.media.input.keys import has_key_ahead
from cgtool.media.input.packets import open_container, packets
from cgtool.media.input.rates import time_base, usual_rate
from cgtool.media.input.survey import Survey, look_through
from cgtool.media.input.timecode import find_timecode

_MOST_ERRORS = 1000
"""Give up on a stream after this many packets in a row that won't decode: it is damaged beyond use."""
_SEEK_BACK_SECONDS = (0, 1, 5, 30)
"""How far before the wanted time to look for a key frame, in turn; after that, the file is read from its beginning."""
_LEAD_SECONDS = 1
"""Reading that goes to the middle of a file begins this much before what is wanted."""
_LONGEST_REORDERING_SECONDS = 1
"""Codecs decode a frame at most this long before it is presented."""
_MISSING_SECONDS = 0.5
"""A file that ends this much earlier than it states is cut off; less is how durations are rounded."""
_TEXT_FORMATS = frozenset({"tty", "bin", "xbin", "adf", "idf"})
"""FFmpeg draws text files as pictures of a terminal, which nobody means who converts footage."""
_IMAGE_BRANDS = frozenset({"avif", "heic", "heix", "mif1"})
"""HEIF's still images (ISO/IEC 23008-12), which FFmpeg would decode as a film of one frame, or of one tile."""


def readable(text: str) -> str:
    """A metadata text with U+FFFD for each byte that is no UTF-8: it can be printed and written."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


class Decoder:
    """Decodes the first video stream of a file, from ``start`` on and until ``end``.

    Args:
        path: The file.
        start, end: Seconds after the file's start; None for all.
        survey: What is known of its clock; None to look.

    Attributes:
        container, stream: PyAV's.
        time_base: Seconds per tick of the frames' timestamps.
        file_start: When the file begins on its own clock, in seconds.
        start_seconds, end_seconds: The span on that clock; None where it is open.
        warnings: For the user, sentences without a file name; complete once the frames are read.
        survey: What is known of the file's clock.
        damaged_frames: Frames of the span that were decoded with errors, and packets that were not, so far.

    Raises:
        MediaError: The file can't be read or holds no video.
    """

    def __init__(self, path: Path, start: Fraction | None, end: Fraction | None, survey: Survey | None = None) -> None:
        self._path = path
        self.warnings: list[str] = []
        self.damaged_frames = 0
        self._open()
        self.survey = survey or look_through(path, self.stream)
        if self.survey.runs is not None:
            self.warnings.append(self.survey.runs.description)
        self.file_start = Fraction(self.container.start_time or 0, av.time_base)
        self.start_seconds = None if start is None else self.file_start + start
        self.end_seconds = None if end is None else self.file_start + end
        self._undecodable = 0
        self._key_ticks: int | None = None
        if start:
            self._seek(self.file_start + start)

    def _open(self) -> None:
        try:
            self.container = open_container(self._path)
        except OSError as error:  # PyAV's errors for missing and unreadable files are OSErrors as well
            raise MediaError(_reason(error, self._path), path=self._path) from error
        except av.FFmpegError as error:
            raise MediaError(_reason(error, self._path), path=self._path) from error
        try:
            self.stream = self._first_video_stream()
        except BaseException:
            self.container.close()
            raise
        # The whole machine's threads, and damaged frames shown rather than silently left out.
        self.stream.thread_type = "AUTO"
        self.stream.codec_context.flags |= Flags.output_corrupt
        self.time_base = time_base(self.stream)
        self._wait_for_key, self._at_beginning = False, True
        self._rate = usual_rate(self.stream)
        # AVI has no presentation times. Those that libavformat makes up for B-frames of H.264 are out of order, so
        # frames take the time of the packet that released them, as in the ffmpeg program.
        self._has_pts = self.container.format.name != "avi"

    def _first_video_stream(self) -> VideoStream:
        name = self.container.format.name
        if name in _TEXT_FORMATS:
            raise MediaError("is text, no video or image", path=self._path)
        if name.endswith(("_pipe", "image2")) or self.container.metadata.get("major_brand") in _IMAGE_BRANDS:
            hint = "Name it .jpg or .png if it is one, or convert it to one"
            raise MediaError("is a still image under another name", path=self._path, hint=hint)
        for stream in self.container.streams.video:
            if not stream.disposition & Disposition.attached_pic:
                if stream.codec_context is None:
                    raise MediaError("its video codec is unknown here", path=self._path)
                return stream
        kinds = ", ".join(sorted({"cover picture" if s.type == "video" else s.type for s in self.container.streams}))
        raise MediaError(f"holds no video (only {kinds})" if kinds else "holds no video", path=self._path)

    def _seek(self, time: Fraction) -> None:
        """Go to a key frame that is presented at ``time`` or before, so that all from there on can be decoded.

        Seeking alone does not do that: some formats land between key frames, others go by decoding times.
        """
        latest = time if self._has_pts else time - _LONGEST_REORDERING_SECONDS
        for back in _SEEK_BACK_SECONDS if self.survey.seeks else ():
            ticks = int((time - back) / self.time_base)
            try:
                self.container.seek(ticks, stream=self.stream)
                key = next((packet for packet in self.container.demux(self.stream) if packet.is_keyframe), None)
                key_ticks = None if key is None else self._ticks(key)
                if key_ticks is not None and key_ticks * self.time_base <= latest:
                    self.container.seek(ticks, stream=self.stream)
                    self._wait_for_key, self._at_beginning = True, False
                    return
            except av.FFmpegError:
                break  # a file that can't seek
        self.container.close()
        self._open()  # reading from the beginning gives the same frames, only later

    def frames_from(self, ticks: int) -> Iterator[VideoFrame]:
        """The span's frames from a time on: bit for bit those that `frames` gives there. Ends all former iterators.

        Where times can't be told after a seek, the file is read from its beginning.
        """
        # Some way before it, so that what is repaired on the way (missing times, times out of order) is repaired alike.
        time = ticks * self.time_base - _LEAD_SECONDS
        if self._has_pts and self.survey.seeks and time > self.file_start:
            self._seek(time)
        else:
            self.container.close()
            self._open()
            if self.start_seconds:
                self._seek(self.start_seconds)
        return itertools.dropwhile(lambda frame: frame.pts is not None and frame.pts < ticks, self.frames())

    def _ticks(self, item: Packet[VideoStream] | VideoFrame) -> int | None:
        return item.pts if self._has_pts and item.pts is not None else item.dts

    def _packets(self) -> Iterator[Packet[VideoStream]]:
        """The stream's packets on a clock that doesn't jump, from a key frame on."""
        runs = self.survey.runs
        follower = None if runs is None else runs.follow(self.stream.index)
        begins, self._undecodable, self._key_ticks = self._at_beginning, 0, None
        try:
            for packet in packets(self.container, [self.stream]):
                if follower is not None and packet.size and follower.move(packet):
                    begins = self._wait_for_key = True
                elif self._at_beginning and not packet.is_keyframe:
                    self._wait_for_key = has_key_ahead(self._path, self.stream)
                self._at_beginning = False
                if self._wait_for_key and not packet.is_keyframe:
                    self._undecodable += begins and packet.size > 0 and self._is_wanted(packet)
                    continue
                if self._key_ticks is None:
                    self._key_ticks = self._ticks(packet)
                self._wait_for_key = False
                yield packet
        except av.FFmpegError as error:
            self.warnings.append(f"the file ends early: {_reason(error)}")

    def _is_wanted(self, packet: Packet[VideoStream]) -> bool:
        ticks = self._ticks(packet)
        return ticks is None or self._place(ticks) == 0

    def packet_times(self) -> Iterator[tuple[int, bool]]:
        """When each packet of the span is shown, in ticks, and whether decoding can begin there. Decodes nothing."""
        for packet in self._packets():
            ticks = self._ticks(packet)
            if ticks is not None and self._place(ticks) == 0:
                yield ticks, packet.is_keyframe
            if packet.dts is not None and self._place(packet.dts) > 0:
                return

    def _decoded(self) -> Iterator[VideoFrame]:
        """All frames, counting damage instead of stopping at it."""
        errors_in_a_row = 0
        for packet in self._packets():
            try:
                frames = packet.decode()
            except av.FFmpegError:
                self.damaged_frames += self._is_wanted(packet)
                errors_in_a_row += 1
                if errors_in_a_row == _MOST_ERRORS:
                    return
            else:
                for frame in frames:
                    errors_in_a_row = 0
                    assert isinstance(frame, VideoFrame)
                    yield frame

    def _place(self, ticks: int) -> int:
        """-1 before the span, 0 within, 1 after."""
        time = ticks * self.time_base
        if self.start_seconds is not None and time < self.start_seconds:
            return -1
        return int(self.end_seconds is not None and time >= self.end_seconds)

    def frames(self) -> Iterator[VideoFrame]:
        """The span's frames in order. Each has a ``pts``, and it always increases. Can be iterated once."""
        # Where a frame has no time, it follows the one before by the last known distance.
        gap = max(1, round(1 / self._rate / self.time_base))
        previous, duration = None, 0
        last: int | None = None
        repaired = 0
        for frame in self._decoded():
            ticks = self._ticks(frame)
            if ticks is None:
                ticks = 0 if previous is None else previous + gap
            elif previous is not None and ticks > previous:
                gap = ticks - previous
            previous, duration = ticks, frame.duration
            place = self._place(ticks)
            if place > 0:
                break
            if place < 0:
                continue
            if frame.is_corrupt and self._key_ticks is not None and ticks < self._key_ticks:
                self._undecodable += 1  # it needs what lies before its key frame
                continue
            if last is not None and ticks <= last:
                ticks = last + 1  # no container holds two frames at one time
                repaired += 1
            last = frame.pts = ticks
            self.damaged_frames += frame.is_corrupt
            yield frame
        else:
            if previous is not None:
                self._note_missing_end((previous + max(gap, duration)) * self.time_base)
        if repaired:
            self.warnings.append(
                f"{_count(repaired, 'frame')} out of order in the source, moved to a tick after the one before"
            )
        if self._undecodable:
            left = _count(self._undecodable, "frame")
            self.warnings.append(f"begins between key frames: {left} that can't be decoded left out")
        if self.damaged_frames:
            self.warnings.append(f"{_count(self.damaged_frames, 'damaged frame')} in the source")

    def _note_missing_end(self, end: Fraction) -> None:
        stated = self._stated_end()
        missing = 0.0 if stated is None else float(stated - end)
        if missing > _MISSING_SECONDS:
            count = round(missing * self._rate)
            self.warnings.append(
                f"the file ends {missing:.1f} seconds before the end that it states: about {count} frames are missing"
            )

    def _stated_end(self) -> Fraction | None:
        """The last frame's end, in seconds, by the file's own word; None where it has none or only an estimate."""
        name = self.container.format.name
        if name.startswith("mov") and self.stream.duration is not None:
            return ((self.stream.start_time or 0) + self.stream.duration) * self.time_base
        if name.startswith("matroska"):
            tag = re.fullmatch(r"(\d+):(\d+):(\d+\.?\d*)", self.stream.metadata.get("DURATION", ""))
            if tag is not None:
                return int(tag[1]) * 3600 + int(tag[2]) * 60 + Fraction(tag[3])
            if self.container.duration is not None and len(self.container.streams) == 1:
                return self.file_start + Fraction(self.container.duration, av.time_base)
        return None

    def close(self) -> None:
        """Close the file. Closing twice is allowed."""
        self.container.close()


def _reason(error: Exception, path: Path | None = None) -> str:
    """FFmpeg's words for an error, made into a clause; of a file that can't be opened, what is wrong with it."""
    if isinstance(error, FileNotFoundError):
        return "no such file"
    if isinstance(error, PermissionError):
        return "permission denied"
    if isinstance(error, IsADirectoryError):
        return "is a directory"
    if isinstance(error, av.InvalidDataError):
        missing = None if path is None else what_is_missing(path)
        return missing or "is no video or image that can be read, or is damaged from the start"
    text = getattr(error, "strerror", None) or str(error)
    return f"can't be read ({text})"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def source_stream(stream: Stream) -> SourceStream:
    """A stream of a source file, as the table of containers judges it."""
    return SourceStream(
        index=stream.index,
        kind=stream.type,
        codec=_codec_name(cast(CodecContext | None, stream.codec_context)),
        is_default=bool(stream.disposition & Disposition.default),
        is_timecode=stream.type == "data" and find_timecode([stream.metadata]) is not None,
        is_picture=bool(stream.disposition & Disposition.attached_pic),
        language=stream.language,
        file_name=readable(stream.metadata.get("filename", "")) or None,
        begin_seconds=None if stream.start_time is None else stream.start_time * (stream.time_base or Fraction(0)),
    )


def _codec_name(context: CodecContext | None) -> str:
    if context is None:  # attachments, and codecs that PyAV doesn't know
        return UNKNOWN
    name = context.codec.canonical_name
    return "aac_adts" if name == "aac" and not context.extradata else name
