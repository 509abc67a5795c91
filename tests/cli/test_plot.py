from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("matplotlib")

from cgtool.change.measures import Measures
from cgtool.cli.plot import plot_measures
from cgtool.errors import MediaError
from cgtool.tasks.measure import MeasuredFrame


def measured(count: int) -> list[MeasuredFrame]:
    """Figures of a clip whose first frame, as always, has no steadiness."""
    none, some = Measures(None, None, None, None, None, 0.1), Measures(1e-4, 5e-5, 0.01, 0.02, 0.9, 0.1)
    return [MeasuredFrame(n, count, n / 25, some if n else none, some) for n in range(count)]


@pytest.mark.parametrize("count", [1, 3])
def test_figures_are_drawn(tmp_path: Path, count: int) -> None:
    plot_measures(measured(count), tmp_path / "plot.png")
    assert (tmp_path / "plot.png").read_bytes()[:4] == b"\x89PNG"


@pytest.mark.parametrize("name", ["absent/plot.png", "plot.unknown"])
def test_a_picture_that_can_not_be_written_is_told(tmp_path: Path, name: str) -> None:
    with pytest.raises(MediaError, match="can't be written"):
        plot_measures(measured(2), tmp_path / name)
    assert list(tmp_path.iterdir()) == []
