"""Alpha that a format provides for, and alpha that a picture really has."""

from __future__ import annotations

from fractions import Fraction

from av.filter import Graph
from av.video.frame import VideoFrame

from cgtool.media.colour import build_graph, through
from cgtool.media.shape.frames import kind


def has_alpha(frame: VideoFrame) -> bool:
    """Whether a frame's pixel format provides for alpha, as every GIF's does."""
    return any(component.is_alpha for component in frame.format.components)


class Transparency:
    """Watches a stream's frames for one that is not opaque.

    Attributes:
        is_seen: Whether there was one.
    """

    def __init__(self) -> None:
        self.is_seen = False
        self._graph: Graph | None = None
        self._kind: tuple[str, int, int] | None = None

    def look(self, frame: VideoFrame) -> bool:
        """Look at the next frame; True if it is the first that is not opaque."""
        if self.is_seen or not has_alpha(frame):
            return False
        if self._graph is None or self._kind != kind(frame):
            filters = [("alphaextract", ""), ("format", "pix_fmts=gray")]
            self._graph, self._kind = build_graph(frame, Fraction(1, 25), filters), kind(frame)
        self.is_seen = bool(through(self._graph, frame).to_ndarray().min() < 255)
        return self.is_seen
