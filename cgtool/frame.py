"""A video frame on its way through the pipeline: as RGB, or in the planes that the decoder gave."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from cgtool.pictures import Image

Plane = NDArray[np.uint8] | NDArray[np.uint16]
"""Samples of one component, shape (height, width), or of several beside each other, (height, width, components).
uint8 for 8 bits, uint16 for 9 to 16 bits in the low bits. Chroma has its own, smaller size. May be a strided view."""


class _Presented:
    """When a frame is shown."""

    __slots__ = ()

    pts: int
    time_base: Fraction

    @property
    def pts_seconds(self) -> Fraction:
        """Presentation time in seconds, exact."""
        return self.pts * self.time_base


@dataclass(frozen=True, slots=True)
class Frame(_Presented):
    """A presented video frame in RGB.

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
    def nbytes(self) -> int:
        """Bytes of pixel memory, by which queues are bounded."""
        return self.pixels.nbytes


@dataclass(frozen=True, slots=True)
class PlanarFrame(_Presented):
    """A presented video frame as it was decoded, upright, with every bit of the source.

    Attributes:
        pixel_format: FFmpeg's name of the pixel format, such as ``yuv420p10le``.
        planes: The format's planes, in its order.
        index, pts, time_base: As in `Frame`.
    """

    pixel_format: str
    planes: tuple[Plane, ...]
    index: int
    pts: int
    time_base: Fraction

    @property
    def nbytes(self) -> int:
        """Bytes of pixel memory, by which queues are bounded."""
        return sum(plane.nbytes for plane in self.planes)
