"""The output's clock: the tick at which each frame is shown.

A file's timestamps are whole numbers of a tick, its time base. Most containers can take over the source's tick, and
then nothing is computed at all. AVI knows only "frame number n", GIF only hundredths of a second: there, each time is
rounded to the nearest tick of that grid, no two frames to the same one, and what that costs is told at the end.
"""

from __future__ import annotations

from fractions import Fraction

from cgtool.frame import Frame, PlanarFrame
from cgtool.media.containers import Container
from cgtool.media.reader import VideoInfo

_UNNOTICED_SECONDS = Fraction(1, 200)
"""Half a tick of GIF: what rounding does."""


class Clock:
    """Lays frames on the ticks that the container has: its source's own, or a coarser grid that begins at 0.

    Attributes:
        time_base: Seconds per tick.
        moved_seconds: How much earlier than at the source everything is shown.
    """

    def __init__(self, container: Container, info: VideoInfo) -> None:
        self._container = container
        # A grid of frames has the rate that the footage was laid out for: where frames were dropped, the average is
        # lower, and no frame would fall on its own place.
        rate = info.nominal_rate or Fraction(25)
        grids = {"source": info.time_base, "frames": 1 / rate, "centiseconds": Fraction(1, 100)}
        self.time_base = grids[container.clock]
        self.moved_seconds = Fraction(0) if container.clock == "source" else info.begin_seconds
        self._last: int | None = None
        self._worst_seconds = Fraction(0)

    def tick(self, frame: Frame | PlanarFrame) -> int:
        """The tick that a frame is shown at. Frames come in order."""
        if self._container.clock == "source":
            return frame.pts
        seconds = frame.pts_seconds - self.moved_seconds
        tick = round(seconds / self.time_base)
        # Two frames nearer to each other than a tick would share one: the later takes the next that is free.
        if self._last is not None:
            tick = max(tick, self._last + 1)
        self._last = tick
        self._worst_seconds = max(self._worst_seconds, abs(tick * self.time_base - seconds))
        return tick

    def warnings(self) -> list[str]:
        """Sentences on what the container could not hold of the frames so far."""
        name = self._container.name
        warnings = []
        if self.moved_seconds > _UNNOTICED_SECONDS:
            milliseconds = float(self.moved_seconds * 1000)
            warnings.append(f"{name} begins at 0: picture and sound are moved there by {milliseconds:.0f} ms")
        if self._worst_seconds > _UNNOTICED_SECONDS:
            milliseconds = float(self._worst_seconds * 1000)
            warnings.append(f"{name} can't hold the frames' timestamps; they are up to {milliseconds:.0f} ms off")
        return warnings
