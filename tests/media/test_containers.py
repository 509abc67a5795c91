"""What becomes of streams, subtitles, attachments, chapters and tags in every container; of sound: test_sound.py."""

from __future__ import annotations

import io
import re
import wave
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from cgtool.media.containers import CONTAINERS, SourceStream, carry
from tests.helpers.identity import pass_through
from tests.helpers.probe import describe, ffmpeg, make, streams
from tests.helpers.samples import numbered, numbers, packets

MUXERS = {container.name: suffix for suffix, container in CONTAINERS.items() if suffix != ".m4v"}
SUFFIXES = sorted(MUXERS.values())
WITH_SOUND = [suffix for suffix in SUFFIXES if suffix != ".gif"]


def sound_file(frequency: int) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes((8000 * np.sin(np.arange(8000) * 2 * np.pi * frequency / 8000)).astype("<i2").tobytes())
    return buffer.getvalue()


SRT = "1\n00:00:00,100 --> 00:00:00,400\nGrün\n\n2\n00:00:00,500 --> 00:00:00,900\nWiese\n"
ASS = r"""[Script Info]
ScriptType: v4.00+
Title: Wiese

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, Bold, Italic, Alignment, MarginL, MarginR, MarginV, Encoding
Style: Default,Meadow Sans,20,&H00FFFFFF,0,0,2,10,10,10,1

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
Dialogue: 0,0:00:00.20,0:00:00.70,Default,,0,0,0,,{\i1}Vert{\i0}
"""
META = """;FFMETADATA1
title=Meadow ☼
artist=Somebody
comment=in the morning
[CHAPTER]
TIMEBASE=1/1000
START=0
END=400
title=Dew
[CHAPTER]
TIMEBASE=1/1000
START=400
END=1000
title=Sun
"""
FONT = bytes(range(256)) * 30


