"""Turning frames upright by a container's display matrix."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TypeVar, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from cgtool.pictures import Size

Pixels = TypeVar("Pixels", bound=NDArray[np.uint8] | NDArray[np.uint16])


@dataclass(frozen=True)
class Orientation:
    """One of the eight ways to lay a picture: transpose first, then flip.

    Attributes:
        transpose: Swap rows and columns.
        flip_horizontal, flip_vertical: Mirror left-right, top-bottom, after transposing.
    """

    transpose: bool = False
    flip_horizontal: bool = False
    flip_vertical: bool = False

    @property
    def is_upright(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.transpose or self.flip_horizontal or self.flip_vertical)

    def size(self, width: int, height: int) -> Size:
        """The size after turning."""
        return Size(height, width) if self.transpose else Size(width, height)

    def apply(self, pixels: Pixels) -> Pixels:
        """Turn an array of shape (height, width) or (height, width, channels), uint8 or uint16."""
        turned: cv2.typing.MatLike = pixels
        if self.transpose:
            turned = cv2.transpose(turned)
        if self.flip_horizontal or self.flip_vertical:
            code = -1 if self.flip_horizontal and self.flip_vertical else (1 if self.flip_horizontal else 0)
            turned = cv2.flip(turned, code)
        return cast(Pixels, turned)


def orientation_from_display_matrix(matrix: bytes) -> Orientation | None:
    """Read a display matrix (ISO/IEC 14496-12, 8.3.2: nine 32-bit values, row vectors).

    Returns:
        The orientation, or None if the matrix is no multiple of a quarter turn (a rotation by another angle).
    """
    a, b, _, c, d, *_ = struct.unpack("=9i", matrix[:36])
    # (x, y) -> (a x + c y, b x + d y): zero off-diagonals keep the axes, zero diagonals swap them.
    if b == c == 0 and a and d:
        return Orientation(False, a < 0, d < 0)
    if a == d == 0 and b and c:
        return Orientation(True, c < 0, b < 0)
    return None
