"""Frames on the ticks that a container has, and the sound in step with them."""

from __future__ import annotations

import math
import re
from fractions import Fraction
from pathlib import Path

import pytest

from tests.helpers.identity import pass_through
from tests.helpers.probe import make, timestamps
from tests.helpers.samples import SILENCE_THEN_TONE, numbered, numbers, samples, tone_seconds
from tests.media.test_containers import WITH_SOUND


@pytest.mark.parametrize("suffix", WITH_SOUND)
@pytest.mark.parametrize(
    ("source_suffix", "codec"), [(".mp4", "aac"), (".mkv", "libopus"), (".mov", "pcm_s16le"), (".ts", "aac")]
)
@pytest.mark.parametrize("offset", ["0", "0.3", "-0.2"])
def test_sound_stays_in_step_whatever_begins_first(
    tmp_path: Path, source_suffix: str, codec: str, offset: str, suffix: str
) -> None:
    """Sound that is late or early against the picture by ``offset`` seconds."""
    picture = "color=black:size=64x48:rate=25:duration=1"
    sound = ("-itsoffset", offset, "-f", "lavfi", "-i", f"{SILENCE_THEN_TONE}:d=1")
    source = make(tmp_path / f"source{source_suffix}", "-f", "lavfi", "-i", picture, *sound, "-c:a", codec,
                  "-c:v", "libx264", "-bf", "2")  # fmt: skip
    result = tmp_path / f"result{suffix}"
    warnings = pass_through(source, result)
    assert in_step(result) - in_step(source) == pytest.approx(0, abs=tolerance(source_suffix, suffix))
    if suffix != ".avi":  # whose clock begins at 0, which it says
        (before, *_), _ = timestamps(source)
        (after, *_), tick = timestamps(result)
        assert abs(after - before) <= tick
    elif timestamps(source)[0][0] > Fraction(1, 100):
        assert any("AVI begins at 0" in warning for warning in warnings)


def in_step(path: Path) -> float:
    """When the tone is heard after the first frame is seen."""
    return tone_seconds(path) - float(timestamps(path)[0][0])


def tolerance(source: str, result: str) -> float:
    """A sample; a tick of containers that count in milliseconds; a packet and the encoder's delay for AVI."""
    if result == ".avi":
        return 0.03
    return 1.5 / 1000 if {".mkv", ".webm"} & {source, result} else 1.5 / 48000


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm", ".mov"])
@pytest.mark.parametrize(("start", "end"), [("0.28", "0.9"), ("0.4", None), (None, "0.8")])
def test_cuts_keep_sound_in_step_and_no_longer_than_the_picture(
    tmp_path: Path, suffix: str, start: str | None, end: str | None
) -> None:
    source = numbered(tmp_path / "source.mp4", 36, "-bf", "2", "-g", "12", "-preset", "fast", rate="25",
                      sound=SILENCE_THEN_TONE)  # fmt: skip
    result = tmp_path / f"result{suffix}"
    pass_through(source, result, start=Fraction(start) if start else None, end=Fraction(end) if end else None)
    first, last = math.ceil(Fraction(start or 0) * 25), math.ceil(Fraction(end or "1.44") * 25)
    assert numbers(result) == list(range(first, last))
    (begin, *_), _ = timestamps(result)
    assert begin == 0
    assert tone_seconds(result) == pytest.approx(tone_seconds(source) - float(start or 0), abs=1.5 / 1000)
    at, mixed, rate = samples(result)
    assert -0.045 <= float(at) <= 0.045, "two packets of AAC"
    assert float(at) + len(mixed) / rate <= (last - first) / 25 + 0.05


@pytest.mark.parametrize(("suffix", "times"), [(".avi", "(N+0.4*sin(N*N))/25/TB"), (".gif", "N/600/TB")])
def test_what_no_grid_holds_is_told(tmp_path: Path, suffix: str, times: str) -> None:
    how = ("-vf", f"settb=1/90000,setpts='{times}'", "-fps_mode", "passthrough", "-enc_time_base", "filter")
    source = numbered(tmp_path / "uneven.mp4", 40, *how, "-video_track_timescale", "90000")
    [warning] = pass_through(source, tmp_path / f"result{suffix}")
    said = re.fullmatch(r"\w+ can't hold the frames' timestamps; they are up to (\d+) ms off", warning)
    assert said
    expected, _ = timestamps(source)
    got, _ = timestamps(tmp_path / f"result{suffix}")
    worst = max(abs(a - b) for a, b in zip(expected, got, strict=True))
    assert int(said[1]) == pytest.approx(float(worst * 1000), abs=1)
