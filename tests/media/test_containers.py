"""What becomes of sound, subtitles, attachments, chapters and tags in every container."""

from __future__ import annotations

import io
import re
import wave
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from cgtool.media.containers import CONTAINERS, SourceStream, carry
from tests.media.identity import pass_through
from tests.media.probe import describe, ffmpeg, make, streams
from tests.media.samples import numbered, numbers, packets, samples

MUXERS = {container.name: suffix for suffix, container in CONTAINERS.items() if suffix != ".m4v"}
SUFFIXES = sorted(MUXERS.values())
WITH_SOUND = [suffix for suffix in SUFFIXES if suffix != ".gif"]

# Codecs that containers list -> the encoder that makes a sample.
AUDIO = {
    **{name: name for name in ("aac", "mp2", "ac3", "eac3", "alac", "flac", "wmav2")},
    **{name: name for name in ("pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s32le", "pcm_f32le", "pcm_u8")},
    **{name: name for name in ("truehd", "mlp", "wavpack", "wmav1", "adpcm_ms", "adpcm_ima_wav")},
    **{name: name for name in ("pcm_f64le", "pcm_alaw", "pcm_mulaw")},
    **{"mp3": "libmp3lame", "opus": "libopus", "vorbis": "libvorbis", "dts": "dca"},
}


