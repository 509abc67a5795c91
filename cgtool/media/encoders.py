"""Video encoders: from ``--codec``, ``--crf``, ``--preset`` and ``--pixel-format`` to ffmpeg's arguments."""

from __future__ import annotations

import functools
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from cgtool.errors import UsageError
from cgtool.media import ffmpeg
from cgtool.media.planes import depth_of

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Encoder:
    """A codec's software encoder.

    Attributes:
        name: FFmpeg's name of the encoder.
        pixel_format: FFmpeg's name of the pixel format that it is given by default.
        odd_pixel_format: The same where width or height is odd; None if the default does.
        plays_deep: Most of what plays the codec plays 10 bits of it as well: the depth follows the source's.
        crf: Default constant rate factor, None where the encoder has none.
        preset: Default preset, None where it has none.
        preset_option: The option that takes the preset.
        arguments: Further arguments.
        interlaced: Arguments that make it write interlaced frames as such, ``{order}`` being ``tff`` or ``bff``; None
            if it can't.
        lossless: It keeps every bit: frames that come as decoded are written in their own format, if it takes that.
        hardware: Hardware encoders of the same codec, best first, with the option that takes the quality.
    """

    name: str
    pixel_format: str
    odd_pixel_format: str | None = None
    plays_deep: bool = False
    crf: int | None = None
    preset: str | None = None
    preset_option: str = "-preset"
    arguments: tuple[str, ...] = ()
    interlaced: tuple[str, ...] | None = None
    lossless: bool = False
    hardware: Mapping[str, str] = field(default_factory=dict)


ENCODERS: Mapping[str, Encoder] = {
    "h264": Encoder(
        "libx264",
        "yuv420p",
        odd_pixel_format="yuv444p",
        crf=18,
        preset="faster",
        interlaced=("-x264-params", "{order}=1"),
        hardware={"h264_nvenc": "-cq", "h264_videotoolbox": "-q:v", "h264_qsv": "-global_quality", "h264_amf": "-qp_i"},
    ),
    "hevc": Encoder(
        "libx265",
        "yuv420p",
        odd_pixel_format="yuv444p",
        plays_deep=True,
        crf=21,
        preset="superfast",
        arguments=("-x265-params", "log-level=error"),
        hardware={"hevc_nvenc": "-cq", "hevc_videotoolbox": "-q:v", "hevc_qsv": "-global_quality", "hevc_amf": "-qp_i"},
    ),
    "av1": Encoder(
        "libsvtav1",
        "yuv420p",
        plays_deep=True,
        crf=28,
        preset="9",
        hardware={"av1_nvenc": "-cq", "av1_qsv": "-global_quality", "av1_amf": "-qp_i"},
    ),
    "vp9": Encoder(
        "libvpx-vp9",
        "yuv420p",
        plays_deep=True,
        crf=28,
        preset="4",
        preset_option="-cpu-used",
        arguments=("-b:v", "0", "-row-mt", "1", "-deadline", "good"),
    ),
    "prores": Encoder(
        "prores_ks",
        "yuv422p10le",
        plays_deep=True,
        preset="3",
        preset_option="-profile:v",
        interlaced=("-flags:{n}", "+ildct"),
    ),
    "ffv1": Encoder(
        "ffv1",
        "bgr0",
        plays_deep=True,
        arguments=("-level", "3", "-g", "1", "-slicecrc", "1"),
        interlaced=(),
        lossless=True,
    ),
    "gif": Encoder("gif", "rgb24"),
}
"""Encoders by the value of ``--codec``."""


@dataclass(frozen=True)
class EncoderChoice:
    """An encoder with its arguments resolved.

    Attributes:
        name: FFmpeg's name of the encoder.
        pixel_format: FFmpeg's name of the pixel format of its frames.
        arguments: FFmpeg's arguments from ``-c`` on; ``{n}`` stands for the output stream's number.
        warnings: Sentences for the user.
        copies: Its work is done: packets come, and are copied.
    """

    name: str
    pixel_format: str
    arguments: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    copies: bool = False

    def copying(self) -> EncoderChoice:
        """The same for a stream that this encoder has encoded already."""
        return replace(self, arguments=("-c:{n}", "copy"), warnings=(), copies=True)


