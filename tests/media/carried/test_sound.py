"""What becomes of sound in every container."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from cgtool.media.containers import CONTAINERS
from tests.helpers.identity import pass_through
from tests.helpers.probe import make, streams
from tests.helpers.samples import numbered, packets, samples
from tests.media.test_containers import WITH_SOUND

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
