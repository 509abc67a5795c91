"""Curves as SVG."""

from __future__ import annotations

import re

import numpy as np

from cgtool.training.files.curves import Line, draw


def places(svg: str, number: int) -> list[tuple[float, float]]:
    [points] = re.findall(rf'<polyline class="c{number}" points="(.*?)"', svg)
    return [(float(x), float(y)) for x, y in (pair.split(",") for pair in points.split())]


def test_a_curve_that_rises_rises_across_the_shared_axis() -> None:
    svg = draw("up & down", [Line("a", np.array([(10, 1.0), (20, 2.0), (40, 3.0)]), dots=True)], last_step=40, mark=20)
    (x0, y0), (x1, y1), (x2, y2) = places(svg, 0)
    assert x2 - x1 == 2 * (x1 - x0)
    assert y0 > y1 > y2
    assert svg.count("<circle") == 3
    assert f'class="kept" x1="{x1:.1f}"' in svg
    assert "up &amp; down" in svg


def test_many_points_become_a_smooth_few() -> None:
    steps = np.arange(1, 5001)
    noise = np.random.default_rng(1).normal(size=5000)
    svg = draw("noise", [Line("a", np.column_stack([steps, noise]))], 5000)
    assert len(places(svg, 0)) == 240
    assert max(abs(y - 85) for _, y in places(svg, 0)) <= 85


def test_what_has_no_point_is_not_drawn() -> None:
    empty = np.empty((0, 2))
    assert draw("nothing", [Line("a", empty), Line("b", np.array([(1, np.nan)]))], 9) == ""
    svg = draw("one", [Line("a", empty), Line("b", np.array([(1, 2.0)]))], 9)
    assert svg.count("<polyline") == svg.count("<circle") == 1
