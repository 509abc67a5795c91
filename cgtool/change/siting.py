"""Luma brought to chroma's places, and back.

A chroma sample of 4:2:0 stands for two by two pixels. Where among them it lies is the stream's siting: between two
pixels (phase 0.5), or on the first (phase 0). Both directions mind it, each axis by itself.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from cgtool.pictures import Array, Size

Plane = NDArray[np.uint8] | NDArray[np.uint16]


def shrunk(plane: Plane, step: tuple[int, int], siting: tuple[float, float]) -> Plane:
    """A plane at chroma's size: the mean of two pixels beside a sample, or the weights 1, 2, 1 where it lies on one.

    Args:
        plane: uint8 or uint16, (height, width).
        step: Pixels per sample, across and down: 1 or 2.
        siting: Pixels from the first pixel's centre to the first sample's, across and down: 0 or 0.5.

    Returns:
        The same type, (height, width) over ``step``, rounded up; the plane itself where there is nothing to do.
    """
    if step == (1, 1):
        return plane
    (across, down), (height, width) = step, plane.shape
    size = Size(-(-width // across), -(-height // down))
    if height % down or width % across:
        plane = cv2.copyMakeBorder(plane, 0, height % down, 0, width % across, cv2.BORDER_REPLICATE)  # type: ignore[assignment]  # of the plane's type
    # The weights 1, 2, 1 are two means of two, one pixel apart.
    planes = [plane]
    for axis in (0, 1):
        if step[axis] == 2 and siting[axis] == 0:
            planes += [_moved(each, axis) for each in planes]
    means = [cv2.resize(each, size, interpolation=cv2.INTER_AREA) for each in planes]
    while len(means) > 1:
        means = [cv2.addWeighted(one, 0.5, other, 0.5, 0) for one, other in zip(means[::2], means[1::2], strict=True)]
    return means[0]  # type: ignore[return-value]  # of the plane's type


def _moved(plane: Plane, axis: int) -> Plane:
    """A plane moved by one pixel to the right (axis 0) or down (axis 1); what was first is there twice."""
    right, down = (1, 0) if axis == 0 else (0, 1)
    height, width = plane.shape
    return cv2.copyMakeBorder(plane[: height - down, : width - right], down, 0, right, 0, cv2.BORDER_REPLICATE)  # type: ignore[return-value]  # of the plane's type


class Doubled:
    """A float32 plane of chroma's size that is read at luma's size, a band at a time: bilinear, siting minded.

    Fill ``interior``, call `finish`, then read. Serves one thread.
    """

    def __init__(self, picture: Size, step: tuple[int, int], siting: tuple[float, float], rows: int) -> None:
        """Make room.

        Args:
            picture: Luma's size.
            step, siting: As for `shrunk`.
            rows: Rows of luma per band; an even number.
        """
        self._step, self._siting, self._width = step, siting, picture.width
        width, height = -(-picture.width // step[0]), -(-picture.height // step[1])
        self._bordered = np.empty((height + 2, width + 2), np.float32)
        self._tall = np.empty((rows, width + 2), np.float32)
        self._sides = [np.empty((rows, width), np.float32) for _ in range(2)]
        self._wide = np.empty((rows, width, 2), np.float32)

    @property
    def interior(self) -> Array:
        """The plane itself, (height, width)."""
        return self._bordered[1:-1, 1:-1]

    def finish(self) -> None:
        """The plane is written: repeat its edges outwards."""
        plane = self._bordered
        plane[0], plane[-1] = plane[1], plane[-2]
        plane[:, 0], plane[:, -1] = plane[:, 1], plane[:, -2]

    def band(self, rows: slice) -> Array:
        """Rows of luma: float32, (rows, width), which may be overwritten and holds until the next call."""
        (across, down), (phase_across, phase_down) = self._step, self._siting
        source = self._bordered[rows.start // down : -(-rows.stop // down) + 2]
        if down == 2:
            tall = self._tall[: 2 * (len(source) - 2)]
            _between(source[:-2], source[1:-1], source[2:], phase_down, tall[::2], tall[1::2])
        else:
            tall = source[1:-1]
        tall = tall[: rows.stop - rows.start]
        if across == 1:
            return tall[:, 1:-1]
        even, odd = (side[: len(tall)] for side in self._sides)
        _between(tall[:, :-2], tall[:, 1:-1], tall[:, 2:], phase_across, even, odd)
        wide = self._wide[: len(tall)]
        cv2.merge([even, odd], wide)
        return wide.reshape(len(tall), -1)[:, : self._width]


def _between(before: Array, here: Array, after: Array, phase: float, even: Array, odd: Array) -> None:
    """The two pixels of each sample along an axis, from it and its neighbours."""
    if phase == 0:
        np.copyto(even, here)
        cv2.addWeighted(here, 0.5, after, 0.5, 0, odd)
    else:
        cv2.addWeighted(before, 0.25, here, 0.75, 0, even)
        cv2.addWeighted(here, 0.75, after, 0.25, 0, odd)
