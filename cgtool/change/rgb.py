"""Maps on RGB: still images, and video whose planes can't be changed as they are.

The formula itself: ``result = x + gain * x + lift * luma(x) + offset`` with x in [-1, 1], where the seven maps are
those of the two brightness knots beside a pixel's luma, in proportion.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from cgtool.change.colour_space import MAPS
from cgtool.change.plane.fused import Formula, Fused, Node, Output, between_knots, number, parts, shares
from cgtool.change.plane.recipe import HALF, sliced
from cgtool.change.plane.stretch import Wide, banded, positions
from cgtool.grid import luma_knots
from cgtool.pictures import LUMA, Array, Image, Size

_BAND = 100_000
"""Pixels per band, which stay in the processor's cache."""


class RgbChange:
    """Changes RGB pictures of one size. Holds buffers between calls; serves one thread."""

    def __init__(
        self, size: Size, cells: tuple[int, int], knots: int, *, strength: float = 1.0, preserve_color: bool = False
    ) -> None:
        """Compile the formula.

        Args:
            size: The pictures' size.
            cells: Height and width of the maps, which the picture covers whole.
            knots: How many brightness knots the maps have, 1 or more.
            strength: Share of the change, 0 (the source) to 1.
            preserve_color: Change luma alone, by the same amount in R, G and B.
        """
        self._cells, self._strength = (MAPS * knots, *cells), strength
        self._planes = [np.empty((size.height, size.width), np.uint8) for _ in range(3)]
        down = positions(size.height, cells[0], size.height)
        across = positions(size.width, cells[1], size.width)
        self._fused = Fused(
            _formula(knots, preserve_color=preserve_color),
            banded(down, cells[0], size.width, _BAND),
            Wide(sliced(np.eye(MAPS) * strength, knots), across, cells),
            [np.uint8] * 3,
            [Output(np.uint8, (0, 255))] * 3,
        )

    def __call__(self, picture: Image, maps: Array) -> Image:
        """Change one picture.

        Args:
            picture: RGB, uint8, (height, width, 3).
            maps: float32, (knots * 7, height, width), knots from dark to bright.

        Returns:
            RGB, uint8, rounded; the picture itself where the maps change nothing.
        """
        maps = maps.reshape(self._cells)
        if not maps.any() or not self._strength:
            return picture
        self._fused(cv2.split(picture), maps, self._planes)
        return np.asarray(cv2.merge(self._planes), np.uint8)


def _formula(knots: int, *, preserve_color: bool) -> Formula:
    def formula(planes: Sequence[Node], maps: Sequence[Node]) -> list[Node]:
        pixel = [plane * number(1 / 127.5) - number(1) for plane in planes]
        luma = _luma(pixel)
        # From the darkest knot on, each piece adds what the next knot differs by.
        ends = luma_knots(knots) if knots > 1 else []
        at = shares(parts(luma, ends), ends)
        red, green, blue, lift, *offsets = (
            between_knots(darkest, rises, at) for darkest, *rises in (maps[index::MAPS] for index in range(MAPS))
        )
        raised = lift * luma
        change = [
            gain * x + raised + offset for x, gain, offset in zip(pixel, (red, green, blue), offsets, strict=True)
        ]
        if preserve_color:
            change = [_luma(change)] * 3
        return [plane + each * number(127.5) + number(HALF) for plane, each in zip(planes, change, strict=True)]

    return formula


def _luma(colour: Sequence[Node]) -> Node:
    red, green, blue = colour
    return red * number(LUMA[0]) + green * number(LUMA[1]) + blue * number(LUMA[2])
