"""Which frames are read, and when they are shown, against what the ffmpeg program says; and damaged files."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from cgtool.errors import MediaError
from cgtool.media.reader import VideoReader
from tests.media.probe import make, timestamps
from tests.media.samples import cut_off, damage, numbered
from tests.standins import REAL

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


@pytest.fixture
def without_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the conversion to RGB out where only counts and times matter: it takes most of the time."""
    monkeypatch.setattr(VideoReader, "_pixels", lambda self, frame: np.zeros((1, 1, 3), np.uint8))


def times(path: Path, start: Fraction | None = None, end: Fraction | None = None) -> list[Fraction]:
    with VideoReader(path, start=start, end=end) as reader:
        frames = list(reader.frames())
    assert [frame.index for frame in frames] == list(range(len(frames)))
    return [frame.pts_seconds for frame in frames]


def read(path: Path, start: Fraction | None = None, end: Fraction | None = None) -> tuple[list[int], list[str]]:
    """Which frames of a ``numbered`` clip are read, and the warnings."""
    with VideoReader(path, start=start, end=end) as reader:
        levels = [frame.pixels.mean() for frame in reader.frames()]
        return [round((float(level) * 219 / 255 + 16 - 20) / 4) for level in levels], reader.warnings


def error_of(path: Path, **span: Fraction) -> str:
    with pytest.raises(MediaError) as caught:
        VideoReader(path, **span)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(f"{path}: ")
    return message.removeprefix(f"{path}: ")


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


# Spans


