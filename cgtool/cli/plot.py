"""Figures over time, as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cgtool.errors import MediaError

if TYPE_CHECKING:
    from cgtool.tasks.measure import MeasuredFrame


def plot_measures(measured: Sequence[MeasuredFrame], path: Path) -> None:
    """Draw warp error, flicker, sharpness and change over the source's time.

    Raises:
        MediaError: The picture can't be written.
    """
    from matplotlib.figure import Figure

    seconds = [frame.pts_seconds for frame in measured]
    figure = Figure(figsize=(9, 10), layout="constrained")
    panels = figure.subplots(4, 1, sharex=True)
    lines = [
        (0, "warp_error", "result", "E_warp"),
        (0, "source_warp_error", "source", "E_warp"),
        (1, "brightness_flicker", "brightness", "flicker beyond the source's"),
        (1, "colour_flicker", "colour", "flicker beyond the source's"),
        (2, "edges", "sharpness", "edges, source = 1"),
        (3, "change", "change", "mean change from the source"),
    ]
    for panel, field, label, title in lines:
        values = [getattr(frame.figures, field) for frame in measured]
        panels[panel].plot(seconds, [float("nan") if v is None else v for v in values], label=label, linewidth=1)
        panels[panel].set_ylabel(title)
        panels[panel].grid(alpha=0.3)
    for panel in (0, 1):
        panels[panel].legend(loc="upper right")
    panels[3].set_xlabel("seconds")
    try:
        figure.savefig(path, dpi=100)
    except (OSError, ValueError) as error:
        raise MediaError(f"can't be written ({error})", path=path) from error
