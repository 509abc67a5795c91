"""Small clips made with the ffmpeg program, whose every frame and sample can be recognised in a result."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Literal

import av
import numpy as np
from av.stream import Stream
from numpy.typing import NDArray

from tests.helpers.probe import make

_DARKEST, _STEP = 20, 4
MOST_FRAMES = 54

GRADIENT = "gradients=nb_colors=4:c0=gray:c1=olive:c2=teal:c3=silver:x0=10:y0=20:x1=150:y1=100:seed=3"
"""A source of FFmpeg's that is the same picture each time: what is left out here would be drawn at random."""

SILENCE_THEN_TONE = "aevalsrc='if(gte(t,0.5),0.8*sin(2*PI*1000*t),0)':s=48000"
"""Sound that begins half a second after its own start."""


def numbered(path: Path, count: int, *arguments: str, rate: str = "10", size: str = "64x48", sound: str = "") -> Path:
    """A clip whose n-th frame is flat grey of a level that tells n; at most ``MOST_FRAMES``.

    ``sound`` is a lavfi source. Encoding is lossless H.264 unless ``arguments`` say otherwise.
    """
    assert count <= MOST_FRAMES
    duration = float(count / Fraction(rate))
    picture = f"color=black:size={size}:rate={rate}:duration={duration},format=yuv420p"
    inputs = ["-f", "lavfi", "-i", f"{picture},geq=lum={_DARKEST}+{_STEP}*N:cb=128:cr=128"]
    inputs += ["-f", "lavfi", "-t", f"{duration}", "-i", sound] if sound else []
    return make(path, *inputs, "-c:v", "libx264", "-preset", "ultrafast", "-qp", "0", *arguments)


def numbers(path: Path) -> list[int]:
    """Which frames of a ``numbered`` clip a file shows, in order, as the ffmpeg program presents them."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        size = stream.width * stream.height
    raw = path.with_name(f"{path.name}.gray")
    make(raw, "-i", path, "-map", "0:v:0", "-fps_mode", "passthrough", "-pix_fmt", "gray", "-f", "rawvideo")
    levels = np.frombuffer(raw.read_bytes(), np.uint8).reshape(-1, size).mean(axis=1)
    raw.unlink()
    # A file without tags is grey in limited range here and in full range there: both ends are known.
    return [round((float(level) - 255 / 219 * (_DARKEST - 16)) / (_STEP * 255 / 219)) for level in levels]


def packets(path: Path, kind: Literal["video", "audio", "subtitles"], number: int = 0) -> list[bytes]:
    """Every packet's payload, in order: what a bit for bit copy keeps."""
    with av.open(str(path)) as container:
        streams: Sequence[Stream] = getattr(container.streams, kind)
        return [bytes(packet) for packet in container.demux(streams[number]) if packet.size]


def samples(path: Path, stream: int = 0) -> tuple[Fraction, NDArray[np.float64], int]:
    """The time of the first sample on the file's clock, all samples mixed to mono, and the sample rate."""
    with av.open(str(path)) as container:
        frames = list(container.decode(audio=stream))
        channels = len(container.streams.audio[stream].codec_context.layout.channels)
    assert frames[0].pts is not None
    assert frames[0].time_base is not None
    parts = [f.to_ndarray() if f.format.is_planar else f.to_ndarray().reshape(-1, channels).T for f in frames]
    mixed = np.concatenate(parts, axis=1).astype(np.float64).mean(axis=0)
    return frames[0].pts * frames[0].time_base, mixed, frames[0].sample_rate


def tone_seconds(path: Path, stream: int = 0) -> float:
    """When the tone of ``SILENCE_THEN_TONE`` is first heard, on the file's clock, to about a sample."""
    begin, mixed, rate = samples(path, stream)
    return float(begin) + int(np.argmax(np.abs(mixed) > 0.3 * np.abs(mixed).max())) / rate


def sample_aspect_ratio(description: str) -> Fraction | None:
    """The pixels' shape in ffmpeg's description of a stream."""
    match = re.search(r"SAR (\d+):(\d+)", description)
    return None if match is None else Fraction(int(match[1]), int(match[2]))


def damage(source: Path, target: Path, places: Sequence[float], length: int = 200) -> Path:
    """A copy with random bytes at some places, given as shares of the file."""
    content = bytearray(source.read_bytes())
    random = np.random.default_rng(0)
    for place in places:
        begin = int(place * len(content))
        content[begin : begin + length] = random.integers(0, 256, length, np.uint8).tobytes()
    target.write_bytes(content)
    return target


def cut_off(source: Path, target: Path, share: float = 0.5) -> Path:
    """A copy of the file's beginning."""
    content = source.read_bytes()
    target.write_bytes(content[: int(share * len(content))])
    return target
