"""Spans to the frame; files that are damaged, or no video at all: frames or one line, never a crash."""

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
from tests.helpers.probe import make, timestamps
from tests.helpers.reading import error_of, read, times
from tests.helpers.samples import cut_off, damage, numbered
from tests.media.input.recordings import joined, recording


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


@pytest.mark.parametrize("begin", [0, 30, 50, 80])
def test_joined_recordings_are_read_from_the_middle(tmp_path: Path, begin: int) -> None:
    part = recording(tmp_path / "clip.ts")
    with VideoReader(joined(tmp_path / "joined.ts", part, part)) as reader:
        whole = [(frame.pts, frame.pixels.mean()) for frame in reader.frames()]
        assert sorted(pts for pts, _ in reader.packet_times()) == [pts for pts, _ in whole]
        reader.begin_at(whole[begin][0])
        assert [(frame.pts, frame.pixels.mean()) for frame in reader.frames()] == whole[begin:]


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


PIXELS = {"photo.avif": "yuv420p", "photo.jpg": "yuvj420p", "photo.tga": "bgr24"}


def strange_files(folder: Path, sound: Path) -> Iterator[tuple[Path, str]]:
    yield folder / "missing.mp4", "no such file"
    (folder / "empty.mp4").touch()
    yield folder / "empty.mp4", "the file is empty"
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
    yield cut_off(numbered(folder / "behind.mp4", 10), folder / "no index.mp4"), "its index (moov) is missing"


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
