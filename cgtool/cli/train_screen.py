"""A training on the screen: a progress bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from cgtool.config import DIRECTIONS
from cgtool.tasks.train import Event, Finished, Looking, Prepared
from cgtool.training import loop
from cgtool.training.judge.judgement import Judgement
from cgtool.training.losses import TERMS

_SECONDS_BETWEEN_LINES = 10.0


class TrainScreen:
    """Shows a training's events. Use it as a context manager.

    Args:
        quiet: Warnings only.
    """

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._last_line = 0.0
        self._domains = "A", "B"
        self._task: TaskID | None = None
        self._bar: Progress | None = None
        if sys.stderr.isatty() and not quiet:
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(bar_width=20),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                TextColumn("{task.fields[words]}", style="cyan"),
                console=Console(stderr=True),
                transient=True,
            )

    def __enter__(self) -> TrainScreen:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def show(self, event: Event) -> None:
        """Show one event."""
        if isinstance(event, Looking):
            self._looking(event)
        elif isinstance(event, Prepared):
            self._prepared(event)
        elif isinstance(event, loop.Progress):
            self._progress(event)
        elif isinstance(event, Judgement):
            self._judged(event)
        else:
            self._finished(event)

    def _looking(self, event: Looking) -> None:
        if self._bar is not None:
            what = f"looking at the images in {', '.join(folder.name for folder in event.folders)}"
            self._task = self._bar.add_task(what, total=None, words="")

    def _prepared(self, event: Prepared) -> None:
        for warning in event.warnings:
            self._line(f"warning: {warning}", urgent=True)
        a, b = event.data.train
        processes = f", {event.processes} processes" if event.processes > 1 else ""
        self._line(f"{len(a)} images of {a.name}, {len(b)} of {b.name}; {event.device}, {event.precision}{processes}")
        self._domains = a.name, b.name
        for line in event.data.lines:
            self._line(line)
        begin = f"going on after step {event.step}" if event.step else "beginning"
        self._line(f"{event.run_folder}: {begin}, to step {event.total_steps}")
        if self._bar is not None:
            if self._task is not None:
                self._bar.remove_task(self._task)
            self._task = self._bar.add_task("training", total=event.total_steps, completed=event.step, words="")

    def _progress(self, event: loop.Progress) -> None:
        metrics = event.metrics
        means = {term.name: term.mean(metrics.losses) for term in TERMS if term.on_screen}
        losses = " ".join(f"{name} {mean:.3f}" for name, mean in means.items() if mean is not None)
        words = (
            f"epoch {metrics.epoch + 1}/{event.total_epochs}, {event.images_per_second:.1f} images/s, "
            f"waiting for images {event.data_share:.0%}; {losses}"
        )
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=metrics.step, words=words)
            return
        now = time.monotonic()
        if now - self._last_line >= _SECONDS_BETWEEN_LINES or metrics.step == event.total_steps:
            self._last_line = now
            self._line(f"step {metrics.step}/{event.total_steps}, {words}, {_duration(event.seconds_left)} left")

    def _judged(self, event: Judgement) -> None:
        halves = []
        for direction, name in zip(DIRECTIONS, reversed(self._domains), strict=True):
            figures = event.reporting[direction]
            seen = "" if figures.probe is None else f"probe {figures.probe:.2f}, "
            seen += "" if figures.kid is None else f"KID x1e3 {figures.kid * 1e3:.1f}, "
            halves.append(
                f"to {name} {seen}structure {figures.structure:.2f}, invented {figures.invented:.2%}, "
                f"cycle {figures.cycle:.1f}"
            )
        score = "" if event.score is None else f"score {event.score:.3f}; "
        self._line(f"judged step {event.step} in {event.seconds:.0f} s: {score}{'; '.join(halves)}")

    def _finished(self, event: Finished) -> None:
        for warning in event.warnings:
            self._line(f"warning: {warning}", urgent=True)
        if event.model_folder is None:
            self._line(f"stopped after step {event.step}; the same command goes on")
        else:
            self._line(f"trained {event.step} steps: {event.model_folder}")
        self._line(f"report: {event.report}")

    def _line(self, text: str, *, urgent: bool = False) -> None:
        if self._quiet and not urgent:
            return
        if self._bar is not None:
            self._bar.console.print(text, markup=False, highlight=False, soft_wrap=True)
        else:
            click.echo(text, err=urgent)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"
