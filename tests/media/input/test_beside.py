"""Sound and subtitles beside a picture whose clock jumps or is cut."""

from __future__ import annotations

import itertools
from fractions import Fraction
from pathlib import Path

import pytest

from cgtool.media.containers import CarriedStream
from cgtool.media.input import beside
from cgtool.media.input.beside import Beside, Source, attached_picture
from cgtool.media.input.survey import Survey
from tests.helpers.identity import pass_through
from tests.helpers.probe import make, timestamps
from tests.helpers.samples import numbered, numbers, samples, tone_seconds
from tests.media.input.recordings import LENGTH, RATE, beeps, joined, recording

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


@pytest.mark.parametrize("start", [None, Fraction(1, 4)])
def test_a_clock_of_33_bits_wraps(tmp_path: Path, start: Fraction | None) -> None:
    whole = recording(tmp_path / "clip.ts", begin="95441.2")  # it wraps 1.1 s after its beginning
    result = tmp_path / "result.mkv"
    assert pass_through(whole, result, start=start) == []
    shown = numbers(result)
    assert shown == list(range(LENGTH - len(shown), LENGTH))
    assert len(shown) in ((LENGTH,) if start is None else (44, 45))
    first = float(timestamps(result)[0][0]) - (LENGTH - len(shown)) / RATE
    assert tone_seconds(result) - first == pytest.approx(0.5, abs=0.004)


LATE = {
    ".ts": ("-output_ts_offset", "3600"),
    ".mts": ("-output_ts_offset", "3600", "-f", "mpegts", "-mpegts_m2ts_mode", "1"),
    ".mkv": ("-output_ts_offset", "3600"),
    ".mp4": ("-output_ts_offset", "3600"),  # an edit list that waits for an hour
    ".mov": ("-ss", "0.75"),  # an edit list that hides what lies before
    ".vob": ("-output_ts_offset", "3600", "-c:v", "mpeg2video", "-qscale", "4", "-r", "25", "-c:a", "mp2"),
}
EVERY_SECOND = "aevalsrc='if(gte(mod(t,1),0.5)*lt(mod(t,1),0.75),0.8*sin(2*PI*1000*t),0)':s=48000"
"""A beep half a second after each full second."""


@pytest.mark.parametrize("suffix", LATE)
def test_cuts_of_a_file_whose_clock_begins_late(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str) -> None:
    monkeypatch.setattr(beside, "_LEAD_SECONDS", 1)  # so that ffmpeg has something to skip
    coded = ("-preset", "veryfast", "-bf", "2", "-g", "10", "-c:a", "aac")
    clip = numbered(tmp_path / "clip.mp4", 54, *coded, sound=EVERY_SECOND)
    source = make(tmp_path / f"late{suffix}", "-i", clip, "-c", "copy", *LATE[suffix])
    result = tmp_path / "result.mkv"
    assert pass_through(source, result, start=Fraction(3), end=Fraction(4)) == []
    begin, sound, rate = samples(result)
    assert 0 <= begin <= PACKET_SECONDS
    assert float(begin) + len(sound) / rate == pytest.approx(1, abs=PACKET_SECONDS)
    pictures = zip(timestamps(result)[0], numbers(result), strict=True)
    second = next(float(time) for time, number in pictures if number % 10 == 0)
    assert (tone_seconds(result) - second) % 1 == pytest.approx(0.5, abs=0.004)


def test_a_source_as_it_is_needs_one_input(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    arguments = Beside(Source(path, [CarriedStream(3, ("copy",))]), Survey(), Fraction(0))
    assert arguments.inputs() == ["-i", f"file:{path}"]
    assert arguments.place(3) == "1:3"
    assert arguments.attachments() == []


def test_a_cover_picture_is_taken_out(tmp_path: Path) -> None:
    cover = make(tmp_path / "cover.png", "-f", "lavfi", "-i", "color=red:size=32x32", "-frames:v", "1")
    clip = make(tmp_path / "clip.mp4", "-f", "lavfi", "-i", "color=black:size=64x48:duration=0.2", "-i", cover,
                "-map", "0", "-map", "1", "-c:v:0", "libx264", "-c:v:1", "copy",
                "-disposition:v:1", "attached_pic")  # fmt: skip
    assert attached_picture(clip, 1) == cover.read_bytes()
