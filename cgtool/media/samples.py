"""Short pieces of video in memory: to be looked at in a page, and to learn how large a whole will be."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from fractions import Fraction

import av
import cv2
import numpy as np
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from cgtool.errors import EncoderError
from cgtool.media.encoders import EncoderChoice
from cgtool.pictures import Image, Size

_KEYFRAME_EVERY = 250
"""Frames between key frames as encoders place them where no cut asks for one."""
_WEBM_OPTIONS = {"crf": "33", "b": "0", "deadline": "realtime", "cpu-used": "7", "row-mt": "1", "threads": "2"}
_JPEG_QUALITY = 85


def webm(frames: Sequence[Image], rate: Fraction) -> bytes:
    """A VP9 clip without sound.

    Args:
        frames: RGB, uint8, (height, width, 3), of one size with even sides.
        rate: Frames per second.

    Raises:
        EncoderError: It can't be encoded.
    """
    file = io.BytesIO()
    try:
        with av.open(file, "w", format="webm") as container:
            stream = container.add_stream("libvpx-vp9", rate=rate, options=_WEBM_OPTIONS)
            _prepare(stream, frames[0], "yuv420p", rate)
            for packet in _packets(stream, frames, rate):
                container.mux(packet)
    except (av.FFmpegError, ValueError) as error:
        raise EncoderError(f"VP9 can't be encoded: {error}") from error
    return file.getvalue()


def jpeg(pixels: Image) -> bytes:
    """A picture (RGB, uint8) as a JPEG file."""
    _, data = cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    return data.tobytes()


def bytes_per_frame(moments: Iterable[Sequence[Image]], rate: Fraction, encoder: EncoderChoice) -> float | None:
    """About how many bytes an encoder will need per frame of a whole clip, judged by a few moments of it.

    A moment begins with a key frame, which a whole clip has far more seldom: the two kinds are counted apart.

    Args:
        moments: Frames in a row, as `webm` takes them.
        rate: Frames per second.
        encoder: The encoder.

    Returns:
        None where it can't be told: this encoder is not there in memory, or a moment has one frame only.
    """
    keys, others = [], []
    options = {
        name.lstrip("-").split(":")[0]: value
        for name, value in zip(encoder.arguments[::2], encoder.arguments[1::2], strict=False)
    }
    options = {name: value for name, value in options.items() if name not in ("c", "pix_fmt")}
    try:
        for frames in moments:
            with av.open(io.BytesIO(), "w", format="matroska") as container:
                stream = container.add_stream(encoder.name, rate=rate, options=options)
                _prepare(stream, frames[0], encoder.pixel_format, rate)
                first, *rest = [packet.size for packet in _packets(stream, frames, rate) if packet.size]
            keys.append(first)
            others += rest
    except (av.FFmpegError, ValueError):
        return None
    if not others:
        return None
    return float(np.mean(others)) + float(np.mean(keys)) / _KEYFRAME_EVERY


def _prepare(stream: VideoStream, first: Image, pixel_format: str, rate: Fraction) -> None:
    stream.width, stream.height = Size.of(first)
    stream.pix_fmt = pixel_format
    stream.time_base = 1 / rate
    if pixel_format.startswith("yuv"):
        stream.codec_context.colorspace = stream.codec_context.color_primaries = stream.codec_context.color_trc = 1


def _packets(stream: VideoStream, frames: Sequence[Image], rate: Fraction) -> Iterable[av.Packet]:  # type: ignore[type-arg]
    for number, pixels in enumerate(frames):
        frame = VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
        frame = frame.reformat(format=stream.pix_fmt, dst_colorspace=1)  # BT.709, as it is tagged
        frame.pts, frame.time_base = number, 1 / rate
        yield from stream.encode(frame)
    yield from stream.encode(None)
