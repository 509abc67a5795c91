"""Timecodes where a cut begins."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from cgtool.media.input.timecode import find_timecode, moved_timecode
from tests.helpers.identity import pass_through
from tests.helpers.probe import describe
from tests.helpers.samples import numbered

NTSC = Fraction(30000, 1001)


@pytest.mark.parametrize(
    ("timecode", "frames", "rate", "wanted"),
    [
        ("01:00:00:00", 30, 2 * NTSC, "01:00:00:30"),
        ("01:00:00:00", 1800, NTSC, "01:01:00:00"),
        ("00:00:59;28", 2, NTSC, "00:01:00;02"),
        ("00:00:59;29", 1, NTSC, "00:01:00;02"),
        ("00:01:59;29", 1, NTSC, "00:02:00;02"),
        ("00:09:59;29", 1, NTSC, "00:10:00;00"),
        ("00:00:00;00", 17982, NTSC, "00:10:00;00"),
        ("01:00:00;00", 107892, NTSC, "02:00:00;00"),
        ("00:00:59;59", 1, 2 * NTSC, "00:01:00;04"),
        ("23:59:59:24", 1, Fraction(25), "00:00:00:00"),
        ("23:59:59;29", 1, NTSC, "00:00:00;00"),
        ("10:11:12:23", 1, Fraction(24000, 1001), "10:11:13:00"),
        ("nonsense", 7, NTSC, "nonsense"),
    ],
)
def test_moved(timecode: str, frames: int, rate: Fraction, wanted: str) -> None:
    assert moved_timecode(timecode, frames, rate) == wanted


def test_drop_frame_counts_every_frame_of_an_hour_once() -> None:
    """Frame by frame, by the rule itself."""
    numbers = [
        f"00:{minute:02}:{second:02};{frame:02}"
        for minute in range(60)
        for second in range(60)
        for frame in range(2 if second == 0 and minute % 10 else 0, 30)
    ]
    assert [moved_timecode("00:00:00;00", count, NTSC) for count in range(len(numbers))] == numbers


def test_where_it_is_found() -> None:
    assert find_timecode([{}, {"TIMECODE": "01:00:00:00"}, {"timecode": "02:00:00:00"}]) == "01:00:00:00"
    assert find_timecode([{"timecode": "soon"}, {}]) is None


@pytest.mark.parametrize("suffix", [".mov", ".mp4", ".mkv"])
@pytest.mark.parametrize(
    ("begin", "rate", "start", "wanted"),
    [
        ("01:00:00:00", "60000/1001", None, "01:00:00:00"),
        ("01:00:00:00", "60000/1001", "0.5", "01:00:00:30"),
        ("00:00:59;20", "30000/1001", "0.5", "00:01:00;07"),
        ("10:00:00:00", "25", "0.4", "10:00:00:10"),
    ],
)
def test_a_cut_begins_with_its_own_timecode(
    tmp_path: Path, suffix: str, begin: str, rate: str, start: str | None, wanted: str
) -> None:
    source = numbered(tmp_path / "a.mov", 40, "-timecode", begin, rate=rate)
    cut = None if start is None else Fraction(start)
    assert pass_through(source, tmp_path / f"b{suffix}", start=cut) == []
    found = {line.split(" : ")[1].strip() for line in describe(tmp_path / f"b{suffix}").splitlines()
             if line.strip().lower().startswith("timecode")}  # fmt: skip
    assert found == {wanted}


def test_what_can_not_hold_it_says_so(tmp_path: Path) -> None:
    source = numbered(tmp_path / "a.mov", 4, "-timecode", "01:00:00:00", rate="25")
    [warning] = pass_through(source, tmp_path / "b.avi")
    assert warning == "stream 1 (data, unknown): left out, AVI can't hold its timecode"
