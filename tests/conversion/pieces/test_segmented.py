"""Segments: a run that was killed and goes on gives what an uninterrupted one gives, frame for frame."""

from __future__ import annotations

import os
import random
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from cgtool.conversion.events import Advanced, Event, Note
from cgtool.conversion.pieces.unfinished import WorkFolder, unfinished
from cgtool.errors import EngineError
from cgtool.media.reader import VideoReader
from cgtool.pictures import Image
from tests.conversion.pieces.worker import Flickering, FlickeringMaps, run
from tests.conversion.pieces.working import (
    FRAMES,
    SEGMENTS,
    content,
    difference,
    ended,
    footage,
    killed,
    results,
    shown,
    start,
)
from tests.helpers.probe import assert_same_times, make, streams, timestamps


@pytest.fixture(scope="module")
def uninterrupted(source: Path) -> dict[str, object]:
    """The contents of runs that nobody stopped, of pictures and of maps."""
    found = {}
    for kind in ("pictures", "maps"):
        target = source.with_name(f"{kind}.mp4")
        ended(start(source, target, *(["--maps"] if kind == "maps" else [])))
        assert_same_times(source, target)
        found[kind] = content(target)
    return found


@pytest.mark.parametrize(("kind", "moment"), [("pictures", 5), ("pictures", 40), ("maps", 75)])
def test_what_was_killed_goes_on(
    source: Path, tmp_path: Path, uninterrupted: dict[str, object], kind: str, moment: int
) -> None:
    target = tmp_path / "out.mp4"
    options = ["--maps"] if kind == "maps" else []
    killed(start(source, target, *options, "--slowly", "0.01", "--kill-at", str(moment)))
    assert not target.exists()
    kept = sum(segment.frames for segment in found(target).done().values())
    assert kept <= moment
    _, _, frames, seen, notes, _ = ended(start(source, target, *options))
    assert (frames, seen) == (FRAMES, FRAMES - kept), "what was kept is not made again"
    assert bool(notes) == (kept > 0)
    assert content(target) == uninterrupted[kind]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.mp4"]


def found(target: Path) -> WorkFolder:
    work = WorkFolder(target)
    assert work.find({}) is not None
    return work


def test_segments_are_one_piece(source: Path, tmp_path: Path) -> None:
    """Without an encoder's loss, no pixel tells that a clip was cut; nor do times, streams and warnings."""
    whole, cut = tmp_path / "whole.mkv", tmp_path / "cut.mkv"
    done = []
    for segment, target in ((0, whole), (1, cut)):
        done += results(run(Flickering(), [str(source)], output=target, segment=segment, codec="ffv1"))
    assert [one.error for one in done] == [None, None]
    assert done[0].warnings == done[1].warnings
    assert content(whole) == content(cut)
    assert streams(whole)[1:] == streams(cut)[1:]


class Failing(Flickering):
    """Fails once it has seen so many frames."""

    def __init__(self, frames: int) -> None:
        super().__init__()
        self.most = frames

    def infer(self, frames: Image) -> Any:  # noqa: ANN401
        if self.frames >= self.most:
            raise EngineError("the device fell off")
        return super().infer(frames)


