"""The media layer alone: frames from the reader to the writer, untouched."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from cgtool.media.containers import CONTAINERS, carry
from cgtool.media.encoders import choose_encoder
from cgtool.media.input.beside import Source
from cgtool.media.reader import VideoReader
from cgtool.media.writer import VideoWriter


def pass_through(
    source: Path,
    target: Path,
    *,
    codec: str | None = None,
    crf: int | None = None,
    preset: str | None = None,
    pixel_format: str | None = None,
    audio: bool = True,
    start: Fraction | None = None,
    end: Fraction | None = None,
    extra_arguments: tuple[str, ...] = (),
) -> list[str]:
    """Decode and encode a file; the warnings."""
    container = CONTAINERS[target.suffix]
    codec = codec or container.codecs[0]
    if preset is None:
        preset = {"h264": "ultrafast", "hevc": "ultrafast", "vp9": "8", "av1": "12"}.get(codec)
    with VideoReader(source, start=start, end=end) as reader:
        info = reader.info
        encoder = choose_encoder(codec, info.width, info.height, crf=crf, preset=preset, pixel_format=pixel_format)
        carried, losses = carry(reader.streams(), container, info.stream_index, audio=audio)
        origin = Source(source, carried, *reader.span_seconds)
        with VideoWriter(target, container, encoder, info, origin, extra_arguments=extra_arguments) as writer:
            for frame in reader.frames():
                writer.write(frame)
            writer.finish()
        return [*losses, *reader.warnings, *writer.warnings]