def choose_encoder(
    codec: str,
    width: int,
    height: int,
    *,
    crf: int | None = None,
    preset: str | None = None,
    pixel_format: str | None = None,
    decoded_format: str | None = None,
    hardware: bool = False,
) -> EncoderChoice:
    """Resolve an encoder.

    Args:
        codec: A key of ``ENCODERS``.
        width, height: The frame's size in pixels.
        crf, preset, pixel_format: The user's wishes; None for the encoder's defaults.
        decoded_format: The pixel format in which frames come as decoded; None if they come in RGB.
        hardware: Take a hardware encoder if one really opens on this machine.

    Raises:
        UsageError: The codec has no such option, or takes no such pixel format.
    """
    encoder = ENCODERS[codec]
    warnings: list[str] = []
    if pixel_format is not None and codec == "gif":
        raise UsageError("--pixel-format does not apply to gif: its colours are a palette")
    if pixel_format is not None:
        _check_pixel_format(pixel_format, encoder.name)
    elif encoder.lossless and decoded_format in _pixel_formats(encoder.name):
        pixel_format = decoded_format
    else:
        pixel_format, warnings = _default_format(codec, width, height, depth_of(decoded_format))
    if hardware:
        name = find_hardware_encoder(codec)
        logger.debug("hardware encoder for %s: %s", codec, name or "none opens here")
        if name is not None:
            quality = str(crf if crf is not None else encoder.crf)
            pixel_format = "p010le" if encoder.plays_deep and depth_of(decoded_format) > 8 else "yuv420p"
            chosen = ("-c:{n}", name, encoder.hardware[name], quality, "-pix_fmt:{n}", pixel_format)
            return EncoderChoice(name, pixel_format, chosen, tuple(warnings))
        warnings.append(f"no hardware encoder for {codec} opens on this machine; {encoder.name} is used")
    arguments: tuple[str, ...] = ("-c:{n}", encoder.name, *encoder.arguments)
    if crf is not None and encoder.crf is None:
        raise UsageError(f"--crf does not apply to {codec}")
    if crf is not None or encoder.crf is not None:
        arguments += ("-crf", str(crf if crf is not None else encoder.crf))
    if crf == 0 and codec == "vp9":
        arguments += ("-lossless", "1")
    if preset is not None and encoder.preset is None:
        raise UsageError(f"--preset does not apply to {codec}")
    if preset is not None or encoder.preset is not None:
        arguments += (encoder.preset_option, preset or encoder.preset or "")
    if codec != "gif":
        arguments += ("-pix_fmt:{n}", pixel_format)
    return EncoderChoice(encoder.name, pixel_format, arguments, tuple(warnings))


def _default_format(codec: str, width: int, height: int, depth: int) -> tuple[str, list[str]]:
    """The pixel format that most players show, with as many bits as they show, and what the user should know of it."""
    encoder, warnings = ENCODERS[codec], []
    name = encoder.pixel_format
    if encoder.odd_pixel_format and (width % 2 or height % 2):
        name = encoder.odd_pixel_format
        warnings.append(f"{width}x{height} is odd, so {codec} is written as {name}; not every player shows it")
    if depth > 8 and encoder.plays_deep and name.startswith("yuv") and depth_of(name) == 8:
        name += "10le"
    elif depth > 8 and not encoder.plays_deep:
        warnings.append(
            f"its {depth} bits per sample become 8, dithered: few players show more of {codec}; "
            "hevc, av1 and vp9 keep 10"
        )
    return name, warnings


def default_codec(codecs: Sequence[str], decoded_format: str | None) -> str:
    """The codec that a container takes by default: of its codecs the first, or the first that keeps a deep source deep.

    Args:
        codecs: What the container holds, its favourite first.
        decoded_format: The pixel format in which frames come as decoded; None if they come in RGB, of 8 bits.
    """
    if depth_of(decoded_format) == 8:
        return codecs[0]
    deep = (codec for codec in codecs if ENCODERS[codec].plays_deep and not ENCODERS[codec].lossless)
    return next(deep, codecs[0])


def _check_pixel_format(name: str, encoder: str) -> None:
    """FFmpeg would quietly take another format than an encoder doesn't know."""
    known = _pixel_formats(encoder)
    if known and name not in known:
        raise UsageError(f"--pixel-format {name} is none that {encoder} takes", hint=f"It takes {' '.join(known)}")


@functools.cache
def _pixel_formats(encoder: str) -> tuple[str, ...]:
    """FFmpeg's names of the pixel formats that an encoder takes; empty where it doesn't say."""
    known = re.search("Supported pixel formats: (.*)", ffmpeg.output_of(["-h", f"encoder={encoder}"]) or "")
    return () if known is None else tuple(known[1].split())


@functools.cache
def find_hardware_encoder(codec: str) -> str | None:
    """The first hardware encoder of a codec that really encodes a frame here: being listed says nothing."""
    for name in ENCODERS[codec].hardware:
        # Builds of FFmpeg list encoders whose driver or device is absent. 256 is above every encoder's least size.
        test = ["-f", "lavfi", "-i", "color=black:size=256x256:rate=25", "-frames:v", "1", "-c:v", name]
        if ffmpeg.output_of([*test, "-f", "null", "-"]) is not None:
            return name
    return None
