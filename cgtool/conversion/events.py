"""What a conversion tells while it runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from cgtool.backends.opening import Opened
from cgtool.conversion.jobs import Job


@dataclass(frozen=True)
class Outcome:
    """What a file's conversion came to, where it did not fail.

    Attributes:
        frames: Frames written.
        size: The network's input, as WIDTHxHEIGHT.
        busy_seconds: Working time of each stage; 0 for those that had nothing to do.
        warnings: What changed or was lost on the way.
        earlier_frames: How many of the frames other runs had made.
    """

    frames: int
    size: str
    busy_seconds: dict[str, float]
    warnings: tuple[str, ...]
    earlier_frames: int = 0


@dataclass(frozen=True)
class Result:
    """What became of one file.

    Attributes:
        input, output: As the user would write them; ``-`` for standard input and output.
        status: ``converted``, ``skipped`` or ``failed``.
        frames: Frames written.
        seconds: Wall-clock time.
        fps: Frames per second.
        engine, device, precision: What ran the network.
        size: The network's input, as WIDTHxHEIGHT.
        busy_seconds: Working time of each stage.
        warnings: What changed or was lost on the way.
        earlier_frames: How many of the frames other runs had made, before this one or beside it.
        reason: Why it was skipped.
        error: Why it failed.
    """

    input: str
    output: str | None
    status: Literal["converted", "skipped", "failed"]
    frames: int = 0
    seconds: float = 0.0
    fps: float = 0.0
    engine: str | None = None
    device: str | None = None
    precision: str | None = None
    size: str | None = None
    busy_seconds: dict[str, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    earlier_frames: int = 0
    reason: str | None = None
    error: str | None = None


@dataclass(frozen=True)
class Started:
    """A file is begun. ``number`` counts from 0."""

    job: Job
    number: int
    total: int


@dataclass(frozen=True)
class EngineOpened:
    """The engine is ready; ``opened.reasons`` say why it was taken and the others were not."""

    opened: Opened


@dataclass(frozen=True)
class Advanced:
    """Frames were written.

    Attributes:
        frames: How many there are, those of earlier runs included.
        estimated_frames: How many there will be: a guess, or None.
        busy_seconds: Working time of each stage so far.
        segment: The segment that is being made, from 0; None for none.
        segments: How many there are; None for a clip in one piece.
        earlier_frames: How many of the frames other runs had made, before this one or beside it.
    """

    frames: int
    estimated_frames: int | None
    busy_seconds: Mapping[str, float] = field(default_factory=dict)
    segment: int | None = None
    segments: int | None = None
    earlier_frames: int = 0


@dataclass(frozen=True)
class Note:
    """Something that the user wants to know at once."""

    text: str


@dataclass(frozen=True)
class Finished:
    """A file is done, one way or another."""

    result: Result


Event = Started | EngineOpened | Note | Advanced | Finished
