"""The quality table, and which clips it asks for."""

from __future__ import annotations

from pathlib import Path

import pytest

from cgtool.training.judge.measures import Figure
from tests.benchmarks.models.quality import CLIPS, Row, find_clips, table
from tests.benchmarks.models.quality_models import Steadiness

REAL = Row("real zebra", "zebra", Figure(1, 1, 1), Figure(0, -0.001, 0.002))
MASKED = Row(
    "horse2zebra", "zebra", Figure(0.85, 0.75, 0.9), Figure(0.06, 0.05, 0.07), background=Figure(5.25, 4.0, 6.5)
)  # fmt: skip


def test_the_background_has_a_column_where_there_are_masks() -> None:
    heads, _, real, model = table([REAL, MASKED])
    assert heads.endswith("| invented % | background |")
    assert real.endswith("|  |")
    assert model.endswith("| 5.2 [4.0, 6.5] |")
    assert len({line.count("|") for line in (heads, real, model)}) == 1
    assert "background" not in next(iter(table([REAL])))


def test_each_clip_has_a_column() -> None:
    row = Row("m", "zebra", Figure(1, 1, 1), Figure(0, 0, 0), steadiness={"40_horses": Steadiness(1e-4, 3e-4, 2e-4)})
    heads, _, line = table([row])
    assert heads.endswith("| E_warp 40 x1e5 |")
    assert line.endswith("| 20.0 / 30.0 |")


def test_clips_are_found_by_how_their_names_begin(tmp_path: Path) -> None:
    for name in ("01_a.mp4", "05_b.mkv", "09_c.mp4", "40_d.mp4"):
        (tmp_path / name).touch()
    assert [clip.name for clip in find_clips(tmp_path, CLIPS)] == ["01_a.mp4", "05_b.mkv", "09_c.mp4"]
    assert [clip.name for clip in find_clips(tmp_path, "40,01")] == ["40_d.mp4", "01_a.mp4"]
    for bad, count in (("01,77", 0), ("0", 3), ("", 4)):
        with pytest.raises(SystemExit, match=f"{count} clips' names begin"):
            find_clips(tmp_path, bad)
