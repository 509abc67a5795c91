"""Measuring two files: the protocol's figures come through codecs and containers, and mismatches are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from cgtool.errors import MediaError, UsageError
from cgtool.tasks.measure import MeasuredFrame, measure
from tests.helpers.probe import make


@pytest.fixture(scope="module")
def short(bunny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve frames of real footage, small, lossless."""
    path = tmp_path_factory.mktemp("short") / "short.mkv"
    return make(path, "-i", bunny, "-frames:v", "12", "-an", "-vf", "scale=320:180", "-c:v", "ffv1")


def last(source: Path, result: Path) -> MeasuredFrame:
    *_, end = measure(source, result)
    return end


def test_a_clip_against_itself(short: Path) -> None:
    end = last(short, short)
    assert end.index == 11
    figures = end.summary
    assert figures.warp_error == figures.source_warp_error
    assert figures.change == 0
    assert figures.brightness_flicker == 0
    assert figures.edges == pytest.approx(1)


def test_other_codec_and_container(short: Path, tmp_path: Path) -> None:
    other = make(
        tmp_path / "other.webm", "-i", short, "-c:v", "libvpx-vp9", "-crf", "20", "-b:v", "0", "-cpu-used", "8"
    )
    figures = last(short, other).summary
    assert figures.edges is not None
    assert figures.change is not None
    assert 0.8 < figures.edges < 1.1
    assert 0 < figures.change < 0.02


def test_flicker_is_seen(short: Path, tmp_path: Path) -> None:
    dim = "lutrgb=r='val*0.9':g='val*0.9':b='val*0.9':enable='mod(n,2)'"
    flickering = make(tmp_path / "flicker.mkv", "-i", short, "-vf", f"format=gbrp,{dim}", "-c:v", "ffv1")
    steady, flicker = last(short, short).summary, last(short, flickering).summary
    assert flicker.brightness_flicker is not None
    assert flicker.brightness_flicker > 0.02
    assert flicker.warp_error is not None
    assert steady.warp_error is not None
    assert flicker.warp_error > 3 * steady.warp_error


@pytest.mark.parametrize("longer", ["source", "result"])
def test_other_count_of_frames_is_refused(short: Path, tmp_path: Path, longer: str) -> None:
    nine = make(tmp_path / "nine.mkv", "-i", short, "-frames:v", "9", "-c:v", "ffv1")
    pair = (short, nine) if longer == "source" else (nine, short)
    counts = "has 9 frames, but .* has 12" if longer == "source" else "has 12 frames, but .* has 9"
    with pytest.raises(MediaError, match=counts):
        last(*pair)


def test_other_size_is_refused(short: Path, tmp_path: Path) -> None:
    small = make(tmp_path / "small.mkv", "-i", short, "-vf", "scale=160:90", "-c:v", "ffv1")
    with pytest.raises(UsageError, match="differ in size"):
        last(short, small)


def test_stills_are_refused_in_plain_words(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"a\.png: is a still image. measure compares videos"):
        next(measure(tmp_path / "a.png", tmp_path / "b.png"))
