"""What a file shows and says, by PyAV alone: nothing here goes through cgtool's own reader."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np


@dataclass(frozen=True)
class Seen:
    """A file.

    Attributes:
        times: When each frame of its first picture is shown, in seconds on its clock, in order.
        levels: How bright each is in RGB.
        tick: Seconds per tick of the picture's clock.
        begin: When the first of its streams begins.
        end: When the last frame ends.
        sounds: Each sound stream's packets, as times, durations and payloads.
        tones: When each sound stream's tone is first heard; None where there is none.
        words: Each stream of subtitles' lines: when they begin, and the text.
    """

    times: list[Fraction]
    levels: list[float]
    tick: Fraction
    begin: Fraction
    end: Fraction
    sounds: list[list[bytes]]
    tones: list[Fraction | None]
    words: list[list[tuple[Fraction, str]]]


def look(path: Path) -> Seen:
    """Read all of a file."""
    with av.open(str(path)) as container:
        begin = Fraction(container.start_time or 0, av.time_base)
        packets = [packet for packet in container.demux() if packet.size]
        picture = container.streams.video[0]
        tick = picture.time_base
        assert tick is not None
        # AVI has no presentation times, and those that FFmpeg makes up for it are a frame late.
        has_pts = container.format.name != "avi"
        shown = sorted(
            ((packet.pts if has_pts else packet.dts) or 0, packet.duration or 0)
            for packet in packets
            if packet.stream is picture
        )
        sounds = [[_coded(bytes(p)) for p in packets if p.stream is stream] for stream in container.streams.audio]
        words = [
            [(p.pts * p.time_base, _text(bytes(p))) for p in packets if p.stream is stream and _text(bytes(p))]
            for stream in container.streams.subtitles
        ]
    return Seen(
        times=[pts * tick for pts, _ in shown],
        levels=_levels(path),
        tick=tick,
        begin=begin,
        end=max(pts + duration for pts, duration in shown) * tick,
        sounds=sounds,
        tones=[_tone(path, number) for number in range(len(sounds))],
        words=words,
    )


def _coded(payload: bytes) -> bytes:
    """A packet without ADTS's header, which transport streams put before AAC's."""
    is_adts = payload[:1] == b"\xff" and len(payload) > 1 and payload[1] & 0xF6 == 0xF0
    return payload[7:] if is_adts else payload


def _text(payload: bytes) -> str:
    """A line of subtitles without MP4's length before it; MP4 fills the time between lines with empty ones."""
    return payload[payload.find(b"from ") :].decode() if b"from " in payload else ""


def _levels(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        return [float(frame.to_ndarray(format="rgb24").mean()) for frame in container.decode(video=0)]


def _tone(path: Path, number: int) -> Fraction | None:
    with av.open(str(path)) as container:
        frames = list(container.decode(audio=number))
    for frame in frames:
        loud = np.abs(frame.to_ndarray().astype(np.float64).reshape(-1)) > _LOUD * _most(frame.format.name)
        if loud.any():
            assert frame.pts is not None
            assert frame.time_base is not None
            channels = frame.layout.nb_channels if not frame.format.is_planar else 1
            late = Fraction(int(loud.argmax()) // channels, frame.sample_rate)
            return Fraction(frame.pts * frame.time_base) + late
    return None


_LOUD = 0.15


def _most(name: str) -> float:
    return {"s16": 2.0**15, "s16p": 2.0**15, "s32": 2.0**31, "s32p": 2.0**31}.get(name, 1.0)
