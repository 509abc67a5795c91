"""The losses of every step: `metrics.jsonl`, TensorBoard events and a plot."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from torch.utils.tensorboard import SummaryWriter

from cgtool.errors import CgtoolError
from cgtool.training.step import DISCRIMINATOR_LOSSES, GENERATOR_LOSSES


@dataclass(frozen=True)
class StepMetrics:
    """One step.

    Attributes:
        step: Steps done, this one included.
        epoch: Passes over the larger domain begun before it, from 0.
        learning_rate: Of this step.
        seconds: From the end of the step before to the end of this one. On a GPU steps end when they are queued, so
            only averages over many mean something.
        data_seconds: The part of ``seconds`` that was spent waiting for images.
        losses: Weighted, by name; means over all processes.
    """

    step: int
    epoch: int
    learning_rate: float
    seconds: float
    data_seconds: float
    losses: dict[str, float]


class MetricsLog:
    """Writes `metrics.jsonl`, one line a step, and TensorBoard events. Use it as a context manager.

    Args:
        folder: The run folder.
        step: Steps done. Lines of later steps, which an interruption left behind, are removed.
    """

    def __init__(self, folder: Path, step: int) -> None:
        path = folder / "metrics.jsonl"
        cut_metrics(path, step)
        self._file = path.open("a", encoding="utf-8")
        self._events = SummaryWriter(str(folder / "tensorboard"), purge_step=step + 1)

    def __enter__(self) -> MetricsLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        self._events.close()

    def write(self, metrics: StepMetrics) -> None:
        """Append a step."""
        line = asdict(metrics)
        losses = line.pop("losses")
        rounded = {key: float(f"{value:.6g}") if isinstance(value, float) else value for key, value in line.items()}
        # Losses keep all their digits: two runs can be compared bit for bit.
        self._file.write(json.dumps({**rounded, **losses}) + "\n")
        for name, value in losses.items():
            self._events.add_scalar(f"loss/{name}", value, metrics.step)
        self._events.add_scalar("learning_rate", metrics.learning_rate, metrics.step)

    def add_image(self, name: str, pixels: np.ndarray[Any, np.dtype[np.uint8]], step: int) -> None:
        """Add a picture, RGB, uint8, shape (height, width, 3), to TensorBoard."""
        self._events.add_image(name, pixels, step, dataformats="HWC")

    def sync(self) -> None:
        """Bring all steps so far to the disk. A checkpoint is only saved after its steps' metrics."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._events.flush()


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """The steps of a `metrics.jsonl`, as they were written; a line that is not whole ends them."""
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
    kept = [line for line in read_metrics(path) if line["step"] <= step]
    if [line["step"] for line in kept] != list(range(step - len(kept) + 1, step + 1)):
        raise CgtoolError(
            f"the metrics of the first {step} steps are not all there", path=path, hint="Restore it, or remove it"
        )
    temporary = path.with_suffix(".part")
    temporary.write_text("".join(json.dumps(line) + "\n" for line in kept), encoding="utf-8")
    temporary.replace(path)


def plot_losses(steps: Sequence[dict[str, Any]], path: Path) -> None:
    """Draw the losses over the steps: a mean over neighbouring steps above each step's own, as a PNG."""
    groups = {
        "Generators, adversarial": GENERATOR_LOSSES[:2],
        "Discriminators": DISCRIMINATOR_LOSSES,
        "Cycle-consistency (weighted)": GENERATOR_LOSSES[2:4],
        "Identity (weighted)": GENERATOR_LOSSES[4:6],
    }
    optional = {
        "Temporal consistency (weighted)": GENERATOR_LOSSES[6:8],
        "Texture that is hidden (weighted)": GENERATOR_LOSSES[8:10],
    }
    groups |= {title: names for title, names in optional.items() if any(names[0] in line for line in steps)}
    figure = Figure(figsize=(11, 3.75 * -(-len(groups) // 2)), layout="constrained")
    axes = figure.subplots(-(-len(groups) // 2), 2)
    for axis, (title, names) in zip(axes.flat, groups.items(), strict=False):  # an odd number leaves one empty
        axis.set_title(title)
        axis.set_xlabel("step")
        axis.grid(alpha=0.3)
        for color, name in zip(("tab:green", "tab:blue"), names, strict=True):
            points = np.array([(line["step"], line[name]) for line in steps if name in line])
            if not len(points):
                continue
            window = max(1, len(points) // 50)
            bins = np.array_split(points, min(len(points), 400))
            if window > 1:
                axis.plot(points[:: max(1, len(points) // 4000), 0], points[:: max(1, len(points) // 4000), 1],
                          color=color, alpha=0.2, linewidth=0.5)  # fmt: skip
            axis.plot([b[:, 0].mean() for b in bins], _smooth(np.array([b[:, 1].mean() for b in bins])), color=color,
                      label=name)  # fmt: skip
            axis.legend()
    figure.savefig(path, dpi=90)


def _smooth(values: np.ndarray[Any, np.dtype[np.float64]]) -> np.ndarray[Any, np.dtype[np.float64]]:
    width = max(1, len(values) // 40)
    padded = np.pad(values, (width // 2, width - 1 - width // 2), mode="edge")
    return np.convolve(padded, np.full(width, 1 / width), mode="valid")
