"""Small clips of any kind that a camera, an editor or a recorder might have written, each told by a recipe.

A recipe is a plain record, so that a failing example can be read, kept and written again.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

MOST_FRAMES = 50
_DARKEST, _STEP, _LEVELS, _STRIDE = 20, 4, 53, 23
"""Neighbours in time differ by 92 levels or more; no two of 53 frames are alike."""
_SOUND_RATE = 48000
_TONE_HERTZ = 1000

_LOSSLESS = {"libx264": {"preset": "ultrafast", "qp": "0"}, "libvpx": {"deadline": "realtime", "cpu-used": "8"}}
_QUALITY = {"mpeg4": 2, "mpeg2video": 2}
_FINEST_MPEG4 = 65535
"""Ticks per second."""
_MPEG2_RATES = tuple(Fraction(rate) for rate in (24, 25, 30, 50, 60))
_RATES = (
    *(Fraction(rate) for rate in (1, 5, 8, 10, 12, 15, 24, 25, 30, 50, 60, 120)),
    *(Fraction(rate * 1000, 1001) for rate in (24, 30, 60)),
    *(Fraction(37, 3), Fraction(1499, 50)),
)


@dataclass(frozen=True)
class Kind:
    """What a container may hold here.

    Attributes:
        videos: Encoders of its picture, by FFmpeg's names.
        sounds: Encoders of its sound.
        words: FFmpeg's name of its subtitles' codec, None if it has none.
        tick: Seconds per tick of its clock; None where it takes any.
        has_clock: Frames may be shown at any time; where not, each is a tick of the frame rate after the one before.
    """

    videos: tuple[str, ...]
    sounds: tuple[str, ...]
    words: str | None = None
    tick: Fraction | None = None
    has_clock: bool = True


KINDS = {
    "mp4": Kind(("libx264", "mpeg4"), ("aac", "libmp3lame", "alac"), "mov_text"),
    "mov": Kind(("libx264", "mpeg4"), ("aac", "pcm_s16le"), "mov_text"),
    "mkv": Kind(
        ("libx264", "mpeg4", "ffv1"), ("aac", "flac", "libopus", "pcm_s16le", "ac3"), "subrip", Fraction(1, 1000)
    ),
    "webm": Kind(("libvpx",), ("libopus",), "webvtt", Fraction(1, 1000)),
    "ts": Kind(("libx264", "mpeg2video"), ("mp2", "aac", "ac3"), None, Fraction(1, 90000)),
    "avi": Kind(("mpeg4", "ffv1"), ("libmp3lame", "pcm_s16le"), has_clock=False),
}
"""By the file's suffix and FFmpeg's name, but for `_MUXERS`."""
_MUXERS = {"mkv": "matroska", "ts": "mpegts"}


@dataclass(frozen=True)
class Sound:
    """A sound stream: silence, then a tone.

    Attributes:
        encoder: FFmpeg's name of it.
        begin: Its first sample's time on the file's clock, in seconds.
        silence: Seconds until the tone begins.
        seconds: How long it is.
    """

    encoder: str
    begin: Fraction
    silence: Fraction
    seconds: Fraction

    @property
    def tone(self) -> Fraction:
        """When the tone begins on the file's clock."""
        return self.begin + self.silence


@dataclass(frozen=True)
class Recipe:
    """A clip.

    Attributes:
        suffix: A key of `KINDS`.
        encoder: FFmpeg's name of the picture's encoder.
        size: Width and height.
        rate: Frames per second that it is laid out for.
        ticks: When each frame is shown, in ticks of `time_base`.
        ticks_per_frame: Ticks that a frame lasts as a rule; the last one does.
        b_frames: How many may follow each other.
        key_distance: Frames from one key frame to the next, at most.
        sounds: Sound streams.
        words: When each line of a stream of subtitles begins and ends, in seconds; None for no such stream.
    """

    suffix: str
    encoder: str
    size: tuple[int, int]
    rate: Fraction
    ticks: tuple[int, ...]
    ticks_per_frame: int
    b_frames: int
    key_distance: int
    sounds: tuple[Sound, ...] = ()
    words: tuple[tuple[Fraction, Fraction], ...] | None = None

    @property
    def time_base(self) -> Fraction:
        """Seconds per tick."""
        return 1 / (self.rate * self.ticks_per_frame)

    @property
    def times(self) -> list[Fraction]:
        """When each frame is shown, in seconds on the file's clock."""
        return [tick * self.time_base for tick in self.ticks]

    @property
    def end(self) -> Fraction:
        """When the last frame ends."""
        return (self.ticks[-1] + self.ticks_per_frame) * self.time_base

    @property
    def tick(self) -> Fraction:
        """Seconds per tick of the file's own clock, which times are rounded to."""
        return KINDS[self.suffix].tick or self.time_base


