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
    """A plane of chroma's size, float32, that is read at luma's size, some rows at a time. Serves one thread.

    Fill ``plane``, call `finish`, then read. It is bilinear between two samples. Where samples lie on pixels, a sample
    is moved to lie between two, which takes a little of its sharpness: it is meant for smooth shares of a value.
    """

    def __init__(self, picture: Size, step: tuple[int, int], siting: tuple[float, float]) -> None:
        """Make room.

        Args:
            picture: Luma's size.
            step, siting: As for `shrunk`.
        """
        self._step, self._siting, self._width = step, siting, picture.width
        width, height = -(-picture.width // step[0]), -(-picture.height // step[1])
        self.plane = np.empty((height, width), np.float32)

    def finish(self) -> None:
        """The plane is written."""
        for axis, (step, phase) in enumerate(zip(self._step, self._siting, strict=True)):
            if step == 2 and phase == 0:
                here, after = (
                    (self.plane[:, :-1], self.plane[:, 1:]) if axis == 0 else (self.plane[:-1], self.plane[1:])
                )
                if here.size:
                    cv2.addWeighted(here, 0.75, after, 0.25, 0, here)

    def __getitem__(self, rows: slice) -> Array:
        """Some rows of luma: float32, (rows, width)."""
        across, down = self._step
        if self._step == (1, 1):
            return self.plane[rows]
        # One sample more on either side, where there is one, so that it is interpolated as in the whole.
        first, last = rows.start // down, -(-rows.stop // down)
        before, after = min(first, down - 1), min(len(self.plane) - last, down - 1)
        part = self.plane[first - before : last + after]
        large = cv2.resize(part, (part.shape[1] * across, len(part) * down), interpolation=cv2.INTER_LINEAR)
        above = before * down + rows.start % down
        return np.asarray(large, np.float32)[above : above + rows.stop - rows.start, : self._width]
