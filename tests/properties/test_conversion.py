"""Whatever a clip is like: every frame, at its time, with its sound and its words, or a plain word on what is lost."""

from __future__ import annotations

import re
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest
from hypothesis import HealthCheck, Phase, assume, example, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

import cgtool
from cgtool.media.reader import VideoReader
from tests.properties.clips import Recipe, Sound, level, recipes, write
from tests.properties.looking import Seen, look

_FAR_SECONDS = 10
"""A clock that begins later than this begins at 0 in the result."""
_SOUND_SECONDS = Fraction(1, 25)
"""How exactly a tone's begin can be heard in what a lossy codec keeps of it: about a block of samples."""
_DEAF_SECONDS = Fraction(1, 10)
"""MP3's packets can't be decoded without those before them: so long may a cut's sound be silent."""
_LEVELS = 8
"""How far a lossy codec may be off."""
_PRESETS = {"webm": "8", "gif": None}
_SUBTITLES = ("mp4", "mov", "mkv", "webm")
_EXPECTED = (
    r"stream.? .*: (re-encoded by \w+|left out), \w+ can't hold (it|that it begins [\d.]+ s late)",
    r"\d+x\d+ is odd, so h264 is written as yuv444p; not every player shows it",
    r"\w+ begins at 0: picture and sound are moved there by \d+ ms",
    r"\w+ can't hold the frames' timestamps; they are up to \d+ ms off",
    r"\w+ can't hold that the last frame lasts [\d.]+ s",
)
"""Words on what a container can't hold. Others would be false alarms: nothing in these clips is damaged."""

_settings = settings(
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)


@dataclass(frozen=True)
class Conversion:
    """What is asked of cgtool.

    Attributes:
        recipe: The source.
        target: The result's suffix.
        start, end: The span, in seconds after the file's start.
        segment: Seconds of the segments that it is made in.
    """

    recipe: Recipe
    target: str
    start: Fraction | None = None
    end: Fraction | None = None
    segment: float = 20

    @property
    def is_whole(self) -> bool:
        return self.start is None and self.end is None


@st.composite
def conversions(draw: Callable[[SearchStrategy[Any]], Any]) -> Conversion:
    recipe = draw(recipes())
    start, end = None, None
    if draw(st.booleans()):
        last = round(recipe.end * 1000)
        places = sorted(draw(st.lists(st.integers(0, last), min_size=2, max_size=2, unique=True)))
        start, end = (draw(st.none() | st.just(Fraction(place, 1000))) for place in places)
    return Conversion(
        recipe=recipe,
        target=draw(st.sampled_from(("mp4", "mov", "mkv", "webm", "avi", "gif"))),
        start=start,
        end=end,
        segment=draw(st.sampled_from((20, 1, 0.5))),
    )


def check(wanted: Conversion) -> None:
    with tempfile.TemporaryDirectory() as name:
        given_file = write(wanted.recipe, Path(name))
        folder = Path(name) / "out"
        folder.mkdir()
        assume(_can_be_opened(given_file))
        source = look(given_file)
        # Not all that MPEG-4's encoder makes of gaps can be decoded, and some frames it leaves out.
        assume(len(source.levels) == len(source.times) == len(wanted.recipe.ticks))
        output = folder / f"result.{wanted.target}"
        threads = set(threading.enumerate())
        [result] = cgtool.convert(
            given_file,
            to="winter",
            output=output,
            engine="identity",
            preset=_PRESETS.get(wanted.target, "ultrafast"),
            start=wanted.start,
            end=wanted.end,
            segment=wanted.segment,
        )
        running = set(threading.enumerate()) - threads
        assert not {thread for thread in running if not thread.daemon}, "a thread still runs"
        kept = [number for number, time in enumerate(source.times) if _is_kept(wanted, source, time)]
        if not kept:
            assert result.error is not None
            assert "holds no video frame that can be decoded in the given span" in result.error
            assert list(folder.iterdir()) == []
            return
        assert result.error is None, result.error
        assert list(folder.iterdir()) == [output]
        strange = [told for told in result.warnings if not any(re.fullmatch(one, told) for one in _EXPECTED)]
        assert strange == []
        seen = look(output)
        assert result.frames == len(kept) == len(seen.times)
        _check_pictures(seen, kept)
        moved = _check_times(wanted, source, seen, kept, result.warnings)
        _check_streams(wanted, source, seen, moved, result.warnings)
        _check_end(wanted, given_file, output)


def _can_be_opened(path: Path) -> bool:
    """Transport streams of a few packets can't, by anything that builds on FFmpeg."""
    try:
        av.open(str(path)).close()
    except av.FFmpegError:
        return False
    return True


def _is_kept(wanted: Conversion, source: Seen, time: Fraction) -> bool:
    after = wanted.start is None or time >= source.begin + wanted.start
    return after and (wanted.end is None or time < source.begin + wanted.end)


