"""Join the segments of a video that several machines have made, without encoding again."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from cgtool.conversion.pieces.unfinished import WorkFolder, fingerprint
from cgtool.errors import MediaError
from cgtool.media.containers import CONTAINERS, carry
from cgtool.media.encoders import EncoderChoice
from cgtool.media.input.beside import Source
from cgtool.media.joining import Joiner
from cgtool.media.reader import VideoReader


@dataclass(frozen=True)
class Joined:
    """An output that was joined.

    Attributes:
        frames: Its frames.
        segments: How many segments it was made of.
        warnings: What changed or was lost on the way.
    """

    frames: int
    segments: int
    warnings: tuple[str, ...]


def join(output: Path, *, overwrite: bool = False) -> Joined:
    """Join an output's segments, and remove their folder.

    Raises:
        MediaError: There are none, some are missing, the source has changed, or a file can't be read or written.
        EncoderError: ffmpeg failed.
    """
    work = WorkFolder(output)
    if work.find({}) is None:
        raise MediaError("no segments of it are kept here", path=output, hint=f"They would lie in {work.path}")
    done, made_of = work.done(), work.made_of
    if missing := len(work.numbers) - len(done):
        hint = "Run its conversion again: it makes only those"
        raise MediaError(f"{missing} of its {len(work.numbers)} segments are missing", path=output, hint=hint)
    if any(made_of[name] != value for name, value in fingerprint(work.source).items()):
        raise MediaError("has changed since its segments were made", path=work.source, hint="Convert it anew")
    lease = work.take(None)
    if lease is None:
        raise MediaError(f"{work.worker() or 'another process'} is joining it already", path=output)
    container = CONTAINERS[output.suffix.lower()]
    start, end = (None if made_of[name] is None else Fraction(made_of[name]) for name in ("--start", "--end"))
    with lease, VideoReader(work.source, start=start, end=end) as reader:
        name, *_ = made_of["the encoder"]
        carried, losses = carry(reader.streams(), container, reader.info.stream_index, audio=not made_of["--no-audio"])
        source = Source(work.source, carried, *reader.span_seconds)
        encoder = EncoderChoice(name, "yuv420p", ())
        with Joiner(output, container, encoder, reader.info, source, work.pieces(), overwrite=overwrite) as joiner:
            joiner.join()
        work.remove()
    told = (*losses, *(warning for segment in done.values() for warning in segment.warnings), *joiner.warnings)
    return Joined(sum(one.frames for one in done.values()), len(done), tuple(dict.fromkeys(told)))
