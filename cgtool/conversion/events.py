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
    """

    frames: int
    size: str
    busy_seconds: dict[str, float]
    warnings: tuple[str, ...]


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
        frames: Frames written so far.
        estimated_frames: A guess at how many there will be, or None.
        busy_seconds: Working time of each stage so far.
    """

    frames: int
    estimated_frames: int | None
    busy_seconds: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Finished:
    """A file is done, one way or another."""

    result: Result


Event = Started | EngineOpened | Advanced | Finished
