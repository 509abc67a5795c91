"""All eight ways to hold a camera, against what the ffmpeg program shows of the same files."""

from __future__ import annotations

import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from cgtool.media.orientation import orientation_from_display_matrix
from cgtool.media.reader import VideoReader
from tests.helpers.identity import pass_through
from tests.helpers.probe import describe, make, streams
from tests.helpers.samples import sample_aspect_ratio

Pixels = NDArray[np.uint8]

# Display options of ffmpeg -> what a viewer must do with the coded picture. A positive angle is counterclockwise.
WAYS: dict[tuple[int, bool], Callable[[Pixels], Pixels]] = {
    (0, False): lambda coded: coded,
    (90, False): lambda coded: np.rot90(coded),
    (180, False): lambda coded: coded[::-1, ::-1],
    (270, False): lambda coded: np.rot90(coded, -1),
    (0, True): lambda coded: coded[:, ::-1],
    (90, True): lambda coded: np.rot90(coded)[:, ::-1],
    (180, True): lambda coded: coded[::-1],
    (270, True): lambda coded: np.rot90(coded, -1)[:, ::-1],
}
WIDTH, HEIGHT = 96, 64


@pytest.fixture(scope="module")
def coded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two frames of lossless RGB with a different colour in each corner, and pixels wider than high."""
    path = tmp_path_factory.mktemp("orientation") / "coded.mp4"
    picture = f"testsrc2=size={WIDTH}x{HEIGHT}:rate=10:duration=0.2,setsar=16/11"
    return make(path, "-f", "lavfi", "-i", picture, "-c:v", "libx264rgb", "-preset", "ultrafast", "-qp", "0")


def turned(coded: Path, target: Path, angle: int, mirrored: bool) -> Path:
    options = ["-display_rotation", str(angle), *(["-display_hflip"] if mirrored else [])]
    return make(target, *options, "-i", coded, "-c", "copy")


def shown(path: Path, tmp_path: Path) -> Pixels:
    """The first frame as the ffmpeg program presents it."""
    return np.asarray(Image.open(make(tmp_path / "shown.png", "-i", path, "-frames:v", "1")).convert("RGB"))


def first_frame(path: Path) -> Pixels:
    with VideoReader(path) as reader:
        frame = next(reader.frames())
        assert frame.pixels.shape == (reader.info.height, reader.info.width, 3)
        assert frame.pixels.flags.c_contiguous
        return frame.pixels


@pytest.mark.parametrize(("angle", "mirrored"), WAYS)
def test_frames_are_upright(coded: Path, tmp_path: Path, angle: int, mirrored: bool) -> None:
    source = turned(coded, tmp_path / "turned.mp4", angle, mirrored)
    upright = WAYS[angle, mirrored](first_frame(coded))
    assert np.array_equal(first_frame(source), upright)
    assert np.array_equal(first_frame(source), shown(source, tmp_path))


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize(("angle", "mirrored"), WAYS)
def test_results_are_turned_once_and_carry_no_tag(
    coded: Path, tmp_path: Path, angle: int, mirrored: bool, suffix: str
) -> None:
    source = turned(coded, tmp_path / "turned.mp4", angle, mirrored)
    result = tmp_path / f"result{suffix}"
    assert pass_through(source, result, crf=0, pixel_format="yuv444p") == []
    difference = shown(result, tmp_path).astype(int) - shown(source, tmp_path)
    assert np.abs(difference).mean() < 3, "turned twice, not at all, or mirrored"
    text = describe(result)
    assert "Display Matrix" not in text
    assert "rotat" not in text.lower()
    lies = angle in (90, 270)
    assert (f"{HEIGHT}x{WIDTH}" if lies else f"{WIDTH}x{HEIGHT}") in text
    assert sample_aspect_ratio(streams(result)[0].text) == (Fraction(11, 16) if lies else Fraction(16, 11))


def test_a_slanted_rotation_is_ignored_and_named(coded: Path, tmp_path: Path) -> None:
    source = turned(coded, tmp_path / "turned.mp4", 30, False)
    assert np.array_equal(first_frame(source), first_frame(coded))
    [warning] = pass_through(source, tmp_path / "result.mp4")
    assert "degrees is no quarter turn" in warning


def test_matrices_that_are_scaled_or_degenerate() -> None:
    one = 1 << 16

    def matrix(a: int, b: int, c: int, d: int) -> bytes:
        return struct.pack("=9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)

    doubled = orientation_from_display_matrix(matrix(0, 2 * one, -2 * one, 0))
    assert doubled is not None
    assert doubled == orientation_from_display_matrix(matrix(0, one, -one, 0))
    assert doubled.size(96, 64) == (64, 96)
    assert orientation_from_display_matrix(matrix(0, 0, 0, 0)) is None
    assert orientation_from_display_matrix(matrix(one, one, one, one)) is None
