"""Moments: spread over a clip, and none across a cut."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from cgtool.conversion.moments import MOST_FRAMES, begins, calm_span, describe, read_moment
from cgtool.errors import MediaError
from cgtool.pictures import Size
from tests.helpers.probe import make
from tests.helpers.samples import numbered

TIMES = [number / 10 for number in range(20)]


def test_where_moments_are_looked_for() -> None:
    assert begins(None, 5) == begins(1.5, 5) == [0.0]
    assert begins(100, 5) == [9, 29, 49, 69, 89]
    assert begins(3, 5) == [0.0, 0.5, 1.0]


@pytest.mark.parametrize(
    ("cut", "first", "last"), [(None, 5, 15), (10, 0, 10), (7, 7, 17), (13, 3, 13), (19, 5, 15), (1, 5, 15)]
)
def test_the_second_without_a_cut(cut: int | None, first: int, last: int) -> None:
    differences = [0.0, *[2.0] * 19]
    if cut is not None:
        differences[cut] = 60.0
    assert calm_span(TIMES, differences) == (first, last)


def test_fast_motion_is_no_cut_and_many_cuts_leave_the_longest_piece() -> None:
    assert calm_span(TIMES, [30.0] * 20) == (5, 15)
    differences = [0.0, *[2.0] * 19]
    for cut in (4, 8, 14, 17):
        differences[cut] = 60.0
    assert calm_span(TIMES, differences) == (8, 14)
    assert calm_span([0.0], [0.0]) == (0, 1)


def test_a_moment_of_a_real_cut(tmp_path: Path) -> None:
    sources = [f"color={colour}:size=64x48:rate=10:duration=1" for colour in ("black", "white")]
    inputs = [word for source in sources for word in ("-f", "lavfi", "-i", source)]
    path = make(tmp_path / "cut.mp4", *inputs, "-filter_complex", "concat=n=2", "-qp", "0")
    moment = read_moment(path, 0, Size(32, 24))
    levels = [float(frame.pixels.mean()) for frame in moment.frames]
    assert len(levels) == 10
    assert np.ptp(levels) < 2
    assert moment.rate == Fraction(10)
    assert moment.frames[0].pixels.shape == (24, 32, 3)


def test_what_a_clip_is_and_where_it_ends(tmp_path: Path) -> None:
    path = numbered(tmp_path / "a.mp4", 30)
    clip = describe(path)
    assert (clip.size, clip.frames, clip.rate, clip.seconds) == (Size(64, 48), 30, Fraction(10), 3.0)
    moment = read_moment(path, 1.0, Size(64, 48))
    assert (round(moment.at_seconds, 2), len(moment.frames)) == (1.5, 10)
    with pytest.raises(MediaError):
        read_moment(path, 50.0, Size(64, 48))


def test_a_fast_clip_is_shown_with_fewer_frames(tmp_path: Path) -> None:
    path = numbered(tmp_path / "a.mp4", 50, rate="50")
    moment = read_moment(path, 0, Size(64, 48))
    assert len(moment.frames) <= MOST_FRAMES
    assert float(moment.rate) == pytest.approx(25, rel=0.05)
