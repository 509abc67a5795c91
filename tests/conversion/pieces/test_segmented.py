"""Segments: a run that was killed and goes on gives what an uninterrupted one gives, frame for frame."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cgtool.conversion.events import Advanced, Event, Finished, Note
from cgtool.conversion.pieces.unfinished import WorkFolder, unfinished
from cgtool.errors import EngineError
from cgtool.media.reader import VideoReader
from cgtool.pictures import Image
from tests.conversion.worker import Flickering, FlickeringMaps, run
from tests.media.probe import assert_same_times, ffmpeg, make, streams, timestamps
from tests.media.samples import packets

FRAMES = 86
SEGMENTS = 4


def footage(path: Path, seconds: float = 4) -> Path:
    """A clip of variable rate, with B-frames and a single key frame, sound and subtitles."""
    text = path.with_suffix(".srt")
    text.write_text("1\n00:00:00,300 --> 00:00:01,000\nDew\n\n2\n00:00:03,200 --> 00:00:03,900\nFog\n")
    picture = f"testsrc2=size=160x96:rate=30000/1001:duration={seconds},noise=alls=4:allf=t"
    return make(path, "-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", f"sine=440:duration={seconds}", "-i", text,
                "-vf", "select='not(between(mod(n,7),3,4))'", "-fps_mode", "vfr", "-c:v", "libx264",
                "-preset", "veryfast", "-bf", "3", "-g", "999", "-sc_threshold", "0", "-c:a", "aac",
                "-c:s", "mov_text")  # fmt: skip


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return footage(tmp_path_factory.mktemp("segments") / "a.mp4")


def start(source: Path, target: Path, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.conversion.worker", str(source), str(target), *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def ended(process: subprocess.Popen[str], seconds: float = 120) -> list[Any]:
    """What a worker says at its end: status, error, frames, frames that the engine saw, notes, warnings."""
    said, _ = process.communicate(timeout=seconds)
    assert process.returncode == 0
    found: list[Any] = json.loads(said)
    assert found[:2] == ["converted", None]
    return found


def killed(process: subprocess.Popen[str]) -> None:
    """Wait until a worker has killed itself."""
    process.communicate(timeout=120)
    assert process.returncode == -signal.SIGKILL


def content(path: Path) -> object:
    """All that is in a file: every frame's checksum and time, sound, subtitles."""
    return shown(path), packets(path, "audio"), packets(path, "subtitles"), timestamps(path, "0:a:0")


def shown(path: Path) -> list[tuple[str, str]]:
    """Every frame's time and checksum."""
    done = ffmpeg("-loglevel", "error", "-copyts", "-i", path, "-map", "0:v:0", "-fps_mode", "passthrough",
                  "-enc_time_base", "demux", "-f", "framemd5", "-")  # fmt: skip
    assert done.stderr == ""
    lines = [line.replace(" ", "").split(",") for line in done.stdout.splitlines() if not line.startswith("#")]
    return [(pts, checksum) for _, _, pts, *_, checksum in lines]


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


def difference(first: Path, second: Path) -> tuple[float, int]:
    """Mean and largest difference of two clips in levels, at the network's scale."""
    frames = [pixels(first), pixels(second)]
    apart = np.abs(frames[0] - frames[1])
    return float(apart.mean()), int(apart.max())


def pixels(path: Path) -> np.ndarray[Any, np.dtype[np.int16]]:
    with VideoReader(path) as reader:
        return np.stack([frame.pixels for frame in reader.frames()]).astype(np.int16)


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


def results(happened: list[Event]) -> list[Any]:
    return [event.result for event in happened if isinstance(event, Finished)]


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


class FailingMaps(FlickeringMaps):
    """Fails once it has seen so many frames."""

    def __init__(self, frames: int) -> None:
        super().__init__()
        self.most = frames

    def infer(self, frames: Image) -> Any:  # noqa: ANN401
        if self.frames >= self.most:
            raise EngineError("the device fell off")
        return super().infer(frames)


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


# Several at once


@pytest.fixture(scope="module")
def lossless(source: Path) -> Path:
    """What one machine makes, without an encoder's loss."""
    target = source.with_name("single.mkv")
    ended(start(source, target, "--codec", "ffv1"))
    return target


def test_two_parts_make_one(source: Path, tmp_path: Path, lossless: Path) -> None:
    target = tmp_path / "out.mkv"
    workers = [start(source, target, "--codec", "ffv1", "--slowly", "0.02", "--part", part) for part in ("1/2", "2/2")]
    done = [ended(worker) for worker in workers]
    assert all(seen > 0 for _, _, _, seen, _, _ in done)
    assert timestamps(target) == timestamps(lossless)
    mean, most = difference(target, lossless)
    assert mean <= 1
    assert most <= 6
    assert list(tmp_path.iterdir()) == [target]


def test_one_part_is_killed_and_the_other_finishes(source: Path, tmp_path: Path, lossless: Path) -> None:
    target = tmp_path / "out.mkv"
    options = ("--codec", "ffv1", "--slowly", "0.02", "--part")
    first, other = start(source, target, *options, "1/2", "--kill-at", "8"), start(source, target, *options, "2/2")
    killed(first)
    ended(other)
    assert timestamps(target) == timestamps(lossless)
    mean, most = difference(target, lossless)
    assert mean <= 1
    assert most <= 6
    assert list(tmp_path.iterdir()) == [target]


def test_maps_warm_up_as_well(source: Path, tmp_path: Path) -> None:
    """The second half alone, then the first: it began without the state of the one before."""
    target, whole = tmp_path / "out.mkv", tmp_path / "whole.mkv"
    run(FlickeringMaps(), [str(source)], output=whole, segment=1, codec="ffv1")
    engine = FlickeringMaps()
    [result] = results(run(engine, [str(source)], output=target, segment=1, codec="ffv1", part="2/2"))
    assert result.error is None
    assert engine.frames > FRAMES, "frames were seen again"
    mean, most = difference(target, whole)
    assert mean <= 1
    assert most <= 6


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


def test_stills_are_dealt_out(tmp_path: Path) -> None:
    names = []
    for name in "abc":
        make(tmp_path / f"{name}.png", "-f", "lavfi", "-i", "testsrc2=size=64x48", "-frames:v", "1")
        names.append(str(tmp_path / f"{name}.png"))
    done = results(run(Flickering(), names, output=tmp_path / "out", part="1/2"))
    assert [one.status for one in done] == ["converted", "skipped", "converted"]
    assert done[1].reason == "is another part's"
    done = results(run(Flickering(), names, output=tmp_path / "out", part="2/2"))
    assert [one.status for one in done] == ["failed", "converted", "failed"], "what is there is not replaced"
