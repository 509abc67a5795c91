"""The maps that map networks give: how many, for which lumas, and what they make of a picture. Imports no framework.

The formula in its plainest form, with which engines are compared; `cgtool.change` carries maps out faster.
"""

from __future__ import annotations

import cv2
import numpy as np

from cgtool.pictures import LUMA, Array, Image, Size

MAPS = 7
"""Maps for each knot, in this order: gain of red, green, blue; lift; offset of red, green, blue."""


MAP_STRIDE, KNOTS = 4, 4
"""Pixels per cell and knots of map networks whose description doesn't say."""


def luma_knots(knots: int) -> tuple[float, ...]:
    """The lumas, in [-1, 1], that have maps of their own."""
    return tuple(2 * k / (knots - 1) - 1 for k in range(knots)) if knots > 1 else (0.0,)


def apply(picture: Image, maps: Array) -> Image:
    """Change a picture as its maps say: ``x + gain * x + lift * luma(x) + offset`` with x in [-1, 1].

    Args:
        picture: RGB, uint8, (height, width, 3).
        maps: float32, (knots * 7, h, w), knot by knot from dark to bright. They cover the picture: each cell
            ``height / h`` by ``width / w`` pixels.

    Returns:
        RGB, uint8, rounded.
    """
    x = picture.astype(np.float32) / np.float32(127.5) - 1
    luma = x @ np.array(LUMA, np.float32)
    change = np.zeros_like(x)
    lumas = luma_knots(len(maps) // MAPS)
    for knot, of_knot in zip(lumas, maps.reshape(-1, MAPS, *maps.shape[1:]), strict=True):
        gain, lift, offset = (_stretched(part, Size.of(picture)) for part in (of_knot[:3], of_knot[3:4], of_knot[4:]))
        weight = _weight(luma, knot, len(lumas))
        change += weight[..., None] * (gain * x + lift * luma[..., None] + offset)
    return np.asarray(np.rint((x + change + 1) * np.float32(127.5)).clip(0, 255), np.uint8)


def _stretched(maps: Array, size: Size) -> Array:
    """Some maps at a picture's size, (height, width, maps): bilinear, the border's cells repeated beyond it."""
    planes = [cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR) for plane in maps]
    return np.stack(planes, axis=-1).astype(np.float32, copy=False)


def _weight(luma: Array, knot: float, knots: int) -> Array:
    """A knot's say at each pixel: 1 at its own luma, 0 from the next knots on."""
    if knots == 1:
        return np.ones_like(luma)
    nearness = 1 - np.abs(luma.clip(-1, 1) - np.float32(knot)) * np.float32((knots - 1) / 2)
    return np.asarray(np.maximum(nearness, 0), np.float32)
