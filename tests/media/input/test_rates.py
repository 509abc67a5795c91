"""Rates that are stated, guessed and measured."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import pytest

from cgtool.media.input.rates import believable, estimated_frames, frame_rate, nominal_rate, time_base
from cgtool.media.reader import VideoReader
from tests.helpers.identity import pass_through
from tests.helpers.probe import describe, make, timestamps

NTSC = Fraction(30000, 1001)


@pytest.mark.parametrize(
    ("rate", "believed"),
    [(None, False), (Fraction(0), False), (Fraction(90000), False), (Fraction(600), False), (NTSC, True), (240, True)],
)
def test_what_is_believed(rate: Fraction | None, believed: bool) -> None:
    assert believable(rate) == (rate if believed else None)


def restate(path: Path, rate: int) -> Path:
    """A copy of an AVI that says another rate, in its stream header (AVISTREAMHEADER's dwScale and dwRate)."""
    content = bytearray(path.read_bytes())
    place = content.index(b"strh") + 8 + 20
    content[place : place + 8] = (1).to_bytes(4, "little") + rate.to_bytes(4, "little")
    target = path.with_stem(f"{path.stem}-{rate}")
    target.write_bytes(content)
    return target


def dv(path: Path) -> Path:
    source = "color=black:size=720x480:rate=30000/1001,format=yuv411p"
    return make(path, "-f", "lavfi", "-i", source, "-frames:v", "12", "-c:v", "dvvideo")


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize("stated", [600, 90000])
def test_dv_in_avi_at_another_rate_is_as_long_as_it_is(tmp_path: Path, stated: int, suffix: str) -> None:
    source = restate(dv(tmp_path / "dv.avi"), stated)
    with VideoReader(source) as reader:
        assert reader.info.average_rate == reader.info.nominal_rate == NTSC
        assert reader.info.estimated_frames == 12
    result = tmp_path / f"result{suffix}"
    pass_through(source, result)
    shown, tick = timestamps(result)
    assert len(shown) == 12
    assert all(abs(time - number / NTSC) <= tick for number, time in enumerate(shown))
    assert "29.97 fps" in describe(result)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_raw_dv_states_ticks(tmp_path: Path, suffix: str) -> None:
    source = make(tmp_path / "three.dv", "-f", "lavfi", "-i", "color=black:size=720x576:rate=25,format=yuv420p",
                  "-frames:v", "3")  # fmt: skip
    with VideoReader(source) as reader:
        assert reader.info.average_rate == reader.info.nominal_rate == 25
        assert reader.info.estimated_frames == 3
    result = tmp_path / f"result{suffix}"
    pass_through(source, result)
    shown, tick = timestamps(result)
    assert all(abs(time - Fraction(number, 25)) <= tick for number, time in enumerate(shown))
    assert ", 25 fps" in describe(result)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_frames_apart_on_a_clock_of_600(tmp_path: Path, suffix: str) -> None:
    """An AVI whose ticks are no frames: a frame at every 24th."""
    clock = "settb=1/600,setpts=24*N"
    source = make(tmp_path / "vfr.avi", "-f", "lavfi", "-i", "color=black:size=64x48:rate=25:duration=1", "-vf", clock,
                  "-fps_mode", "passthrough", "-enc_time_base", "1:600", "-c:v", "mjpeg")  # fmt: skip
    with av.open(str(source)) as container:
        stream = container.streams.video[0]
        assert stream.average_rate == 600
        assert stream.frames > 500
        assert frame_rate(stream) == nominal_rate(stream) == 25
        assert time_base(stream) == Fraction(1, 600)
        assert estimated_frames(stream, None, None, None) == pytest.approx(25, abs=1)
        assert estimated_frames(stream, None, None, Fraction(1, 2)) == pytest.approx(12, abs=1)
    result = tmp_path / f"result{suffix}"
    pass_through(source, result)
    shown, tick = timestamps(result)
    assert all(abs(time - Fraction(number, 25)) <= tick for number, time in enumerate(shown))
    assert "25 fps" in describe(result)


def test_slow_motion_is_measured(tmp_path: Path) -> None:
    source = make(tmp_path / "fast.avi", "-f", "lavfi", "-i", "color=black:size=64x48:rate=480:duration=0.2",
                  "-c:v", "mjpeg")  # fmt: skip
    with av.open(str(source)) as container:
        stream = container.streams.video[0]
        assert frame_rate(stream) == 480
        assert time_base(stream) == Fraction(1, 480)
        assert estimated_frames(stream, None, None, None) == 96


def test_counted_frames_are_taken_and_cut(tmp_path: Path) -> None:
    source = make(tmp_path / "clip.ts", "-f", "lavfi", "-i", "color=black:size=64x48:rate=25:duration=1")
    with av.open(str(source)) as container:
        stream = container.streams.video[0]
        assert estimated_frames(stream, 100, None, None) == 100
        assert estimated_frames(stream, 100, Fraction(1), Fraction(3)) == 50
        assert estimated_frames(stream, 100, Fraction(3), None) == 25
