"""What a conversion looks like: a progress bar on a terminal, one line per file elsewhere, or JSON lines."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import PurePath
from types import TracebackType

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from cgtool.cli.progress import ProgressLines
from cgtool.conversion.events import Advanced, EngineOpened, Event, Finished, Note, Result, Started
from cgtool.conversion.jobs import Job

_LONGEST_NAME = 30


class _FpsColumn(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text("" if task.speed is None or task.fields.get("overall") else f"{task.speed:.1f} fps", style="cyan")


class Screen:
    """Shows a conversion's events.

    Args:
        as_json: One JSON object per line on standard output, nothing else.
        quiet: Errors only.
        verbose: More.
        results_to_stderr: Standard output carries an image.
        progress: One JSON object per event and per second on standard error, and no other words there.

    Attributes:
        failed: Files that failed so far.
    """

    def __init__(
        self, *, as_json: bool, quiet: bool, verbose: bool, results_to_stderr: bool, progress: str = "auto"
    ) -> None:
        self._as_json = as_json
        self._quiet = quiet
        self._verbose = verbose
        self._results_to_stderr = results_to_stderr
        self._counts = {"converted": 0, "skipped": 0, "failed": 0}
        self._progress: Progress | None = None
        self._lines = ProgressLines() if progress == "json" else None
        if sys.stderr.isatty() and not quiet and not as_json and self._lines is None:
            self._progress = Progress(
                TextColumn("{task.description}"),
                BarColumn(bar_width=None),
                MofNCompleteColumn(),
                _FpsColumn(),
                TimeRemainingColumn(),
                console=Console(stderr=True),
                transient=True,
                expand=True,
            )
        self._job: Job | None = None
        self._overall: TaskID | None = None
        self._file: TaskID | None = None
        self._earlier = 0

    @property
    def failed(self) -> int:
        """Files that failed so far."""
        return self._counts["failed"]

    def show(self, event: Event) -> None:
        """Show one event."""
        if self._lines is not None:
            self._lines.show(event)
        if isinstance(event, Started):
            self._start(event)
        elif isinstance(event, EngineOpened):
            self._tell_engine(event)
        elif isinstance(event, Note):
            if not self._quiet:
                self._note(f"note: {event.text}")
        elif isinstance(event, Advanced):
            self._advance(event)
        elif isinstance(event, Finished):
            self._finish(event.result)

    def _advance(self, event: Advanced) -> None:
        if self._progress is None or self._file is None:
            return
        total = event.estimated_frames
        total = None if total is None else max(total, event.frames)
        if event.earlier_frames != self._earlier:  # what others have made is no speed of ours
            self._earlier = event.earlier_frames
            self._progress.reset(self._file, completed=event.frames, total=total)
        self._progress.update(self._file, completed=event.frames, total=total)

    def tell_how_to_go_on(self) -> None:
        """Say what is kept of a video that was stopped."""
        if self._job is None or self._job.target is None:
            return
        from cgtool.conversion.pieces.unfinished import WorkFolder

        work = WorkFolder(self._job.target)
        if work.find({}) is not None and (told := work.kept()) is not None:
            if self._lines is not None:
                self._lines.show(Note(told))
            self._note(told)

    def _start(self, event: Started) -> None:
        self._job, self._earlier = event.job, 0
        if self._progress is None:
            return
        if event.total > 1 and self._overall is None:
            self._overall = self._progress.add_task("all files", total=event.total, overall=True)
        self._file = self._progress.add_task(escape(_short(event.job.source_name)), total=None)

    def _tell_engine(self, event: EngineOpened) -> None:
        for warning in event.opened.warnings if not self._quiet else ():
            self._note(f"warning: {warning}", style="yellow")
        for note in event.opened.notes if not self._quiet else ():
            self._note(f"note: {note}")
        if self._verbose:
            info = event.opened.backend.info
            self._note(f"engine: {info.engine} on {info.device}, {info.precision}, batch {info.batch}")
            for reason in event.opened.reasons:
                self._note(f"  {reason}")

    def _finish(self, result: Result) -> None:
        self._counts[result.status] += 1
        if self._progress is not None:
            if self._file is not None:
                self._progress.remove_task(self._file)
            if self._overall is not None:
                self._progress.advance(self._overall)
        if self._as_json:
            click.echo(json.dumps(dataclasses.asdict(result), ensure_ascii=False))
            return
        if result.status == "failed":
            self._note(f"error: {result.error}", style="red")
            return
        if self._quiet:
            return
        for warning in result.warnings:
            self._note(f"warning: {result.input}: {warning}", style="yellow")
        line = _describe(result)
        if self._verbose and result.busy_seconds:
            line += "; busy " + ", ".join(f"{name} {seconds:.1f} s" for name, seconds in result.busy_seconds.items())
        self._line(line)

    def _line(self, text: str) -> None:
        if self._lines is not None and self._results_to_stderr:
            return
        if self._progress is not None and (self._results_to_stderr or sys.stdout.isatty()):
            self._progress.console.print(text, markup=False, highlight=False, soft_wrap=True)
        else:
            click.echo(text, err=self._results_to_stderr)

    def _note(self, text: str, style: str | None = None) -> None:
        if self._lines is not None:
            return  # the objects say it
        if self._progress is not None:
            self._progress.console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)
        else:
            click.echo(text, err=True)

    def summarize(self) -> None:
        """Say what became of the batch, if it was more than one file."""
        if self._lines is not None:
            self._lines.summarize(self._counts)
        if self._as_json or self._quiet or sum(self._counts.values()) < 2:
            return
        self._line(", ".join(f"{count} {status}" for status, count in self._counts.items()))

    def __enter__(self) -> Screen:
        if self._progress is not None:
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()


def _short(path: str) -> str:
    """A file's name, without its middle where it is so long that nothing else would fit on the line."""
    name = PurePath(path).name
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME // 2]}…{name[-_LONGEST_NAME // 2 :]}"


def _describe(result: Result) -> str:
    if result.status == "skipped":
        return (
            f"{result.input}: skipped, {result.output} {result.reason}"
            if result.reason == "exists already"
            else (f"{result.input}: skipped, {result.reason}")
        )
    frames = "1 frame" if result.frames == 1 else f"{result.frames} frames"
    how = f"{result.engine} {result.precision} at {result.size}"
    return f"{result.input} -> {result.output}: {frames} in {result.seconds:.1f} s, {result.fps:.1f} fps ({how})"