def level(number: int) -> int:
    """The luma, in limited range, that the frame of a number is filled with."""
    return _DARKEST + _STEP * (number * _STRIDE % _LEVELS)


def write(recipe: Recipe, folder: Path) -> Path:
    """Write the clip; its path."""
    path = folder / f"clip.{recipe.suffix}"
    with av.open(str(path), "w", format=_MUXERS.get(recipe.suffix, recipe.suffix)) as container:
        picture = _add_picture(container, recipe)
        sounds = [_add_sound(container, sound) for sound in recipe.sounds]
        words = _add_words(container, recipe)
        packets: list[Packet[Any]] = list(_picture_packets(picture, recipe))
        for stream, sound in zip(sounds, recipe.sounds, strict=True):
            packets += _sound_packets(stream, sound)
        if words is not None:
            packets += _words_packets(words, recipe)
        for packet in sorted(packets, key=_decoding_time):
            container.mux(packet)
    return path


def _decoding_time(packet: Packet[Any]) -> Fraction:
    assert packet.dts is not None
    assert packet.time_base is not None
    return packet.dts * packet.time_base


def _add_picture(container: OutputContainer, recipe: Recipe) -> VideoStream:
    stream = container.add_stream(recipe.encoder, rate=recipe.rate)
    assert isinstance(stream, VideoStream)
    stream.width, stream.height = recipe.size
    odd = any(side % 2 for side in recipe.size)
    stream.pix_fmt = "yuv444p" if odd and recipe.encoder == "libx264" else "yuv420p"
    context = stream.codec_context
    context.time_base = stream.time_base = recipe.time_base
    context.gop_size = recipe.key_distance
    context.options = {**_LOSSLESS.get(recipe.encoder, {}), "bf": str(recipe.b_frames)}
    if recipe.encoder in _QUALITY:
        context.qmin, context.qmax = 1, _QUALITY[recipe.encoder]
    return stream


def _picture_packets(stream: VideoStream, recipe: Recipe) -> Iterator[Packet[VideoStream]]:
    width, height = recipe.size
    ends = (*recipe.ticks[1:], recipe.ticks[-1] + recipe.ticks_per_frame)
    durations = {begin: end - begin for begin, end in zip(recipe.ticks, ends, strict=True)}
    encoded: list[Packet[VideoStream]] = []
    for number, pts in enumerate(recipe.ticks):
        frame = av.VideoFrame(width, height, stream.pix_fmt or "")
        for plane, value in zip(frame.planes, (level(number), 128, 128), strict=True):
            plane.update(bytes([value]) * plane.buffer_size)
        frame.pts, frame.time_base = pts, recipe.time_base
        encoded += stream.encode(frame)
    for packet in [*encoded, *stream.encode(None)]:
        assert packet.pts is not None
        packet.duration = durations[packet.pts]
        yield packet


def _add_sound(container: OutputContainer, sound: Sound) -> AudioStream:
    stream = container.add_stream(sound.encoder, rate=_SOUND_RATE)
    assert isinstance(stream, AudioStream)
    stream.codec_context.layout = "mono"
    stream.codec_context.time_base = Fraction(1, _SOUND_RATE)
    return stream


def _sound_packets(stream: AudioStream, sound: Sound) -> Iterator[Packet[AudioStream]]:
    context = stream.codec_context
    context.open(strict=False)
    at = np.arange(round(sound.seconds * _SOUND_RATE))
    wave = 0.5 * np.sin(2 * np.pi * _TONE_HERTZ * at / _SOUND_RATE)
    wave[: round(sound.silence * _SOUND_RATE)] = 0
    begin = round(sound.begin * _SOUND_RATE)
    samples = (wave * 32767).astype(np.int16)
    resampler = av.AudioResampler(context.format, "mono", _SOUND_RATE, frame_size=context.frame_size or 1024)
    frame = av.AudioFrame.from_ndarray(samples[None], "s16", "mono")
    frame.sample_rate, frame.pts, frame.time_base = _SOUND_RATE, begin, Fraction(1, _SOUND_RATE)
    for part in [*resampler.resample(frame), *resampler.resample(None), None]:
        yield from stream.encode(part)


def _add_words(container: OutputContainer, recipe: Recipe) -> Stream | None:
    codec = KINDS[recipe.suffix].words
    if recipe.words is None or codec is None:
        return None
    stream = container.add_mux_stream(codec)
    stream.time_base = Fraction(1, 1000)
    return stream


