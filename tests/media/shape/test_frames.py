"""What a filtered frame keeps."""

from __future__ import annotations

from fractions import Fraction

from av.video.frame import VideoFrame

from cgtool.media.colour import build_graph, through
from cgtool.media.shape.frames import alike, kind


def test_a_filtered_frame_has_its_sources_time_and_colours() -> None:
    frame = VideoFrame(64, 48, "yuv420p")
    frame.pts, frame.time_base = 7, Fraction(1, 30)
    frame.colorspace, frame.color_range, frame.color_primaries, frame.color_trc = 5, 2, 5, 6
    filtered = alike(through(build_graph(frame, Fraction(1, 30), [("settb", "1/1000")]), frame), frame)
    assert (filtered.pts, filtered.time_base) == (7, Fraction(1, 30))
    assert (filtered.colorspace, filtered.color_range) == (5, 2)
    assert (filtered.color_primaries, filtered.color_trc) == (5, 6)


def test_kinds() -> None:
    assert kind(VideoFrame(64, 48, "yuv420p")) == ("yuv420p", 64, 48)