def test_a_failure_says_how_to_go_on(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    [result] = results(run(Failing(50), [str(source)], output=target, segment=1))
    kept = len(found(target).done())
    assert result.error is not None
    assert "the device fell off" in result.error
    assert f"{kept} of {SEGMENTS} segments are kept: the same command goes on from there" in result.error
    [one] = unfinished(tmp_path)
    assert (one.output, one.source, one.done, one.segments, one.worker) == (target, source, kept, SEGMENTS, None)
    engine = Flickering()
    happened = run(engine, [str(source)], output=target, segment=1)
    [result] = results(happened)
    assert (result.error, result.frames) == (None, FRAMES)
    advanced = [event for event in happened if isinstance(event, Advanced)]
    assert {event.earlier_frames for event in advanced} == {result.earlier_frames}
    assert {event.segment for event in advanced} == set(range(kept, SEGMENTS))
    assert {event.segments for event in advanced} == {SEGMENTS}
    assert [event.frames for event in advanced] == sorted(event.frames for event in advanced)
    busy = [sum(event.busy_seconds.values()) for event in advanced]
    assert busy == sorted(busy), "working time is counted on from one segment to the next"
    assert result.earlier_frames == FRAMES - engine.frames > 0
    assert unfinished(tmp_path) == []


def test_nothing_is_left_of_what_never_began(source: Path, tmp_path: Path) -> None:
    [result] = results(run(Failing(0), [str(source)], output=tmp_path / "out.mp4", segment=1))
    assert result.error == "the device fell off"
    assert list(tmp_path.iterdir()) == []


def notes(happened: list[Event]) -> list[str]:
    return [event.text for event in happened if isinstance(event, Note)]


def test_what_has_changed_is_told_and_begun_anew(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    run(Failing(50), [str(source)], output=target, segment=1)
    told = notes(run(Failing(50), [str(source)], output=target, segment=1, crf=30, strength=0.5))
    assert told == [f"{target}: begun anew, for these have changed: --strength: 1.0 before, 0.5 now; "
                    "--crf: None before, 30 now; the encoder"]  # fmt: skip
    os.utime(source, ns=(0, 0))
    told = notes(run(Failing(50), [str(source)], output=target, segment=1, crf=30, strength=0.5))
    assert told == [f"{target}: begun anew, for these have changed: the source's time of change"]
    engine = Flickering()
    happened = run(engine, [str(source)], output=target, segment=1, crf=30, strength=0.5, resume=False)
    assert (notes(happened), engine.frames) == ([], FRAMES)
    assert results(happened)[0].error is None


def test_short_clips_and_other_clocks_need_no_folder(source: Path, tmp_path: Path) -> None:
    for name, options in (("a.mp4", {"segment": 2.2}), ("b.avi", {"segment": 1}),
                          ("c.mp4", {"segment": 1, "ffmpeg_args": "-an"})):  # fmt: skip
        [result] = results(run(Failing(8), [str(source)], output=tmp_path / name, **options))
        assert "kept" not in result.error
        assert list(tmp_path.iterdir()) == []


def test_only_one_at_a_time(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    first = start(source, target, "--slowly", "0.05")
    while WorkFolder(target).worker() is None:
        assert first.poll() is None
        time.sleep(0.05)
    [result] = results(run(Flickering(), [str(source)], output=target, segment=1, preset="ultrafast"))
    assert f"process {first.pid} on " in result.error
    assert "is making it already. Wait for it, or help it with --part" in result.error
    assert ended(first)[2] == FRAMES


# Depth, high dynamic range, and a network that sees some of the frames

TEN_BITS = ["-pix_fmt", "yuv420p10le"]
HLG = [*TEN_BITS, "-color_primaries", "bt2020", "-color_trc", "arib-std-b67", "-colorspace", "bt2020nc",
       "-bsf:v", "h264_metadata=colour_primaries=9:transfer_characteristics=18:matrix_coefficients=9"]  # fmt: skip
KINDS: dict[str, tuple[list[str], dict[str, Any]]] = {
    "every third": ([], {"every": 3}),
    "every auto": ([], {"every": "auto"}),
    "ten bits": (TEN_BITS, {}),
    "ten bits, every auto": (TEN_BITS, {"every": "auto"}),
    "HDR": (HLG, {"hdr": "keep"}),
    "HDR, every third": (HLG, {"hdr": "keep", "every": 3}),
    "HDR to SDR": (HLG, {}),
}


class FailingMaps(Failing, FlickeringMaps):
    """The same of maps."""


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=pytest.mark.slow if "HDR" in kind else ()) for kind in KINDS]
)
def test_every_kind_of_map_goes_on_as_if_nothing_had_been(tmp_path: Path, kind: str) -> None:
    """Stopped in the middle and gone on with: every frame is that of a run that nobody stopped.

    Made by two, of whom the second begins, it is nearly so.
    """
    how, options = KINDS[kind]
    picture = "testsrc2=size=160x96:rate=12:duration=3.6,noise=alls=4:allf=t"
    clip = make(tmp_path / "a.mkv", "-f", "lavfi", "-i", picture, "-c:v", "libx264", "-preset", "ultrafast",
                "-bf", "2", "-g", "999", *how)  # fmt: skip
    options = {"segment": 0.9, "codec": "ffv1", **options}
    once, again, shared = (tmp_path / f"{name}.mkv" for name in ("once", "again", "shared"))
    engine = FlickeringMaps()
    [result] = results(run(engine, [str(clip)], output=once, **options))
    assert (result.error, result.frames) == (None, 44)
    assert engine.frames == 44 if options.get("every", 1) == 1 else engine.frames < 44

    [result] = results(run(FailingMaps(engine.frames // 2), [str(clip)], output=again, **options))
    assert "of 4 segments are kept" in result.error
    [result] = results(run(FlickeringMaps(), [str(clip)], output=again, **options))
    assert (result.error, result.frames) == (None, 44)
    assert 11 <= result.earlier_frames <= 33
    assert shown(again) == shown(once)

    [result] = results(run(FlickeringMaps(), [str(clip)], output=shared, part="2/2", **options))
    assert result.error is None
    assert timestamps(shared) == timestamps(once)
    mean, most = difference(shared, once)
    assert mean <= 1
    assert most <= 6
    with VideoReader(once) as reader:
        assert (reader.info.colour.hdr, str(reader.info.pixel_format).count("10")) == (
            "HLG" if options.get("hdr") else None,
            1 if how else 0,
        )


@pytest.mark.slow
def test_twenty_random_moments(tmp_path: Path) -> None:
    source = footage(tmp_path / "a.mp4", 60)
    ended(start(source, tmp_path / "once.mp4", "--segment", "5"), seconds=900)
    wanted = content(tmp_path / "once.mp4")
    chance = random.Random(15)
    for number in range(20):
        target = tmp_path / f"{number}.mp4"
        process = start(source, target, "--segment", "5", "--slowly", "0.002")
        time.sleep(chance.uniform(1.0, 9.0))
        process.kill()
        process.communicate()
        _, _, frames, seen, _, _ = ended(start(source, target, "--segment", "5"), seconds=900)
        assert frames >= seen
        assert content(target) == wanted
        target.unlink()
    with VideoReader(source) as reader:
        assert reader.info.begin_seconds == Fraction(0)