@pytest.fixture(scope="module")
def rich(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Matroska with two sounds, two subtitles, two attachments, chapters, tags, languages and dispositions."""
    folder = tmp_path_factory.mktemp("rich")
    contents = {"eng.wav": sound_file(440), "ger.wav": sound_file(880), "s.srt": SRT.encode(), "s.ass": ASS.encode(),
                "meta": META.encode(), "font.ttf": FONT, "notes.txt": b"Notes"}  # fmt: skip
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    inputs = [argument for name in contents if name not in ("font.ttf", "notes.txt")
              for argument in ("-i", str(folder / name))]  # fmt: skip
    maps = [argument for number in range(5) for argument in ("-map", str(number))]
    attached = ["-attach", str(folder / "font.ttf"), "-metadata:s:t:0", "mimetype=font/ttf",
                "-attach", str(folder / "notes.txt"), "-metadata:s:t:1", "mimetype=text/plain"]  # fmt: skip
    tags = {
        "v:0": ("jpn", "default"),
        "a:0": ("eng", "0"),
        "a:1": ("deu", "default"),
        "s:0": ("fre", "forced"),
        "s:1": ("spa", "default+hearing_impaired"),
    }
    for stream, (language, disposition) in tags.items():
        attached += [f"-metadata:s:{stream}", f"language={language}", f"-disposition:{stream}", disposition]
    attached += ["-metadata:s:a:0", "title=Comment"]
    picture = ["-f", "lavfi", "-i", "testsrc2=size=64x48:rate=25:duration=1"]
    encoding = ["-c:v", "libx264", "-c:a", "aac", "-c:s", "copy", "-map_metadata", "5", "-map_chapters", "5"]
    return make(folder / "rich.mkv", *picture, *inputs, *maps, *attached, *encoding)


CHAPTERS = [("0.000000", "0.400000", "Dew"), ("0.400000", "1.000000", "Sun")]


def chapters(path: Path) -> list[tuple[str, str, str]]:
    pattern = r"Chapter #0:\d+: start ([\d.]+), end ([\d.]+)\s+Metadata:\s+title\s+: (.*)"
    return re.findall(pattern, describe(path))


def languages(path: Path) -> list[tuple[str, str | None, bool]]:
    return [(s.kind, s.language, s.default) for s in streams(path) if s.kind in ("video", "audio", "subtitle")]


WHOLE = [("video", "jpn", True), ("audio", "eng", False), ("audio", "deu", True),
         ("subtitle", "fre", False), ("subtitle", "spa", True)]  # fmt: skip
LOST_TEXT = "streams 5, 6 (attachment, unknown): left out, {} can't hold it"
STYLING = "stream 4 (subtitle, ass): styling is lost"
SOUND = "streams 1, 2 (audio, aac): re-encoded by libopus, WebM can't hold it"
NO_SUBTITLES = ["stream 3 (subtitle, subrip): left out, {} can't hold it",
                "stream 4 (subtitle, ass): left out, {} can't hold it", LOST_TEXT]  # fmt: skip
NO_CHAPTERS = "chapters are left out, {} can't hold them"


@pytest.mark.parametrize(
    ("suffix", "told", "held"),
    [
        (".mkv", [], WHOLE),
        (".mp4", [STYLING, LOST_TEXT], WHOLE),
        (".mov", [STYLING, LOST_TEXT], [(k, {"deu": "ger", "fre": "fra"}.get(lang, lang), d) for k, lang, d in WHOLE]),
        (".webm", [SOUND, STYLING, LOST_TEXT], WHOLE),
        (".avi", [*NO_SUBTITLES, NO_CHAPTERS], [(kind, None, False) for kind in ("video", "audio", "audio")]),
        (".gif", ["streams 1, 2 (audio, aac): left out, GIF can't hold it", *NO_SUBTITLES, NO_CHAPTERS],
         [("video", None, False)]),
    ],
)  # fmt: skip
def test_streams_tags_and_chapters(
    rich: Path, tmp_path: Path, suffix: str, told: list[str], held: list[tuple[str, str | None, bool]]
) -> None:
    result = tmp_path / f"result{suffix}"
    name = CONTAINERS[suffix].name
    assert sorted(pass_through(rich, result)) == sorted(warning.format(name) for warning in told)
    assert languages(result) == held
    text = describe(result)
    if suffix != ".gif":
        assert re.search(r"(?i)title\s+: Meadow ☼", text)
        assert re.search(r"(?i)artist\s+: Somebody", text)
        assert re.search(r"(?i)comment\s+: in the morning", text)
    if suffix not in (".gif", ".avi"):
        assert chapters(result) == CHAPTERS
        assert "(forced)" in streams(result)[3].text or suffix == ".mov"
        assert subtitles(result, 0) == [("Grün", 0.1), ("Wiese", 0.5)]
        assert subtitles(result, 1) == [("Vert", 0.2)]
        assert re.search(r"(title|name)\s+: Comment", text)


def subtitles(path: Path, number: int) -> list[tuple[str, float]]:
    """Each text without its styling, and when it is shown."""
    done = ffmpeg("-loglevel", "error", "-i", path, "-map", f"0:s:{number}", "-f", "srt", "-")
    pattern = r"00:00:(\d\d),(\d\d\d) --> .*\n(.*)\n"
    return [
        (re.sub(r"<.*?>|\{.*?\}", "", text), int(seconds) + int(milliseconds) / 1000)
        for seconds, milliseconds, text in re.findall(pattern, done.stdout)
    ]


def test_matroska_keeps_subtitles_and_attachments_byte_for_byte(rich: Path, tmp_path: Path) -> None:
    result = tmp_path / "result.mkv"
    pass_through(rich, result)
    for number in (0, 1):
        assert packets(result, "audio", number) == packets(rich, "audio", number) != []
        assert packets(result, "subtitles", number) == packets(rich, "subtitles", number) != []
    for number, content in enumerate((FONT, b"Notes")):
        target = tmp_path / f"attachment{number}"
        ffmpeg(f"-dump_attachment:t:{number}", target, "-i", result)
        assert target.read_bytes() == content
    # ffmpeg reads the header of ASS, with its styles, off the codec's private data.
    text = ffmpeg("-loglevel", "error", "-i", result, "-map", "0:s:1", "-c", "copy", "-f", "ass", "-").stdout
    assert "Style: Default,Meadow Sans,20" in text
    assert r"{\i1}Vert{\i0}" in text


def test_real_subtitles_and_fonts_are_kept(shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "clips" / "23_mkv_3ass_subs_1080p.mkv"
    result = tmp_path / "result.mkv"
    assert pass_through(source, result, end=Fraction("0.3")) == []
    kinds = [(s.kind, s.codec, s.language, s.default) for s in streams(source)]
    assert [(s.kind, s.codec, s.language, s.default) for s in streams(result)] == kinds
    assert [kind for kind, *_ in kinds] == ["video", "audio"] + 3 * ["subtitle"] + 6 * ["attachment"]
    for number in range(6):
        dumped = []
        for path in (source, result):
            target = tmp_path / f"{path.parent.name}.{number}"
            ffmpeg(f"-dump_attachment:t:{number}", target, "-i", path)
            dumped.append(target.read_bytes())
        assert dumped[0] == dumped[1] != b""


def test_chapters_and_subtitles_are_cut_with_the_picture(rich: Path, tmp_path: Path) -> None:
    result = tmp_path / "result.mkv"
    pass_through(rich, result, start=Fraction("0.2"), end=Fraction("0.8"))
    assert chapters(result) == [("0.000000", "0.200000", "Dew"), ("0.200000", "0.600000", "Sun")]
    assert ("Wiese", 0.3) in subtitles(result, 0)


def test_no_audio(rich: Path, tmp_path: Path) -> None:
    result = tmp_path / "result.mkv"
    assert pass_through(rich, result, audio=False) == []
    assert [kind for kind, *_ in languages(result)] == ["video", "subtitle", "subtitle"]


def test_further_videos_are_copied_and_named(shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "clips" / "22_nasa_multi_audio_subs_320x180.mp4"
    result = tmp_path / "result.mp4"
    [warning] = pass_through(source, result)
    assert warning == "stream 3 (video, h264): a further video stream, copied and not converted"
    assert [s.kind for s in streams(result)] == ["video", "audio", "subtitle", "video", "audio", "subtitle"]
    assert packets(result, "video", 1) == packets(source, "video", 1) != []
    for number in (0, 1):
        assert packets(result, "audio", number) == packets(source, "audio", number) != []


def test_cover_pictures_are_copied_and_never_converted(tmp_path: Path) -> None:
    cover = make(tmp_path / "cover.png", "-f", "lavfi", "-i", "color=red:size=32x32", "-frames:v", "1")
    plain = numbered(tmp_path / "plain.mp4", 5, sound="sine=440")
    source = make(tmp_path / "source.mp4", "-i", cover, "-i", plain, "-map", "0", "-map", "1", "-c", "copy",
                  "-disposition:v:0", "attached_pic", "-disposition:v:1", "default")  # fmt: skip
    result = tmp_path / "result.mp4"
    assert pass_through(source, result) == []
    [picture] = [stream for stream in streams(result) if "attached pic" in stream.text]
    assert picture.codec == "png"
    [other] = [stream for stream in streams(result) if stream.kind == "video" and stream != picture]
    assert other.codec == "h264"
    assert numbers(result) == list(range(5))
    assert any("can't hold it" in warning for warning in pass_through(source, tmp_path / "result.webm"))


def test_matroska_gets_covers_as_attached_files_byte_for_byte(rich: Path, tmp_path: Path) -> None:
    cover = make(tmp_path / "cover.jpg", "-f", "lavfi", "-i", "color=red:size=32x32", "-frames:v", "1",
                 "-pix_fmt", "yuvj420p")  # fmt: skip
    plain = numbered(tmp_path / "plain.mp4", 5)
    music = make(tmp_path / "music.mp4", "-i", cover, "-i", plain, "-map", "0", "-map", "1", "-c", "copy",
                 "-disposition:v:0", "attached_pic")  # fmt: skip
    film = make(tmp_path / "film.mkv", "-i", rich, "-map", "0", "-c", "copy", "-attach", cover,
                "-metadata:s:7", "mimetype=image/jpeg", "-metadata:s:7", "filename=small_cover.jpg")  # fmt: skip
    for source, number, name in ((music, 0, "cover.jpg"), (film, 2, "small_cover.jpg")):
        result = tmp_path / f"result {source.stem}.mkv"
        assert pass_through(source, result) == []
        picture = streams(result)[-1]
        assert (picture.kind, picture.codec) == ("video", "mjpeg")
        assert "(attached pic)" in picture.text
        assert re.search(rf"filename\s+: {name}\s+mimetype\s+: image/jpeg", describe(result))
        assert packets(result, "video", 1) == [cover.read_bytes()]
        assert sum(stream.kind == "attachment" for stream in streams(result)) == number
    again = tmp_path / "again.mkv"
    pass_through(result, again)
    assert packets(again, "video", 1) == [cover.read_bytes()]


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_phones_tags_are_kept(tmp_path: Path, suffix: str) -> None:
    tags = {
        "com.apple.quicktime.make": "Apple",
        "com.apple.quicktime.location.ISO6709": "+37.7456-119.5936+1200/",
        "creation_time": "2021-07-01T12:00:00.000000Z",
    }
    arguments = [argument for name, value in tags.items() for argument in ("-metadata", f"{name}={value}")]
    source = numbered(tmp_path / "phone.mov", 3, *arguments, "-movflags", "use_metadata_tags")
    result = tmp_path / f"result{suffix}"
    assert pass_through(source, result) == []
    for name, value in tags.items():
        assert re.search(rf"{re.escape(name)}\s*: {re.escape(value)}", describe(result)), name


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_nothing_of_an_unknown_codec_is_carried(suffix: str) -> None:
    kinds = ("audio", "video", "subtitle", "data")
    streams = [SourceStream(0, "video", "h264"), *(SourceStream(n, kind, "unknown") for n, kind in enumerate(kinds, 1))]
    carried, warnings = carry(streams, CONTAINERS[suffix], 0)
    assert carried == []
    assert len(warnings) == 4
