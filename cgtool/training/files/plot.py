"""The plot of a run's losses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from cgtool.files import writing
from cgtool.training.losses import TERMS


def plot_losses(steps: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draw the losses over the steps: a mean over neighbouring steps above each step's own, as a PNG.

    Args:
        steps: The metrics, as `cgtool.training.files.metrics.read_metrics` gives them.
        path: Where the picture goes.

    Raises:
        OSError: It can't be written.
    """
    occurring = {name for line in steps for name in line}
    terms = [term for term in TERMS if occurring.intersection(term.names)] or TERMS[:1]
    figure = Figure(figsize=(11, 3.75 * -(-len(terms) // 2)), layout="constrained")
    axes = figure.subplots(-(-len(terms) // 2), 2, squeeze=False)
    for axis, term in zip(axes.flat, terms, strict=False):  # an odd number leaves one empty
        axis.set_title(term.title)
        axis.set_xlabel("step")
        axis.grid(alpha=0.3)
        for color, name in zip(("tab:green", "tab:blue"), sorted(term.names), strict=True):
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
    with writing(path) as file:
        figure.savefig(file, dpi=90, format="png")


def _smooth(values: np.ndarray[Any, np.dtype[np.float64]]) -> np.ndarray[Any, np.dtype[np.float64]]:
    width = max(1, len(values) // 40)
    padded = np.pad(values, (width // 2, width - 1 - width // 2), mode="edge")
    return np.convolve(padded, np.full(width, 1 / width), mode="valid")
