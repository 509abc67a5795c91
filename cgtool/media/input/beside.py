"""The source as ffmpeg's input: the streams beside the converted one, cut and moved as the picture is."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av

from cgtool.errors import MediaError
from cgtool.media.containers import CarriedStream, Container
from cgtool.media.input.packets import open_container
from cgtool.media.input.sidecar import Sidecar, write_sidecar
from cgtool.media.input.survey import Survey

_LEAD_SECONDS = 5
"""Sound may lie this much before the picture of the same time in a file."""


@dataclass(frozen=True)
class Source:
    """The file that the streams beside the converted one come from.

    Attributes:
        path: The source file.
        carried: The streams to take, in its order.
        start_seconds, end_seconds: The span to take, on the file's own clock; None for all.
    """

    path: Path
    carried: Sequence[CarriedStream]
    start_seconds: Fraction | None = None
    end_seconds: Fraction | None = None


class Beside:
    """ffmpeg's arguments for a source that is its second input; the picture is its first.

    Args:
        source: The source.
        survey: What is known of its clock.
        origin_seconds: The time on that clock that the output counts from.

    Raises:
        MediaError: A stream can't be read.
    """

    def __init__(self, source: Source, survey: Survey, origin_seconds: Fraction) -> None:
        self._source, self._survey, self._origin = source, survey, origin_seconds
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._sidecar: Sidecar | None = None
        try:
            self._write_sidecar()
        except BaseException:
            self.close()
            raise

    def _write_sidecar(self) -> None:
        """Where the clock jumps: a copy of the streams on one that doesn't."""
        source, runs = self._source, self._survey.runs
        indices = [stream.index for stream in source.carried if not stream.is_attached]
        if runs is None or not indices:
            return
        try:
            self._sidecar = write_sidecar(source.path, indices, runs, self._temporary())
        except (av.FFmpegError, OSError, ValueError) as error:
            hint = "Use --no-audio to convert the picture alone"
            problem = f"its clock jumps, and its sound and subtitles can't be moved with the picture ({error})"
            raise MediaError(problem, path=source.path, hint=hint) from error

    def _temporary(self) -> Path:
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="cgtool.")
        return Path(self._folder.name)

    def inputs(self) -> list[str]:
        """The second input, and the third where there is one."""
        source, arguments = self._source, self._moved()
        if source.start_seconds is not None and self._survey.seeks:
            # To some place before it, as streams lie side by side only roughly: -ss of the output cuts exactly there,
            # and does it on the output's clock. -seek_timestamp: the time is the file's own, not one after its start.
            place = source.start_seconds - _LEAD_SECONDS
            arguments += ["-noaccurate_seek", "-seek_timestamp", "1", "-ss", _seconds(place)]
        arguments += ["-i", f"file:{source.path}"]
        if self._sidecar is not None:
            arguments += [*self._moved(), "-i", str(self._sidecar.path)]
        return arguments

    def _moved(self) -> list[str]:
        return ["-itsoffset", _seconds(-self._origin)] if self._origin else []

    def place(self, index: int) -> str:
        """Where the source's stream of an index is found, for ``-map``."""
        return f"1:{index}" if self._sidecar is None else f"2:{self._sidecar.numbers[index]}"

    def span(self, container: Container) -> list[str]:
        """Output options that cut copied streams to the span. Seeking the input alone would begin at a key frame."""
        # AVI has no time before 0: the codec's priming is cut there as well, or it would push everything else back.
        arguments = ["-ss", "0"] if self._source.start_seconds is not None or container.clock == "frames" else []
        if self._source.end_seconds is not None:
            arguments += ["-t", _seconds(self._source.end_seconds - self._origin)]
        return arguments

    def attachments(self) -> list[str]:
        """Output options for pictures that become attached files; they follow all other streams."""
        arguments = []
        attached = [stream for stream in self._source.carried if stream.is_attached]
        for number, stream in enumerate(attached, 1 + len(self._source.carried) - len(attached)):
            file = self._temporary() / str(number)
            file.write_bytes(attached_picture(self._source.path, stream.index))
            arguments += ["-attach", str(file), *(part.format(n=number) for part in stream.arguments)]
        return arguments

    def close(self) -> None:
        """Remove what was written for ffmpeg. Closing twice is allowed."""
        if self._folder is not None:
            self._folder.cleanup()


def attached_picture(path: Path, index: int) -> bytes:
    """The file that a cover picture's stream holds.

    Raises:
        MediaError: It can't be read.
    """
    try:
        with open_container(path) as container:
            return next((bytes(packet) for packet in container.demux(container.streams[index]) if packet.size), b"")
    except av.FFmpegError as error:
        raise MediaError(f"its cover picture can't be read ({error.strerror})", path=path) from error


def _seconds(value: Fraction) -> str:
    return f"{float(value):.6f}"
