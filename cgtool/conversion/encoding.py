"""How videos are cut and encoded, as the user asks for it."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from cgtool.errors import UsageError
from cgtool.media.containers import Container
from cgtool.media.encoders import EncoderChoice, choose_encoder, default_codec
from cgtool.media.shape.interlacing import Deinterlace
from cgtool.pictures import Size

Time = Fraction | float | str
"""Seconds, or ``[[HH:]MM:]SS[.fraction]``."""


@dataclass(frozen=True, kw_only=True)
class Encoding:
    """What is asked for; None stands for the encoder's or the container's default. Names are the command line's.

    Attributes:
        codec: A key of ``media.encoders.ENCODERS``.
        crf: Constant rate factor: lower is better and larger.
        preset: The encoder's preset.
        pixel_format: FFmpeg's name of the pixel format.
        hardware: Use a hardware encoder if one really opens.
        ffmpeg_args: Further ffmpeg output arguments, as a shell would read them.
        hdr: What becomes of high dynamic range: ``sdr`` tone-maps it, ``keep`` keeps it (PQ stays PQ, HLG stays HLG).
        deinterlace: What becomes of interlaced frames: ``auto`` deinterlaces those that are flagged, ``on`` all of a
            file, ``off`` none, and the result says so.
        no_audio: Leave the sound out.
        start, end: The span to convert, after the file's start.

    Raises:
        UsageError: A span that ends before it begins, a time or arguments that can't be read.
    """

    codec: str | None = None
    crf: int | None = None
    preset: str | None = None
    pixel_format: str | None = None
    hardware: bool = False
    ffmpeg_args: str = ""
    hdr: Literal["sdr", "keep"] = "sdr"
    deinterlace: Deinterlace = "auto"
    no_audio: bool = False
    start: Time | None = None
    end: Time | None = None

    def __post_init__(self) -> None:
        start, end = self.span
        if start is not None and end is not None and end <= start:
            raise UsageError("--end must come after --start")
        if self.hdr not in ("sdr", "keep"):
            raise UsageError(f"--hdr {self.hdr} is neither sdr nor keep")
        if self.deinterlace not in ("auto", "off", "on"):
            raise UsageError(f"--deinterlace {self.deinterlace} is none of auto, off, on")
        try:
            shlex.split(self.ffmpeg_args)
        except ValueError as error:
            raise UsageError(f"--ffmpeg-args {self.ffmpeg_args!r}: {error}") from error

    @property
    def span(self) -> tuple[Fraction | None, Fraction | None]:
        """Start and end in seconds after the file's start, exact; None where it is open."""
        start, end = (None if time is None else seconds(time) for time in (self.start, self.end))
        return start, end

    @property
    def extra_arguments(self) -> tuple[str, ...]:
        """``ffmpeg_args``, one by one."""
        return tuple(shlex.split(self.ffmpeg_args))

    def check(self, container: Container) -> None:
        """Find out before any work whether a container can be written like this.

        Raises:
            UsageError: It can't hold the codec, or the codec has no such option.
        """
        if self.codec is not None and self.codec not in container.codecs:
            raise UsageError(f"{container.name} can't hold {self.codec}; it takes {', '.join(container.codecs)}")
        self.software_encoder(container)

    def software_encoder(self, container: Container) -> EncoderChoice:
        """The encoder for frames of even width and height, if no hardware takes its place."""
        return self._choose(container, Size(2, 2), None, hardware=False)

    def encoder(self, container: Container, size: Size, decoded_format: str | None) -> EncoderChoice:
        """The encoder for frames of this size, and of this pixel format if they come as decoded."""
        return self._choose(container, size, decoded_format, hardware=self.hardware)

    def _choose(self, container: Container, size: Size, decoded: str | None, *, hardware: bool) -> EncoderChoice:
        return choose_encoder(
            self.codec or default_codec(container.codecs, decoded),
            *size,
            crf=self.crf,
            preset=self.preset,
            pixel_format=self.pixel_format,
            decoded_format=decoded,
            hardware=hardware,
        )


def seconds(time: Time) -> Fraction:
    """A time in seconds.

    Raises:
        UsageError: It can't be read as one.
    """
    try:
        parts = [Fraction(part) for part in (time.split(":") if isinstance(time, str) else [time])]
        if len(parts) > 3 or min(parts) < 0:
            raise ValueError
    except (ValueError, ZeroDivisionError, OverflowError) as error:
        raise UsageError(f"{time!r} is no time; write seconds (12.5) or HH:MM:SS") from error
    total = Fraction(0)
    for part in parts:
        total = total * 60 + part
    return total
