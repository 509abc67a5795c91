"""Recordings that begin between key frames."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

from cgtool.media.input.keys import has_key_ahead
from cgtool.media.reader import VideoReader
from tests.helpers.identity import pass_through
from tests.helpers.probe import timestamps
from tests.helpers.reading import read
from tests.helpers.samples import numbers, tone_seconds
from tests.media.input.recordings import LENGTH, beeps, joined, recording

TABLES = 3 * 188
"""A transport stream's tables, which say what streams there are."""
H264 = ("-preset", "veryfast", "-qp", "0", "-bf", "2")
CODECS = {
    "h264": (*H264, "-g", "10"),
    "h264 with open groups": (*H264, "-g", "10", "-x264-params", "open-gop=1:b-adapt=0:scenecut=0:min-keyint=10"),
    "mpeg2video": ("-c:v", "mpeg2video", "-qscale", "2", "-bf", "2", "-g", "10", "-sc_threshold", "1000000000"),
    "hevc": ("-c:v", "libx265", "-x265-params", "log-level=error:lossless=1:keyint=10:min-keyint=10"),
}


def begins_at_packet(source: Path, number: int) -> Path:
    """A copy of a transport stream that begins at a packet of its picture."""
    with av.open(str(source)) as container:
        places = [packet.pos for packet in container.demux(container.streams.video[0]) if packet.size]
    content = source.read_bytes()
    assert places[number] is not None
    target = source.with_stem(f"{source.stem}-from-{number}")
    target.write_bytes(content[:TABLES] + content[places[number] :])
    return target


@pytest.mark.parametrize("codec", CODECS)
def test_what_comes_before_the_first_key_frame_is_left_out(tmp_path: Path, codec: str) -> None:
    source = begins_at_packet(recording(tmp_path / "clip.ts", *CODECS[codec]), 13)
    shown, [warning] = read(source)
    assert shown == list(range(shown[0], LENGTH))
    assert shown[0] in (20, 21), "an open group may begin a frame later"
    count = int(warning.split()[4])
    assert warning == f"begins between key frames: {count} frames that can't be decoded left out"
    assert 4 <= count <= 10


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_its_sound_stays_in_step(tmp_path: Path, suffix: str) -> None:
    whole = recording(tmp_path / "clip.ts")
    source, result = begins_at_packet(whole, 3), tmp_path / f"result{suffix}"
    [warning] = pass_through(source, result)
    assert "begins between key frames" in warning
    assert numbers(result) == list(range(10, LENGTH))
    moved = timestamps(result)[0][0] - timestamps(whole)[0][10]
    assert tone_seconds(result) - float(moved) == pytest.approx(tone_seconds(whole), abs=0.004)


def test_a_cut_behind_it_says_nothing(tmp_path: Path) -> None:
    source = begins_at_packet(recording(tmp_path / "clip.ts"), 3)
    with VideoReader(source) as reader:
        first = reader.info.begin_seconds
        list(reader.frames())
    with av.open(str(source)) as container:
        assert container.start_time is not None
        late = first * av.time_base - container.start_time
    shown, warnings = read(source, late / av.time_base)
    assert shown == list(range(10, LENGTH))
    assert warnings == []


def test_a_joined_recording_that_begins_between_key_frames(tmp_path: Path) -> None:
    whole = recording(tmp_path / "clip.ts")
    result = tmp_path / "result.mkv"
    warnings = pass_through(joined(tmp_path / "joined.ts", whole, begins_at_packet(whole, 3), whole), result)
    assert len([warning for warning in warnings if "between key frames" in warning]) == 1
    assert numbers(result) == [*range(LENGTH), *range(10, LENGTH), *range(LENGTH)]
    assert beeps(result) == pytest.approx([beeps(whole)[0]] * 2, abs=0.03)


def test_without_any_key_frame_none_is_waited_for(tmp_path: Path) -> None:
    source = begins_at_packet(recording(tmp_path / "clip.ts", *H264, "-g", "1000"), 3)
    with av.open(str(source)) as container:
        assert not has_key_ahead(source, container.streams.video[0])


def test_codecs_without_prediction_need_no_key_frame(tmp_path: Path) -> None:
    source = recording(tmp_path / "clip.avi", "-c:v", "mjpeg")
    with av.open(str(source)) as container:
        assert not has_key_ahead(source, container.streams.video[0])