@pytest.fixture(scope="module")
def long_groups(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Fifty numbered frames with B-frames, and key frames far apart, in containers that seek in different ways."""
    folder = tmp_path_factory.mktemp("groups")
    first = numbered(folder / "clip.mp4", 50, "-qp", "18", "-preset", "veryfast", "-bf", "3", "-g", "20", rate="25")
    others = {suffix: make(folder / f"clip{suffix}", "-i", first, "-c", "copy") for suffix in (".mkv", ".ts", ".avi")}
    return {".mp4": first, **others}


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts", ".avi"])
@pytest.mark.parametrize(("start", "end"), [(0, 1), (1, 50), (19, 30), (20, 21), (22, 40), (39, 45), (49, 50)])
def test_spans_are_cut_to_the_frame(long_groups: dict[str, Path], suffix: str, start: int, end: int) -> None:
    assert_span(long_groups[suffix], start, end)


@pytest.mark.parametrize(("start", "end"), [(1, 30), (17, 22), (29, 30)])
def test_spans_of_program_streams(tmp_path: Path, start: int, end: int) -> None:
    arguments = ("-c:v", "mpeg2video", "-bf", "2", "-g", "9", "-qscale", "2")
    assert_span(numbered(tmp_path / "clip.mpg", 30, *arguments, rate="25"), start, end)


def assert_span(path: Path, start: int, end: int) -> None:
    expected, _ = timestamps(path)
    with av.open(str(path)) as container:
        assert container.start_time is not None
        begin = Fraction(container.start_time, av.time_base)
    # A hair before the frames' own times: containers round them.
    span = (
        expected[start] - begin - Fraction(1, 1000),
        (expected[end] if end < len(expected) else 99) - begin - Fraction(1, 1000),
    )
    numbers, warnings = read(path, max(Fraction(0), span[0]), span[1])
    assert numbers == list(range(start, end))
    assert warnings == []


def test_a_span_counts_from_zero(long_groups: dict[str, Path]) -> None:
    got = times(long_groups[".mp4"], Fraction("0.78"), Fraction(1))
    assert got == [Fraction(n, 25) - Fraction("0.78") for n in range(20, 25)]


def test_a_span_outside_of_the_file_is_refused(long_groups: dict[str, Path]) -> None:
    message = error_of(long_groups[".mp4"], start=Fraction(3))
    assert message == "holds no video frame that can be decoded in the given span"


def test_frames_of_another_size_are_scaled_to_the_first_ones(tmp_path: Path) -> None:
    """Broadcasts change between shapes."""
    parts = [numbered(tmp_path / f"{size}.ts", 10, "-output_ts_offset", str(at), size=size)
             for at, size in enumerate(("96x64", "64x48"))]  # fmt: skip
    path = tmp_path / "both.ts"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    numbers, warnings = read(path)
    assert numbers == [*range(10), *range(10)]
    assert warnings == ["the frame size changes to 64x48; scaled to 96x64"]
    with VideoReader(path) as reader:
        assert {frame.pixels.shape for frame in reader.frames()} == {(64, 96, 3)}


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


# Damage


@pytest.fixture(scope="module")
def real(bunny: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The meadow in containers that break in different ways; its MP4 has the index in front."""
    folder = tmp_path_factory.mktemp("real")
    suffixes = (".mp4", ".mkv", ".ts")
    return {s: make(folder / f"clip{s}", "-i", bunny, "-c", "copy", "-movflags", "+faststart") for s in suffixes}


@pytest.mark.usefixtures("without_colours")
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_cut_off_file_is_read_to_where_it_ends_and_says_what_is_missing(
    real: dict[str, Path], tmp_path: Path, suffix: str
) -> None:
    path = cut_off(real[suffix], tmp_path / f"cut{suffix}")
    expected, _ = timestamps(path)
    with VideoReader(path) as reader:
        shown = [frame.pts_seconds for frame in reader.frames()]
        warning, *others = reader.warnings
    # The frame that the cut goes through: PyAV's FFmpeg shows it from PyAV 18 on, as the program does.
    if shown == expected[:-1]:
        assert others == ["1 damaged frame in the source"]
    else:
        assert (shown, others) == (expected, [])
    missing = 132 - len(shown)
    assert 30 < len(expected) < 100
    assert f"about {missing} frames are missing" in warning


@pytest.mark.usefixtures("without_colours")
@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts"])
def test_whole_files_give_no_warning(real: dict[str, Path], suffix: str) -> None:
    with VideoReader(real[suffix]) as reader:
        assert len(list(reader.frames())) == 132
        assert reader.warnings == []


@pytest.mark.usefixtures("without_colours")
@pytest.mark.parametrize("suffix", [".mp4", ".ts"])
def test_damaged_frames_are_shown_and_counted(real: dict[str, Path], tmp_path: Path, suffix: str) -> None:
    path = damage(real[suffix], tmp_path / f"bad{suffix}", [0.3, 0.5, 0.7])
    with VideoReader(path) as reader:
        frames = list(reader.frames())
        [warning] = [warning for warning in reader.warnings if "damaged" in warning]
    assert 125 <= len(frames) <= 132
    assert 2 <= int(warning.split()[0]) <= 60
    assert warning.endswith(" damaged frames in the source")


@pytest.mark.usefixtures("without_colours")
def test_a_hole_in_a_transport_stream_is_stepped_over(real: dict[str, Path], tmp_path: Path) -> None:
    content = real[".ts"].read_bytes()
    third = len(content) // 3
    path = tmp_path / "hole.ts"
    path.write_bytes(content[:third] + bytes(third) + content[2 * third :])
    expected, _ = timestamps(path)
    got = times(path)
    assert got[-1] == expected[-1]
    assert len(got) == len(expected)


@pytest.mark.usefixtures("without_colours")
def test_any_damage_ends_in_frames_or_one_line(real: dict[str, Path], tmp_path: Path) -> None:
    """Five ways to break each file: no crash, no hang, no endless stream."""
    random = np.random.default_rng(1)
    for suffix, source in real.items():
        for number in range(5):
            path = damage(
                source, tmp_path / f"{number}{suffix}", list(random.uniform(0, 1, 20 * (number + 1) // 5)), length=500
            )
            try:
                count = len(times(path))
            except MediaError:
                continue
            assert 0 < count <= 132


@pytest.mark.usefixtures("without_colours")
@pytest.mark.parametrize(
    ("name", "frames", "said"),
    [
        ("27_invalid_bitstream.webm", 0, "no video frame that can be decoded"),
        ("28_corrupted_nal.mp4", 49, "2 damaged frames"),
        ("bbb_sunflower_QCIF_30fps_mp4v_noaudio_1f.mp4", 1, ""),
        ("bipbop_cbcs_video_init.mp4", 0, "no video frame that can be decoded"),
        ("minimal.mp4", 1, ""),
        ("sine-3s-xhe-aac-44khz-mono.mp4", 0, "holds no video (only audio)"),
    ],
)
def test_broken_files_of_the_field(shared_data: Path, name: str, frames: int, said: str) -> None:
    path = shared_data / "odd" / "broken" / name
    if frames == 0:
        assert said in error_of(path)
        return
    with VideoReader(path) as reader:
        assert len(list(reader.frames())) == frames
        assert said in " ".join(reader.warnings)


# What is no video


PIXELS = {"photo.avif": "yuv420p", "photo.jpg": "yuvj420p", "photo.tga": "bgr24"}


def strange_files(folder: Path, sound: Path) -> Iterator[tuple[Path, str]]:
    yield folder / "missing.mp4", "no such file"
    (folder / "empty.mp4").touch()
    yield folder / "empty.mp4", "is no video or image that can be read"
    (folder / "folder.mp4").mkdir()
    yield folder / "folder.mp4", "is a directory"
    for name, said in (("text.mp4", "is no video or image that can be read"), ("text.txt", "is text")):
        (folder / name).write_text("The meadow was green.\n" * 100)
        yield folder / name, said
    yield sound, "holds no video (only audio)"
    for name in ("photo.avif", "photo.jpg", "photo.tga"):
        photo = make(
            folder / name, "-f", "lavfi", "-i", "testsrc=size=64x48", "-frames:v", "1", "-pix_fmt", PIXELS[name]
        )
        yield (
            photo.rename(photo.with_suffix(".mp4")) if name != "photo.tga" else photo,
            "is a still image under another name",
        )
    cover = make(folder / "cover.png", "-f", "lavfi", "-i", "color=red:size=64x64", "-frames:v", "1")
    song = make(folder / "song.m4a", "-i", sound, "-i", cover, "-c", "copy", "-map", "0", "-map", "1",
                "-disposition:v:0", "attached_pic")  # fmt: skip
    yield song, "holds no video (only audio, cover picture)"
    whole = numbered(folder / "whole.mp4", 10, "-movflags", "+faststart")
    (folder / "codec.mp4").write_bytes(whole.read_bytes().replace(b"avc1", b"zzz1"))
    yield folder / "codec.mp4", "its video codec is unknown here"
    yield cut_off(numbered(folder / "behind.mp4", 10), folder / "no index.mp4"), "damaged from the start"


def test_what_is_no_video_is_refused_in_one_line(tmp_path: Path) -> None:
    sound = make(tmp_path / "sound.m4a", "-f", "lavfi", "-i", "sine=440:duration=0.2")
    for path, said in strange_files(tmp_path, sound):
        assert said in error_of(path), path.name


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(bikes: Path, tmp_path: Path) -> None:
    path = tmp_path / "secret.mp4"
    shutil.copy(bikes, path)
    path.chmod(0)
    assert error_of(path) == "permission denied"


def test_file_names_are_no_addresses(bikes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """FFmpeg takes what comes before a colon for a protocol, and % for a sequence of pictures."""
    monkeypatch.chdir(tmp_path)
    for name in ("concat:a|b.mp4", "http:clip.mp4", "100%03d.mp4", "-i.mp4", "weiß ✓ 'quoted' \"twice\".mp4"):
        shutil.copy(bikes, name)
        with VideoReader(Path(name)) as reader:
            assert reader.info.width == 640


def test_metadata_that_is_no_utf8_is_survived(tmp_path: Path) -> None:
    font = tmp_path / "fontABCD.ttf"
    font.write_bytes(b"not really a font")
    attached = ["-attach", str(font), "-metadata:s:t", "mimetype=font/ttf", "-metadata", "title=nameABCD"]
    clip = numbered(tmp_path / "clip.mkv", 3, *attached)
    content = clip.read_bytes()
    assert content.count(b"ABCD") >= 2
    clip.write_bytes(content.replace(b"ABCD", b"\xe9\xff\xfeD"))  # the same length: nothing else moves
    with VideoReader(clip) as reader:
        assert len(list(reader.frames())) == 3
        [name] = [stream.file_name for stream in reader.streams() if stream.kind == "attachment"]
    assert name == "font\ufffd\ufffd\ufffdD.ttf"
