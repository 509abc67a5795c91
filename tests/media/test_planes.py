"""Decoded frames as arrays and back."""

from __future__ import annotations

from typing import cast

import numpy as np
import pytest
from av.video.frame import VideoFrame

from cgtool.frame import Plane
from cgtool.media.planes import depth_of, keeps_colours, plane_format, read_planes, write_planes


@pytest.mark.parametrize(
    ("pixel_format", "shapes", "dtype"),
    [
        ("yuv420p", [(13, 33), (7, 17), (7, 17)], np.uint8),
        ("yuv422p10le", [(13, 33), (13, 17), (13, 17)], np.uint16),
        ("yuv411p", [(13, 33), (13, 9), (13, 9)], np.uint8),
        ("gbrp12le", [(13, 33)] * 3, np.uint16),
        ("yuva444p16le", [(13, 33)] * 4, np.uint16),
        ("gray", [(13, 33)], np.uint8),
        ("bgra", [(13, 33, 4)], np.uint8),
        ("bgr0", [(13, 33, 4)], np.uint8),
        ("rgb24", [(13, 33, 3)], np.uint8),
        ("rgb48le", [(13, 33, 3)], np.uint16),
        ("ya8", [(13, 33, 2)], np.uint8),
    ],
)
def test_there_and_back(pixel_format: str, shapes: list[tuple[int, ...]], dtype: type[np.generic]) -> None:
    empty = VideoFrame(33, 13, pixel_format)
    assert plane_format(empty) == pixel_format
    assert [plane.shape for plane in read_planes(empty)] == shapes
    random = np.random.default_rng(0)
    most = 256 if dtype is np.uint8 else 65536
    planes = tuple(cast(Plane, random.integers(0, most, shape).astype(dtype)) for shape in shapes)
    frame = write_planes(pixel_format, planes, 33, 13)
    assert (frame.width, frame.height, frame.format.name) == (33, 13, pixel_format)
    for before, after in zip(planes, read_planes(frame), strict=True):
        assert after.dtype == dtype
        assert np.array_equal(before, after)


def test_what_pyav_itself_reads_is_the_same() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (36, 64), np.uint8)
    frame = VideoFrame.from_ndarray(picture, format="yuv420p")
    luma, _, _ = read_planes(frame)
    assert np.array_equal(luma, picture[:24])


def test_planes_outlive_their_frame() -> None:
    planes = write_planes("gray", (np.arange(64, dtype=np.uint8).reshape(8, 8),), 8, 8)
    (plane,) = read_planes(planes)
    del planes
    [VideoFrame(8, 8, "gray") for _ in range(20)]
    assert plane.ravel().tolist() == list(range(64))


def test_the_old_name_for_full_range_becomes_the_one_that_encoders_take() -> None:
    assert plane_format(VideoFrame(8, 8, "yuvj420p")) == "yuv420p"


@pytest.mark.parametrize(
    "pixel_format", ["nv12", "p010le", "yuyv422", "pal8", "yuv420p10be", "monow", "rgb565le", "gbrpf32le"]
)
def test_what_no_array_can_hold(pixel_format: str) -> None:
    assert plane_format(VideoFrame(8, 8, pixel_format)) is None


@pytest.mark.parametrize(
    ("name", "depth"),
    [("yuv420p", 8), ("yuv420p10le", 10), ("gray12le", 12), ("gbrp16le", 16), ("p010le", 10), ("bgr0", 8), (None, 8)],
)
def test_depths(name: str | None, depth: int) -> None:
    assert depth_of(name) == depth


def test_formats_that_keep_colours() -> None:
    assert keeps_colours("yuv422p10le", "yuv420p")
    assert keeps_colours("yuv420p10le", "p010le")
    assert keeps_colours("yuva444p12le", "yuva444p10le")
    assert not keeps_colours("yuva444p12le", "yuv422p10le"), "alpha would be lost without a word"
    assert keeps_colours("gbrp", "gbrp")
    for one, other in (("yuv420p", "bgr0"), ("gray", "yuv420p"), ("yuva420p", "yuv420p"), (None, "yuv420p")):
        assert not keeps_colours(one, other)
