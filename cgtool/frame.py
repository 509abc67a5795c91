"""The one thing that travels through the pipeline."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from cgtool.pictures import Image


@dataclass(frozen=True, slots=True)
class Frame:
    """A presented video frame.

    Attributes:
        pixels: RGB, uint8, shape (height, width, 3), upright (rotation already applied), C-contiguous.
        index: Count of presented frames before this one.
        pts: Presentation timestamp in units of ``time_base``. It is carried from the source, never recomputed.
        time_base: Seconds per tick.
    """

    pixels: Image
    index: int
    pts: int
    time_base: Fraction

    @property
    def pts_seconds(self) -> Fraction:
        """Presentation time in seconds, exact."""
        return self.pts * self.time_base

    @property
    def nbytes(self) -> int:
        """Bytes of pixel memory, by which queues are bounded."""
        return self.pixels.nbytes
