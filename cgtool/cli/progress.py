"""``--progress json``: what happens, as one JSON object per line on standard error, for scripts and other programs."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from cgtool.conversion.events import Advanced, EngineOpened, Event, Finished, Note, Started

SCHEMA = Path(__file__).with_name("progress.schema.json")
"""The JSON schema that every object fits."""
_PERIOD_SECONDS = 1.0
_WINDOW_SECONDS = 10.0
"""Speed is told over this long: long enough to be steady, short enough to follow a change of scenery."""


class ProgressLines:
    """Writes one object per event, and while a file is being converted one per second.

    What other runs have made counts as done, but not for the speed.

    Args:
        write: Takes a line.
        clock: Gives seconds that never go back.
    """

    def __init__(self, write: Callable[[str], None] | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._write = write or (lambda line: click.echo(line, err=True))
        self._clock = clock
        self._begin = clock()
        self._place: dict[str, object] = {}
        self._told_at = self._begin
        self._history: deque[tuple[float, int]] = deque()

    def show(self, event: Event) -> None:
        """Tell one event."""
        if isinstance(event, Started):
            self._start(event)
        elif isinstance(event, EngineOpened):
            opened = event.opened
            told = {name: list(getattr(opened, name)) for name in ("reasons", "warnings", "notes")}
            self._tell("engine", **asdict(opened.backend.info), **told)
        elif isinstance(event, Note):
            self._tell("note", **self._place, text=event.text)
        elif isinstance(event, Advanced):
            self._advance(event)
        elif isinstance(event, Finished):
            result = asdict(event.result)
            stages = _shares(result.pop("busy_seconds"))
            self._tell("finished", **{**self._place, **result, "stages": stages})

    def summarize(self, counts: Mapping[str, int]) -> None:
        """Tell what became of all files."""
        self._tell("summary", **counts)

    def _start(self, event: Started) -> None:
        job = event.job
        self._place = {"input": job.source_name, "output": job.target_name, "number": event.number + 1}
        self._place["files"] = event.total
        self._history.clear()
        self._tell("started", **self._place)

    def _advance(self, event: Advanced) -> None:
        now = self._clock()
        made = event.frames - event.earlier_frames
        self._history.append((now, made))
        while now - self._history[0][0] > _WINDOW_SECONDS:
            self._history.popleft()
        if now - self._told_at < _PERIOD_SECONDS:
            return
        (first, before), estimate = self._history[0], event.estimated_frames
        fps = max(0.0, (made - before) / (now - first)) if now > first else 0.0
        estimate = None if estimate is None else max(estimate, event.frames)
        eta = None if estimate is None or fps == 0 else (estimate - event.frames) / fps
        self._tell(
            "progress",
            **self._place,
            **({} if event.segment is None else {"segment": event.segment + 1}),
            **({} if event.segments is None else {"segments": event.segments}),
            frames=event.frames,
            earlier_frames=event.earlier_frames,
            estimated_frames=estimate,
            fps=round(fps, 3),
            eta_seconds=None if eta is None else round(eta, 1),
            stages=_shares(event.busy_seconds),
        )

    def _tell(self, event: str, **facts: Any) -> None:  # noqa: ANN401  # JSON
        self._told_at = self._clock()
        seconds = round(self._told_at - self._begin, 3)
        self._write(json.dumps({"event": event, "elapsed_seconds": seconds, **facts}, ensure_ascii=False))


def _shares(busy_seconds: Mapping[str, float]) -> dict[str, float]:
    """Each stage's share of all working time."""
    total = sum(busy_seconds.values())
    return {name: round(seconds / total, 3) if total else 0.0 for name, seconds in busy_seconds.items()}
