"""Which frames are read, and when they are shown, against what the ffmpeg program says."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from cgtool.media.reader import VideoReader
from tests.helpers.probe import make, timestamps
from tests.helpers.reading import read, times
from tests.helpers.samples import numbered
from tests.helpers.standins import REAL

CLIPS = [
    "01_dashcam_960x540_aac.mp4",
    "02_snowfield_720p_ntsc_aac.mp4",
    "05_summergrass_720p_aac.mp4",
    "09_phone_garden_848x480_vfr_aac.mp4",
    "14_phone_rot-90_hlg10_editlist_hevc.mp4",
    "16_av1_hdr10_mountain_1080p60.mp4",
    "18_vp9_odd_161x121.webm",
    "20_vfr_dropped_frames_1280x544.mp4",
    "21_anamorphic_sar16-11_704x576.mp4",
    "22_nasa_multi_audio_subs_320x180.mp4",
    "23_mkv_3ass_subs_1080p.mkv",
    "24_mkv_ass_720p_500f.mkv",
    "30_vp9_alpha_200x200.webm",
    "40_horses_pasture_960x540.mp4",
    "41_street_suburb_848x480_handheld.mp4",
    "42_summer_meadow_720p.mp4",
]
PRESENTED = {"14_phone_rot-90_hlg10_editlist_hevc.mp4": 77, "05_summergrass_720p_aac.mp4": 373}


# Counts and times


@pytest.mark.usefixtures("without_colours")
@pytest.mark.parametrize("name", CLIPS)
def test_real_clips_have_the_frames_and_times_that_ffmpeg_presents(shared_data: Path, name: str) -> None:
    expected, _ = timestamps(shared_data / "clips" / name)
    assert times(shared_data / "clips" / name) == expected
    assert len(expected) > 0
    if shared_data == REAL and name in PRESENTED:
        assert len(expected) == PRESENTED[name]


def test_the_list_of_clips_is_whole(shared_data: Path) -> None:
    assert sorted(path.name for path in (shared_data / "clips").iterdir()) == CLIPS


@pytest.mark.usefixtures("without_colours")
@pytest.mark.parametrize("name", ["bigbuckbunny", "bikes", "carphone_pristine", "carphone_distorted"])
def test_published_clips_have_the_frames_and_times_that_ffmpeg_presents(bunny: Path, name: str) -> None:
    path = bunny.with_name(f"{name}.mp4")
    expected, _ = timestamps(path)
    assert times(path) == expected
    assert len(expected) > 0


B_FRAMES = ("-qp", "18", "-preset", "veryfast", "-bf", "3", "-g", "12")


@pytest.mark.parametrize(
    ("suffix", "arguments"),
    [
        (".mp4", B_FRAMES),
        (".mov", B_FRAMES),
        (".mkv", B_FRAMES),
        (".ts", B_FRAMES),
        (".flv", B_FRAMES),
        (".avi", B_FRAMES),
        (".h264", B_FRAMES),
        (".avi", ("-c:v", "mpeg4", "-bf", "2", "-qscale", "2")),
        (".mpg", ("-c:v", "mpeg2video", "-bf", "2", "-qscale", "2", "-r", "25")),
        (".mxf", ("-c:v", "mpeg2video", "-bf", "2", "-qscale", "2", "-r", "25")),
        (".wmv", ("-c:v", "wmv2", "-qscale", "2")),
        (".webm", ("-c:v", "libvpx", "-crf", "10")),
        (".y4m", ("-c:v", "rawvideo",)),
        (".gif", ("-c:v", "gif",)),
    ],
    ids=lambda value: value if isinstance(value, str) else value[1],
)  # fmt: skip
def test_reordered_frames_of_any_container(tmp_path: Path, suffix: str, arguments: tuple[str, ...]) -> None:
    path = numbered(tmp_path / f"clip{suffix}", 30, *arguments, rate="25")
    expected, _ = timestamps(path)
    assert len(expected) == 30
    assert times(path) == expected
    if suffix != ".gif":  # GIF is RGB in full range: its levels are others
        assert read(path) == (list(range(30)), [])


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_variable_frame_rate(tmp_path: Path, suffix: str) -> None:
    kept = "select='not(eq(mod(n,5),2)+between(n,9,13))'"
    path = numbered(tmp_path / "even.mp4", 30, rate="30000/1001")
    path = make(tmp_path / f"vfr{suffix}", "-i", path, "-vf", kept, "-fps_mode", "passthrough", "-qp", "0")
    gaps = {round(float(b - a), 2) for a, b in zip(times(path), times(path)[1:], strict=False)}
    assert len(gaps) >= 3
    assert times(path) == timestamps(path)[0]
    assert read(path)[0] == [n for n in range(30) if n % 5 != 2 and not 9 <= n <= 13]


def test_an_edit_list_hides_frames(tmp_path: Path) -> None:
    """Cut by stream copy: decoding begins at the key frame before the cut, presentation at the cut."""
    whole = numbered(tmp_path / "whole.mp4", 30, *B_FRAMES, rate="25")
    path = make(tmp_path / "cut.mp4", "-ss", "0.64", "-i", whole, "-c", "copy")
    numbers, warnings = read(path)
    assert warnings == []
    assert numbers == list(range(16, 30))
    assert times(path) == timestamps(path)[0]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts"])
def test_a_start_offset_is_kept(tmp_path: Path, suffix: str) -> None:
    path = numbered(tmp_path / f"late{suffix}", 10, "-output_ts_offset", "0.8", sound="sine=440")
    if suffix == ".mp4":
        # Sound from 0 and picture from 0.8 on is how MP4 says it.
        sound = make(tmp_path / "sound.mp4", "-f", "lavfi", "-i", "sine=440:duration=1")
        path = make(tmp_path / "both.mp4", "-i", sound, "-itsoffset", "0.8", "-i", path, "-map", "0", "-map", "1:v",
                    "-c", "copy")  # fmt: skip
    expected, _ = timestamps(path)
    assert expected[0] >= Fraction("0.8")
    assert times(path) == expected


def test_a_far_off_clock_begins_at_zero(tmp_path: Path) -> None:
    """Recordings of broadcasts begin at the broadcaster's clock, hours after zero."""
    path = numbered(tmp_path / "broadcast.ts", 10, "-output_ts_offset", "50000", sound="sine=440")
    expected, _ = timestamps(path)
    with VideoReader(path) as reader:
        origin = reader.info.origin_seconds
        got = [frame.pts_seconds for frame in reader.frames()]
    assert expected[0] > 50000
    assert origin > 50000
    assert 0 <= got[0] < 1
    assert got == pytest.approx([float(time - origin) for time in expected], abs=1 / 90000)


