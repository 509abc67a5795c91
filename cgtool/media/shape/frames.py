"""What makes two decoded frames of one kind, and what a filtered frame takes over from the one it was made of."""

from __future__ import annotations

from av.video.frame import VideoFrame


def kind(frame: VideoFrame) -> tuple[str, int, int]:
    """Pixel format, width and height: what a filter chain is made for."""
    return frame.format.name, frame.width, frame.height


def alike(filtered: VideoFrame, source: VideoFrame) -> VideoFrame:
    """A filtered frame with the time and the colours' meaning of its source, which filters don't keep."""
    filtered.pts, filtered.time_base = source.pts, source.time_base
    filtered.colorspace, filtered.color_range = source.colorspace, source.color_range
    filtered.color_primaries, filtered.color_trc = source.color_primaries, source.color_trc
    return filtered
