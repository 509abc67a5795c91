"""Where clips are cut: told by the packets alone, at key frames where there are some."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from cgtool.conversion.pieces.segments import Part, cut, plan
from cgtool.errors import UsageError
from cgtool.media.reader import VideoReader
from tests.helpers.samples import numbered

MILLISECOND = Fraction(1, 1000)


def packets(count: int, keys: set[int], gap: int = 40, first: int = 0) -> list[tuple[int, bool]]:
    return [(first + gap * number, number in keys) for number in range(count)]


def test_segments_begin_at_key_frames_nearby() -> None:
    assert cut(packets(150, {0, 30, 55, 100}), MILLISECOND, 2) == (0, 2200, 4000)


def test_a_key_frame_at_a_cut_is_better_than_one_at_an_even_distance() -> None:
    keys = {0, 25, 50, 58, 83, 108, 133}  # the one at 58 came early
    assert cut(packets(150, keys), MILLISECOND, 2) == (0, 58 * 40, 108 * 40)


def test_without_key_frames_they_begin_at_frames() -> None:
    assert cut(packets(150, {0}, first=7), MILLISECOND, 2) == (7, 2007, 4007)
    assert cut(packets(150, {0}, gap=41), MILLISECOND, 2) == (0, 49 * 41, 98 * 41)


def test_order_does_not_matter() -> None:
    given = packets(150, {0, 30, 55, 100})
    assert cut(given[::-1], MILLISECOND, 2) == cut(given, MILLISECOND, 2)


def test_less_than_two_segments_are_one() -> None:
    assert cut(packets(94, {0, 50}), MILLISECOND, 2) == (0,)
    assert len(cut(packets(100, {0, 50}), MILLISECOND, 2)) == 2
    assert cut([], MILLISECOND, 2) == ()


def test_a_long_gap_makes_no_empty_segment() -> None:
    times = [(0, True), (40, False), (9000, False), (9040, False), (12000, False)]
    starts = cut(times, MILLISECOND, 2)
    assert set(starts) <= {pts for pts, _ in times}
    assert list(starts) == sorted(set(starts))


def test_a_clip_is_cut_in_its_span(tmp_path: Path) -> None:
    clip = numbered(tmp_path / "a.mp4", 50)
    with VideoReader(clip) as reader:
        found = plan(reader, 1)
        assert found is not None
        assert [start * found.time_base for start in found.starts] == [0, 1, 2, 3, 4]
        assert (found.end(0), found.end(4)) == (found.starts[1], None)
        assert plan(reader, 3) is None
    with VideoReader(clip, start=Fraction(2), end=Fraction(4)) as reader:
        found = plan(reader, 1)
        assert found is not None
        assert [start * found.time_base for start in found.starts] == [0, 1]


def test_shares() -> None:
    parts = [Part.parse(f"{number}/3") for number in (1, 2, 3)]
    held = [[index for index in range(8) if part.holds(index, 8)] for part in parts]
    assert held == [[0, 1, 2], [3, 4, 5], [6, 7]]


@pytest.mark.parametrize("written", ["", "1", "0/2", "3/2", "a/b", "1/2/3", "-1/2"])
def test_what_is_no_share(written: str) -> None:
    with pytest.raises(UsageError, match="write 1/4 for the first of four"):
        Part.parse(written)