def test_a_negative_clock_begins_at_zero(tmp_path: Path) -> None:
    path = numbered(tmp_path / "early.asf", 10, "-output_ts_offset", "-0.45", "-avoid_negative_ts", "disabled")
    expected, _ = timestamps(path)
    assert expected[0] < 0
    assert times(path) == [time - expected[0] for time in expected]


@pytest.mark.parametrize(
    ("suffix", "arguments"),
    [
        (".mov", ("-c:v", "prores_ks", "-pix_fmt", "yuva444p10le")),
        (".mkv", ("-c:v", "ffv1", "-pix_fmt", "bgra")),
        (".webm", ("-c:v", "libvpx-vp9", "-pix_fmt", "yuva420p")),
    ],
)
def test_alpha_is_dropped_and_that_is_said(tmp_path: Path, suffix: str, arguments: tuple[str, ...]) -> None:
    """The picture under it comes as it is, not darkened."""
    picture = "color=0x808080:size=64x48:rate=10:duration=0.3,format=yuva444p,geq=lum=p(X\\,Y):cb=128:cr=128:a=90"
    path = make(tmp_path / f"alpha{suffix}", "-f", "lavfi", "-i", picture, *arguments)
    with VideoReader(path) as reader:
        frames = list(reader.frames())
        assert reader.warnings == ["its alpha channel is dropped: the result is opaque"]
    assert len(frames) == 3
    assert frames[0].pixels.mean() == pytest.approx(128, abs=3)