def _origin(wanted: Conversion, source: Seen) -> Fraction:
    """Which time of the source's clock is 0 in the result, where its container begins where it wants."""
    if wanted.start is not None:
        return round((source.begin + wanted.start) / source.tick) * source.tick  # frames are moved by whole ticks
    return source.begin if source.begin > _FAR_SECONDS or source.times[0] < 0 else Fraction(0)


def _check_pictures(seen: Seen, kept: list[int]) -> None:
    for number, brightness in zip(kept, seen.levels, strict=True):
        assert brightness == pytest.approx((level(number) - 16) * 255 / 219, abs=_LEVELS), f"frame {number}"


def _check_times(wanted: Conversion, source: Seen, seen: Seen, kept: list[int], warnings: tuple[str, ...]) -> Fraction:
    """Compare times; how much earlier than in the source everything is shown."""
    times = [source.times[number] for number in kept]
    moved, nearest = _origin(wanted, source), seen.tick
    if wanted.target in ("avi", "gif"):
        moved = times[0]
        off = [re.search(r"timestamps; they are up to (\d+) ms off", told) for told in warnings]
        nearest = max([Fraction(6, 1000), *(Fraction(int(one[1]) + 1, 1000) for one in off if one)])
    assert seen.times == sorted(set(seen.times))
    distances = [abs(got - (time - moved)) for got, time in zip(seen.times, times, strict=True)]
    assert max(distances) <= nearest
    return moved


def _check_end(wanted: Conversion, given_file: Path, output: Path) -> None:
    """The last frame lasts as long as in the source, within a tick of either, and so does the clip."""
    if not wanted.is_whole or wanted.target not in ("mp4", "mov", "mkv", "webm"):
        return
    with VideoReader(given_file) as before, VideoReader(output) as after:
        one, other = before.info.last_frame, after.info.last_frame
        if one is not None and other is not None:
            ticks = before.info.time_base, after.info.time_base, Fraction(1, 1000)
            assert abs(other.seconds - one.seconds) <= max(ticks)


def _check_streams(wanted: Conversion, source: Seen, seen: Seen, moved: Fraction, warnings: tuple[str, ...]) -> None:
    sounds = 0 if wanted.target == "gif" else len(source.sounds)
    # A track of MP4 with nothing in it is none.
    assert len(seen.sounds) == sounds or (not wanted.is_whole and wanted.target in ("mp4", "mov"))
    changed = any("re-encoded" in told for told in warnings)
    for number in range(len(seen.sounds) if len(seen.sounds) == sounds else 0):
        if wanted.is_whole and not changed and wanted.target != "avi":
            assert seen.sounds[number] == source.sounds[number]
        tone, got = source.tones[number], seen.tones[number]
        if tone is not None and wanted.target == "avi" and tone < moved:
            continue  # AVI begins with the first frame: what sounds before it is not heard
        if tone is not None and all(_is_kept(wanted, source, tone + one) for one in (-_DEAF_SECONDS, _DEAF_SECONDS)):
            assert got is not None
            assert abs(got - (tone - moved)) < _SOUND_SECONDS, f"sound {number}"
    assert len(seen.words) == (len(source.words) if wanted.target in _SUBTITLES else 0)
    for lines, got_lines in zip(source.words, seen.words, strict=False):
        expected = [(time - moved, text) for time, text in lines if _is_kept(wanted, source, time)]
        found = {text: time for time, text in got_lines}
        for time, text in expected:
            assert abs(found[text] - time) <= Fraction(1, 500), text


def _of(suffix: str, encoder: str, rate: int, ticks: range, sound: str, target: str, **more: Any) -> Conversion:  # noqa: ANN401
    """A plain clip, as an example of what once went wrong."""
    tone = Sound(sound, Fraction(ticks[0], rate), silence=Fraction(5, 4), seconds=Fraction(2))
    recipe = Recipe(suffix, encoder, (48, 32), Fraction(rate), tuple(ticks), 1, 0, 12, (tone,))
    return Conversion(recipe, target, **more)


@settings(_settings, max_examples=50)
@given(conversions())
# A codec's priming before 0 pushed back all frames but the first.
@example(_of("ts", "libx264", 25, range(10, 50), "aac", "avi"))
# A cut between two ticks: frames were moved by whole ticks, sound was not.
@example(_of("avi", "ffv1", 5, range(10), "pcm_s16le", "mkv", start=Fraction(69, 100)))
# MP4's tracks began at whole milliseconds.
@example(_of("avi", "mpeg4", 30, range(37), "pcm_s16le", "mp4", start=Fraction(1, 1000)))
# Segments were joined by the millisecond, or not at all where pixels have no shape.
@example(_of("ts", "libx264", 30, range(1, 50), "aac", "mp4", segment=0.4))
def test_every_frame_sound_and_word_comes_through(wanted: Conversion) -> None:
    check(wanted)


@pytest.mark.slow
@settings(_settings, max_examples=500)
@given(conversions())
def test_every_frame_sound_and_word_comes_through_of_five_hundred(wanted: Conversion) -> None:
    check(wanted)
