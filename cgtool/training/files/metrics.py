"""The losses of every step, and what was judged: `metrics.jsonl`, and what loggers are told of it."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cgtool.errors import CgtoolError
from cgtool.files import write_whole
from cgtool.pictures import Image
from cgtool.training.files.loggers import Logger
from cgtool.training.judge.judgement import Judgement

logger = logging.getLogger(__name__)

_JUDGED = "judged"
"""A key that only lines of judgements have."""


@dataclass(frozen=True)
class StepMetrics:
    """One step.

    Attributes:
        step: Steps done, this one included.
        epoch: Passes over the larger domain begun before it, from 0.
        learning_rate: The generators', in this step.
        seconds: From the end of the step before to the end of this one. On a GPU steps end when they are queued, so
            only averages over many mean something.
        data_seconds: The part of ``seconds`` that was spent waiting for images.
        cpu_seconds: Of all this process's threads, during the step, without judging and samples; 0 if not measured.
        losses: Weighted, by name; means over all processes.
    """

    step: int
    epoch: int
    learning_rate: float
    seconds: float
    data_seconds: float
    losses: dict[str, float]
    cpu_seconds: float = 0.0


class MetricsLog:
    """Writes `metrics.jsonl`, one line per step, and tells loggers. `close` it.

    A logger that fails is told no more: hours of training are worth more than its curves, and the file has all.

    Args:
        folder: The run folder.
        step: Steps done. Lines of later steps, which an interruption left behind, are removed.
        loggers: By name; they are closed with this.

    Attributes:
        warnings: Which loggers failed.
    """

    def __init__(self, folder: Path, step: int, loggers: Mapping[str, Logger] | None = None) -> None:
        path = folder / "metrics.jsonl"
        cut_metrics(path, step)
        self.warnings: list[str] = []
        self._file = path.open("a", encoding="utf-8")
        self._loggers = dict(loggers or {})

    def write(self, metrics: StepMetrics) -> None:
        """Append a step."""
        line = asdict(metrics)
        losses = line.pop("losses")
        rounded = {key: float(f"{value:.6g}") if isinstance(value, float) else value for key, value in line.items()}
        # Losses keep all their digits: two runs can be compared bit for bit.
        self._file.write(json.dumps({**rounded, **losses}) + "\n")
        told = {f"loss/{name}": value for name, value in losses.items()}
        self._tell(lambda one: one.scalars({**told, "learning_rate": metrics.learning_rate}, metrics.step))

    def write_judgement(self, judgement: Judgement) -> None:
        """Append a judgement of the last step."""
        self._file.write(json.dumps(judgement.to_json()) + "\n")
        told = {} if judgement.score is None else {"judged/score": judgement.score}
        for direction, figures in judgement.reporting.items():
            for name, value in asdict(figures).items():
                if value is not None and not name.startswith("unchanged"):
                    told[f"judged/{direction}/{name}"] = value
        self._tell(lambda one: one.scalars(told, judgement.step))

    def add_image(self, name: str, pixels: Image, step: int) -> None:
        """Give loggers a picture, RGB, uint8, shape (height, width, 3)."""
        self._tell(lambda one: one.image(name, pixels, step))

    def sync(self) -> None:
        """Bring all steps so far to the disk. A checkpoint is only saved after its steps' metrics."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._tell(lambda one: one.sync())

    def close(self) -> None:
        """Write what is left."""
        self._file.close()
        self._tell(lambda one: one.close())

    def _tell(self, what: Callable[[Logger], None]) -> None:
        for name, one in list(self._loggers.items()):
            try:
                what(one)
            except Exception as error:  # a package's, of whatever kind
                del self._loggers[name]
                self.warnings.append(f"--logger {name} failed, and was told no more: {error}")
                logger.debug("%s", self.warnings[-1], exc_info=error)


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """The steps of a `metrics.jsonl`, as they were written; a line that is not whole ends them."""
    return [line for line in _lines(path) if _JUDGED not in line]


def read_judgements(path: Path) -> list[Judgement]:
    """The judgements of a `metrics.jsonl`, in the order of their steps."""
    return [Judgement.from_json(line) for line in _lines(path) if _JUDGED in line]


def _lines(path: Path) -> list[dict[str, Any]]:
    steps: list[dict[str, Any]] = []
    if path.is_file():
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                steps.append(json.loads(line))
            except ValueError:
                break
    return steps


def cut_metrics(path: Path, step: int) -> None:
    """Remove the lines after a step.

    Raises:
        CgtoolError: Steps up to it are missing.
    """
    kept = [line for line in _lines(path) if line["step"] <= step]
    steps = [line["step"] for line in kept if _JUDGED not in line]
    if steps != list(range(step - len(steps) + 1, step + 1)):
        raise CgtoolError(
            f"the metrics of the first {step} steps are not all there", path=path, hint="Restore it, or remove it"
        )
    write_whole(path, "".join(json.dumps(line) + "\n" for line in kept))
