"""Maps on RGB: still images, and video whose planes can't be changed as they are.

The formula itself, band by band: ``result = x + gain * x + lift * luma(x) + offset`` with x in [-1, 1], where the seven
maps are those of the two brightness knots beside a pixel's luma, in proportion.
"""

from __future__ import annotations

import cv2
import numpy as np

from cgtool.change.colour_space import MAPS
from cgtool.change.plane.stretch import Stretch, positions
from cgtool.pictures import LUMA, Array, Image, Size

_BAND_PIXELS = 40_000
"""Pixels worked on at a time, so that they stay in the processor's cache."""


class RgbChange:
    """Changes RGB pictures of one size. Holds buffers between calls; serves one thread."""

    def __init__(
        self, size: Size, cells: tuple[int, int], knots: int, *, strength: float = 1.0, preserve_color: bool = False
    ) -> None:
        """Lay out the work.

        Args:
            size: The pictures' size.
            cells: Height and width of the maps, which the picture covers whole.
            knots: How many brightness knots the maps have, 1 or more.
            strength: Share of the change, 0 (the source) to 1.
            preserve_color: Change luma alone, by the same amount in R, G and B.
        """
        self._knots, self._strength, self._preserve_color = knots, np.float32(strength), preserve_color
        self._cells = cells
        rows = max(1, _BAND_PIXELS // size.width)
        down = positions(size.height, cells[0], size.height)
        across = positions(size.width, cells[1], size.width)
        self._stretch = Stretch(down, across, cells, MAPS * knots, MAPS, rows)

    def __call__(self, picture: Image, maps: Array) -> Image:
        """Change one picture.

        Args:
            picture: RGB, uint8, (height, width, 3).
            maps: float32, (knots * 7, height, width), knots from dark to bright.

        Returns:
            RGB, uint8, rounded; the picture itself where the maps change nothing.
        """
        maps = maps.reshape(MAPS * self._knots, *self._cells)
        if not maps.any() or not self._strength:
            return picture
        self._stretch.load(maps)
        out = np.empty_like(picture)
        for index, rows in enumerate(self._stretch.bands):
            out[rows] = self._band(index, picture[rows])
        return out

    def _band(self, index: int, picture: Image) -> Image:
        x = picture.astype(np.float32) / np.float32(127.5) - np.float32(1)
        luma = np.asarray(cv2.transform(x, np.array([LUMA], np.float32)), np.float32)
        change = np.zeros_like(x)
        for knot in range(self._knots):
            red, green, blue, lift, *offsets = self._stretch.band(index, knot * MAPS, MAPS)
            of_knot = x * cv2.merge([red, green, blue]) + cv2.merge(offsets) + (lift * luma)[..., None]
            change += of_knot * self._weight(luma, knot)[..., None]
        if self._preserve_color:
            change = np.asarray(cv2.transform(change, np.array([LUMA], np.float32)), np.float32)[..., None]
        levels = (x + self._strength * change + np.float32(1)) * np.float32(127.5)
        return np.asarray(np.clip(np.rint(levels), 0, 255), np.uint8)

    def _weight(self, luma: Array, knot: int) -> Array:
        """A knot's say at each pixel: 1 at its own luma, 0 from the next knots on."""
        if self._knots == 1:
            return np.ones_like(luma)
        step = 2 / (self._knots - 1)
        return np.asarray(np.maximum(0, 1 - np.abs(luma - np.float32(knot * step - 1)) / np.float32(step)), np.float32)