@pytest.fixture(scope="module")
def every_sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One picture and, in Matroska which holds them all, a sound of each codec, a different tone each."""
    path = tmp_path_factory.mktemp("sounds") / "sounds.mkv"
    inputs = ["-f", "lavfi", "-i", "color=black:size=64x48:rate=10:duration=0.5"]
    maps = ["-map", "0"]
    for number, encoder in enumerate(AUDIO.values()):
        inputs += ["-f", "lavfi", "-i", f"sine={300 + 100 * number}:duration=0.5:sample_rate=48000"]
        maps += ["-map", f"{number + 1}", f"-c:a:{number}", encoder, f"-ac:a:{number}", "2"]
    return make(path, *inputs, *maps, "-c:v", "ffv1", "-strict", "-2")


@pytest.mark.parametrize("suffix", WITH_SOUND)
def test_sound_is_copied_bit_for_bit_wherever_the_container_holds_it(
    every_sound: Path, tmp_path: Path, suffix: str
) -> None:
    container = CONTAINERS[suffix]
    result = tmp_path / f"result{suffix}"
    warnings = pass_through(every_sound, result)
    got = [stream.codec for stream in streams(result) if stream.kind == "audio"]
    assert len(got) == len(AUDIO)
    for number, codec in enumerate(AUDIO):
        if codec not in container.audio:
            assert got[number] == {".webm": "opus", ".avi": "mp3"}.get(suffix, "aac")
            assert any(re.search(rf"stream {number + 1} \(audio, {codec}\): re-encoded by", w) for w in warnings), codec
            assert spectrum_peak(result, number) == pytest.approx(300 + 100 * number, abs=5)
        elif codec.startswith("pcm"):  # containers divide it into packets as they like
            assert got[number] == codec
            assert np.array_equal(samples(every_sound, number)[1], samples(result, number)[1])
        else:
            assert got[number] == codec or (codec == "mp2" and suffix == ".mp4"), "MP4 has one code for both"
            before, after = (packets(path, "audio", number) for path in (every_sound, result))
            priming = len(before) - len(after)  # lies before 0, where AVI has no time
            assert 0 <= priming <= (2 if suffix == ".avi" else 0)
            assert before[priming:] == after != [], codec
    # Matroska copies all; what others re-encode they name, once for each codec.
    assert len(warnings) == sum(codec not in container.audio for codec in AUDIO)


def spectrum_peak(path: Path, stream: int) -> float:
    _, mixed, rate = samples(path, stream)
    middle = mixed[len(mixed) // 4 : 3 * len(mixed) // 4]
    return float(np.argmax(np.abs(np.fft.rfft(middle * np.hanning(len(middle)))))) * rate / len(middle)


@pytest.mark.parametrize("codec", sorted(set().union(*(c.audio for c in CONTAINERS.values()))))
def test_every_codec_that_a_container_lists_is_tried(codec: str) -> None:
    codec = codec.removesuffix("_adts")  # tried as transport streams are
    big_endian = codec.endswith("be") and codec.replace("be", "le") in AUDIO
    assert codec in AUDIO or big_endian


def test_surround_stays_surround_when_it_is_transcoded(bunny: Path, tmp_path: Path) -> None:
    """A tone a channel, so that channels in the wrong order are heard."""
    tones = [400, 700, 1000, 60, 1600, 2200]
    expression = "|".join(f"0.3*sin(2*PI*{tone}*t)" for tone in tones)
    sound = f"aevalsrc='{expression}':c=5.1:s=48000"
    source = numbered(tmp_path / "surround.mp4", 10, "-c:a", "aac", "-b:a", "512k", sound=sound)
    result = tmp_path / "result.webm"
    [warning] = pass_through(source, result)
    assert warning == "stream 1 (audio, aac): re-encoded by libopus, WebM can't hold it"
    assert "5.1" in streams(result)[1].text
    wav = make(tmp_path / "all.wav", "-i", result, "-map", "0:a", "-c:a", "pcm_s16le")
    with av.open(str(wav)) as container:
        channels = np.concatenate([frame.to_ndarray().reshape(-1, 6) for frame in container.decode(audio=0)])
    windowed = channels[12000:36000] * np.hanning(24000)[:, None]
    assert [2 * int(np.argmax(s)) for s in np.abs(np.fft.rfft(windowed, axis=0)).T] == tones
    real = tmp_path / "bunny.webm"
    pass_through(bunny, real, end=Fraction("0.4"))
    assert "5.1" in streams(real)[1].text


# In step


# Everything else that a file holds


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


def test_sound_that_nothing_decodes_is_left_out_beside_one_that_is_kept(tmp_path: Path) -> None:
    """As phones write spatial sound beside stereo; here, ALAC under a name that nobody knows."""
    inputs = [part for n in (300, 400) for part in ("-f", "lavfi", "-i", f"sine={n}:duration=0.5")]
    picture = ["-f", "lavfi", "-i", "color=black:size=64x48:rate=10:duration=0.5"]
    maps = ["-map", "0", "-map", "1", "-map", "2", "-c:v", "libx264", "-c:a:0", "aac", "-c:a:1", "alac"]
    source = make(tmp_path / "a.mov", *picture, *inputs, *maps)
    source.write_bytes(source.read_bytes().replace(b"alac", b"zzzz"))
    for suffix in (".mov", ".mp4", ".mkv"):
        result = tmp_path / f"b{suffix}"
        warnings = pass_through(source, result)
        assert warnings == ["stream 2 (audio, unknown): left out, nothing here decodes it"]
        assert packets(result, "audio") == packets(source, "audio")
        assert [stream.codec for stream in streams(result)] == ["h264", "aac"]


@pytest.mark.parametrize(
    ("suffix", "encoder"), [(".m2ts", "pcm_bluray"), (".mov", "adpcm_ima_qt"), (".mov", "pcm_f32be")]
)
def test_sound_that_matroska_has_no_name_for_becomes_flac(tmp_path: Path, suffix: str, encoder: str) -> None:
    source = numbered(tmp_path / f"a{suffix}", 10, "-c:a", encoder, "-ac", "2", sound="sine=440:sample_rate=48000")
    result = tmp_path / "b.mkv"
    warnings = pass_through(source, result)
    assert warnings == [f"stream 1 (audio, {encoder}): re-encoded by flac, Matroska can't hold it"]
    assert [stream.codec for stream in streams(result)] == ["h264", "flac"]
    assert spectrum_peak(result, 0) == pytest.approx(440, abs=2)
    assert np.abs(samples(source)[1][:40000] / np.abs(samples(source)[1]).max()).mean() == pytest.approx(
        np.abs(samples(result)[1][:40000] / np.abs(samples(result)[1]).max()).mean(), rel=0.01
    )


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_nothing_of_an_unknown_codec_is_carried(suffix: str) -> None:
    kinds = ("audio", "video", "subtitle", "data")
    streams = [SourceStream(0, "video", "h264"), *(SourceStream(n, kind, "unknown") for n, kind in enumerate(kinds, 1))]
    carried, warnings = carry(streams, CONTAINERS[suffix], 0)
    assert carried == []
    assert len(warnings) == 4
