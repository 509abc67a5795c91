"""Each frame lasts as long as in the source, also the last one."""

from __future__ import annotations

import itertools
from fractions import Fraction
from pathlib import Path

import av
import pytest

from cgtool.media.shape.lasting import LastFrame, last_frame, loop_count
from tests.helpers.identity import pass_through
from tests.helpers.probe import make
from tests.helpers.samples import numbered

LONG = Fraction(3)


def paused(path: Path) -> Path:
    """Ten frames per second, and a last one, the tenth, of 3 seconds."""
    muxing = ("-final_delay", "300") if path.suffix == ".gif" else ()
    picture = "testsrc=size=64x48:rate=10:duration=1"
    return make(path, "-f", "lavfi", "-i", picture, *muxing)


def shown(path: Path) -> tuple[Fraction, list[Fraction]]:
    """The file's length, and how long each frame is shown."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.time_base is not None
        frames = [frame.pts * stream.time_base for frame in container.decode(stream) if frame.pts is not None]
    with av.open(str(path)) as container:
        assert container.duration is not None
        length = Fraction((container.start_time or 0) + container.duration, av.time_base)
    ends = [*frames[1:], length]
    return length, [end - begin for begin, end in zip(frames, ends, strict=True)]


@pytest.mark.parametrize(
    ("suffix", "codec"),
    [
        *((".gif", "gif"), (".mp4", "h264"), (".mp4", "hevc"), (".mov", "prores"), (".webm", "vp9")),
        *((".mkv", "h264"), (".mkv", "hevc")),
    ],
)
def test_a_pause_at_the_end_is_as_long_as_in_the_source(tmp_path: Path, suffix: str, codec: str) -> None:
    preset = "medium" if codec == "hevc" else None  # its last frame to be shown is not the last to be decoded
    warnings = pass_through(paused(tmp_path / "a.gif"), tmp_path / f"b{suffix}", codec=codec, preset=preset)
    assert warnings == []
    length, frames = shown(tmp_path / f"b{suffix}")
    assert length == pytest.approx(Fraction("3.9"), abs=0.002)
    assert frames == pytest.approx([Fraction(1, 10)] * 9 + [LONG], abs=0.002)


def test_it_stays_so_through_other_containers(tmp_path: Path) -> None:
    files = [paused(tmp_path / "a.gif"), *(tmp_path / f"{n}.{kind}" for n, kind in enumerate(("mkv", "mp4", "gif")))]
    for source, target in itertools.pairwise(files):
        pass_through(source, target)
    assert shown(files[-1]) == (Fraction("3.9"), [Fraction(1, 10)] * 9 + [LONG])


def test_avi_has_no_pause_and_that_is_said(tmp_path: Path) -> None:
    warnings = pass_through(paused(tmp_path / "a.gif"), tmp_path / "b.avi")
    assert warnings == ["AVI can't hold that the last frame lasts 3.00 s"]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".gif"])
def test_a_cut_within_a_long_frame_ends_there(tmp_path: Path, suffix: str) -> None:
    pass_through(paused(tmp_path / "a.gif"), tmp_path / f"b{suffix}", start=Fraction("0.5"), end=Fraction("2.4"))
    assert shown(tmp_path / f"b{suffix}")[0] == pytest.approx(Fraction("1.9"), abs=0.002)


def test_the_last_frame_by_packets(tmp_path: Path) -> None:
    gif = paused(tmp_path / "a.gif")
    assert last_frame(gif, 0, None) == LastFrame(Fraction("0.9"), LONG)
    assert last_frame(gif, 0, Fraction("1.5")) == LastFrame(Fraction("0.9"), Fraction("0.6"))
    assert last_frame(gif, 0, Fraction("0.45")) == LastFrame(Fraction("0.4"), Fraction("0.05"))
    assert last_frame(gif, 0, Fraction(0)) is None
    reordered = numbered(tmp_path / "a.mp4", 50, "-bf", "3", "-qp", "20")
    assert last_frame(reordered, 0, None) == LastFrame(Fraction("4.9"), Fraction("0.1"))
    assert last_frame(reordered, 0, Fraction("3.33")) == LastFrame(Fraction("3.3"), Fraction("0.03"))
    assert last_frame(numbered(tmp_path / "a.ts", 5), 0, None) is None


@pytest.mark.parametrize("loops", [-1, 0, 3])
def test_a_gif_is_repeated_as_often_as_its_source(tmp_path: Path, loops: int) -> None:
    picture = "testsrc=size=64x48:rate=10:duration=0.3"
    source = make(tmp_path / "a.gif", "-f", "lavfi", "-i", picture, "-loop", str(loops))
    assert loop_count(source) == loops
    assert pass_through(source, tmp_path / "b.gif") == []
    assert loop_count(tmp_path / "b.gif") == loops


def test_what_is_no_gif_is_repeated_for_ever_as_one(tmp_path: Path) -> None:
    pass_through(numbered(tmp_path / "a.mp4", 3), tmp_path / "b.gif")
    assert loop_count(tmp_path / "b.gif") == 0
    assert loop_count(tmp_path / "a.mp4") is None
