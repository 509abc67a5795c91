"""Outputs whose names are as long as file systems take."""

from __future__ import annotations

from pathlib import Path

import pytest

import cgtool
from tests.helpers.samples import numbered, numbers


@pytest.mark.parametrize("length", [232, 233, 247, 255])
def test_a_long_name_is_no_obstacle_to_what_would_be_made_in_segments(length: int, tmp_path: Path) -> None:
    source = numbered(tmp_path / "a.mp4", 20)
    target = tmp_path / "out" / f"{'x' * (length - 4)}.mp4"
    [result] = cgtool.convert(source, to="winter", output=target, engine="identity", preset="ultrafast", segment=0.5)
    assert result.error is None
    assert list(target.parent.iterdir()) == [target]
    short = target.rename(tmp_path / "short.mp4")  # room for what is written beside it
    assert numbers(short) == list(range(20))
