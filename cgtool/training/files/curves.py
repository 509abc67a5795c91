"""Curves over a run's steps as SVG, small ones that share their axis of steps. Colours are the page's."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
"""Steps and values: shape (n, 2)."""

_WIDTH, _HEIGHT = 520, 180
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 10, 12, 22
_BINS, _NEIGHBOURS = 240, 6
"""Points of an averaged curve, and how many of them each is the mean of."""


@dataclass(frozen=True)
class Line:
    """One curve.

    Attributes:
        name: In the legend.
        points: By step.
        dots: Whether each point is marked; else neighbours are averaged.
    """

    name: str
    points: Points
    dots: bool = False


def draw(title: str, lines: Sequence[Line], last_step: int, mark: int | None = None) -> str:
    """A titled plot of one or two curves; nothing where they have no finite point.

    Args:
        title: Above it, as HTML text.
        lines: The curves.
        last_step: Where the axis of steps ends, which begins at 0.
        mark: A step to mark.
    """
    curves = [(line, _averaged(line)) for line in lines]
    curves = [(line, points[np.isfinite(points).all(1)]) for line, points in curves]
    curves = [(line, points) for line, points in curves if len(points)]
    if not curves:
        return ""
    low, high = _range(np.concatenate([points[:, 1] for _, points in curves]))
    parts = [_grid(low, high, last_step)]
    if mark is not None:
        x = _across(mark, last_step)
        parts.append(f'<line class="kept" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{_HEIGHT - _BOTTOM}"/>')
    for number, (line, points) in enumerate(curves):
        places = [(_across(step, last_step), _down(value, low, high)) for step, value in points]
        parts.append(f'<polyline class="c{number}" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in places)}"/>')
        if line.dots or len(places) == 1:
            parts += [f'<circle class="c{number}" cx="{x:.1f}" cy="{y:.1f}" r="3"/>' for x, y in places]
    legend = " ".join(
        f'<span class="c{number}">{html.escape(line.name)}</span>' for number, (line, _) in enumerate(curves)
    )
    svg = f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img">{"".join(parts)}</svg>'
    return f"<figure><figcaption>{html.escape(title)} {legend}</figcaption>{svg}</figure>"


def _averaged(line: Line) -> Points:
    if line.dots or len(line.points) <= _BINS:
        return line.points
    bins = np.array([part.mean(0) for part in np.array_split(line.points, _BINS)])
    padded = np.pad(bins[:, 1], (_NEIGHBOURS // 2, _NEIGHBOURS - 1 - _NEIGHBOURS // 2), mode="edge")
    smooth = np.convolve(padded, np.full(_NEIGHBOURS, 1 / _NEIGHBOURS), mode="valid")
    return np.column_stack([bins[:, 0], smooth])


def _range(values: NDArray[np.float64]) -> tuple[float, float]:
    """Of the axis: all but the rarest values, and 0 if it is near."""
    low, high = (float(value) for value in np.quantile(values, (0.005, 0.995)))
    low, high = (low, high) if len(values) > _BINS else (float(values.min()), float(values.max()))
    if low > 0 and low < high / 2:
        low = 0.0
    spare = (high - low) * 0.06 or abs(high) * 0.1 or 1.0
    return (low if low == 0 else low - spare), high + spare


def _grid(low: float, high: float, last_step: int) -> str:
    parts = []
    for share in (0.0, 0.5, 1.0):
        y = _HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{low + share * (high - low):.3g}</text>')
    for share, anchor in ((0.0, "start"), (0.5, "middle"), (1.0, "end")):
        x = _across(share * last_step, last_step)
        step = f"{round(share * last_step):,}"
        parts.append(f'<text x="{x:.1f}" y="{_HEIGHT - 5}" text-anchor="{anchor}">{step}</text>')
    return "".join(parts)


def _across(step: float, last_step: int) -> float:
    return _LEFT + step / max(1, last_step) * (_WIDTH - _LEFT - _RIGHT)


def _down(value: float, low: float, high: float) -> float:
    share = min(1.0, max(0.0, (value - low) / (high - low)))
    return _HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM)
