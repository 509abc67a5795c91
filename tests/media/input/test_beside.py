"""Sound and subtitles beside a picture whose clock jumps or is cut."""

from __future__ import annotations

import itertools
from fractions import Fraction
from pathlib import Path

import pytest

from cgtool.media.containers import CarriedStream
from cgtool.media.input.beside import Beside, Source, attached_picture
from cgtool.media.input.survey import Survey
from tests.media.identity import pass_through
from tests.media.input.recordings import LENGTH, RATE, beeps, joined, recording
from tests.media.probe import make, timestamps
from tests.media.samples import numbers

MPEG2 = ("-c:v", "mpeg2video", "-qscale", "4", "-bf", "2", "-c:a", "mp2")
KINDS = [
    ("clip.ts", (), None, ".mp4"),
    ("clip.ts", (), "5000", ".mkv"),
    ("clip.m2ts", ("-bf", "2", "-g", "10", "-c:a", "ac3", "-mpegts_m2ts_mode", "1"), None, ".mp4"),
    ("clip.mpg", MPEG2, None, ".mkv"),
    ("clip.vob", MPEG2, None, ".mp4"),
]
PACKET_SECONDS = 0.03
"""Sound is copied packet by packet, of up to 32 ms: where one recording's sound outlasts its picture, half of one."""


@pytest.mark.parametrize(("name", "arguments", "begin", "suffix"), KINDS)
def test_joined_recordings_follow_each_other(
    tmp_path: Path, name: str, arguments: tuple[str, ...], begin: str | None, suffix: str
) -> None:
    first = recording(tmp_path / name, *arguments)
    second = recording(tmp_path / f"second-{name}", *arguments, begin=begin) if begin else first
    result = tmp_path / f"result{suffix}"
    [warning] = pass_through(joined(tmp_path / f"joined-{name}", first, second), result)
    assert "its clock jumps once" in warning
    assert numbers(result) == [*range(LENGTH), *range(LENGTH)]
    shown, tick = timestamps(result)
    assert all(abs(b - a - Fraction(1, RATE)) <= tick for a, b in itertools.pairwise(shown))
    assert beeps(result) == pytest.approx([beeps(first)[0]] * 2, abs=PACKET_SECONDS)


@pytest.mark.parametrize(("start", "end"), [("1", "3"), ("2.4", None), (None, "1.2")])
@pytest.mark.parametrize("name", ["clip.ts", "clip.vob"])
def test_cuts_of_joined_recordings(tmp_path: Path, name: str, start: str | None, end: str | None) -> None:
    part = recording(tmp_path / name, *(MPEG2 if name.endswith("vob") else ()))
    source = joined(tmp_path / f"joined-{name}", part, part)
    whole, result = tmp_path / "whole.mkv", tmp_path / "result.mkv"
    pass_through(source, whole)
    pass_through(source, result, start=Fraction(start) if start else None, end=Fraction(end) if end else None)
    shown, _ = timestamps(whole)
    begin = min(shown[0], timestamps(part, "0:a:0")[0][0])  # a span counts from the file's first time
    wanted = [
        number
        for number, time in zip(numbers(whole), shown, strict=True)
        if (start is None or time - begin >= Fraction(start)) and (end is None or time - begin < Fraction(end))
    ]
    assert numbers(result) == wanted
    assert beeps(result) == pytest.approx([beeps(part)[0]] * wanted.count(0), abs=PACKET_SECONDS)


def test_a_source_as_it_is_needs_one_input(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    beside = Beside(Source(path, [CarriedStream(3, ("copy",))]), Survey(), Fraction(0))
    assert beside.inputs() == ["-i", f"file:{path}"]
    assert beside.place(3) == "1:3"
    assert beside.attachments() == []


def test_a_cover_picture_is_taken_out(tmp_path: Path) -> None:
    cover = make(tmp_path / "cover.png", "-f", "lavfi", "-i", "color=red:size=32x32", "-frames:v", "1")
    clip = make(tmp_path / "clip.mp4", "-f", "lavfi", "-i", "color=black:size=64x48:duration=0.2", "-i", cover,
                "-map", "0", "-map", "1", "-c:v:0", "libx264", "-c:v:1", "copy",
                "-disposition:v:1", "attached_pic")  # fmt: skip
    assert attached_picture(clip, 1) == cover.read_bytes()