def _words_packets(stream: Stream, recipe: Recipe) -> Iterator[Packet[Any]]:
    for begin, end in recipe.words or ():
        text = f"from {float(begin):.3f}".encode()
        is_sized = KINDS[recipe.suffix].words == "mov_text"
        packet: Packet[Any] = Packet(len(text).to_bytes(2, "big") + text if is_sized else text)
        packet.stream, packet.time_base = stream, Fraction(1, 1000)
        packet.pts = packet.dts = round(begin * 1000)
        packet.duration = round((end - begin) * 1000)
        packet.is_keyframe = True
        yield packet


def _milliseconds(least: int, most: int) -> SearchStrategy[Fraction]:
    return st.integers(least, most).map(lambda number: Fraction(number, 1000))


@st.composite
def recipes(draw: Callable[[SearchStrategy[Any]], Any]) -> Recipe:
    """Clips of every kind."""
    suffix = draw(st.sampled_from(sorted(KINDS)))
    kind = KINDS[suffix]
    encoder = draw(st.sampled_from(kind.videos))
    rate = draw(st.sampled_from(_MPEG2_RATES if encoder == "mpeg2video" else _RATES))
    is_fixed = encoder == "mpeg2video" or not kind.has_clock
    ticks_per_frame = 1 if is_fixed else draw(st.sampled_from((1, 2, 10, 17)))
    if encoder == "mpeg4" and (rate * ticks_per_frame).numerator > _FINEST_MPEG4:
        ticks_per_frame = 1
    begin = draw(_milliseconds(0, 3000)) if kind.has_clock and draw(st.booleans()) else Fraction(0)
    count = draw(st.integers(1, MOST_FRAMES))
    least = math.ceil((kind.tick or 0) * rate * ticks_per_frame)  # no two frames at one time
    steps = [max(step, least) for step in draw(_steps(count - 1, ticks_per_frame, rate))]
    ticks = tuple(itertools.accumulate(steps, initial=round(begin * rate * ticks_per_frame)))
    seconds = (ticks[-1] - ticks[0] + ticks_per_frame) / (rate * ticks_per_frame)
    has_b_frames = kind.has_clock and encoder in ("libx264", "mpeg4", "mpeg2video")
    return Recipe(
        suffix=suffix,
        encoder=encoder,
        size=(draw(st.integers(16, 96)), draw(st.integers(16, 96))),
        rate=rate,
        ticks=ticks,
        ticks_per_frame=ticks_per_frame,
        b_frames=draw(st.integers(0, 3)) if has_b_frames else 0,
        key_distance=draw(st.sampled_from((1, 5, 12, 250))),
        sounds=tuple(draw(st.lists(_sounds(kind, begin, seconds), max_size=2))),
        words=draw(st.none() | _lines(begin, seconds)) if kind.words else None,
    )


@st.composite
def _steps(draw: Callable[[SearchStrategy[Any]], Any], count: int, ticks_per_frame: int, rate: Fraction) -> list[int]:
    """Ticks from each frame to the next: even, jittering, or with gaps."""
    steps = [ticks_per_frame] * count
    if ticks_per_frame > 1 and draw(st.booleans()):
        jitter = draw(st.lists(st.integers(1 - ticks_per_frame, ticks_per_frame), min_size=count, max_size=count))
        steps = [step + one for step, one in zip(steps, jitter, strict=True)]
    longest = max(1, round(2 * rate * ticks_per_frame))
    for place in draw(st.lists(st.integers(0, count - 1), max_size=3)) if count else ():
        steps[place] += draw(st.integers(1, longest))
    return steps


@st.composite
def _sounds(draw: Callable[[SearchStrategy[Any]], Any], kind: Kind, begin: Fraction, seconds: Fraction) -> Sound:
    late = draw(st.just(Fraction(0)) | _milliseconds(0, 900)) if kind.has_clock else Fraction(0)
    length = draw(st.just(max(seconds, Fraction(1, 2))) | _milliseconds(300, 4000))
    return Sound(
        encoder=draw(st.sampled_from(kind.sounds)),
        begin=begin + late,
        silence=draw(_milliseconds(100, 250)),
        seconds=min(length, Fraction(20)),
    )


def _lines(begin: Fraction, seconds: Fraction) -> SearchStrategy[tuple[tuple[Fraction, Fraction], ...]]:
    """Lines one after the other, each begun at a round tenth of the clip."""
    tenth = max(seconds / 10, Fraction(1, 20))
    places = st.lists(st.integers(0, 9), min_size=1, max_size=3, unique=True).map(sorted)
    return places.map(lambda found: tuple((begin + tenth * place, begin + tenth * (place + 1)) for place in found))
