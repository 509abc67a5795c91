"""Fades stay fades: instance normalization makes a network blind to exposure, so a dark frame comes out bright.

A frame faded by ``a`` is ``a * scene + (1 - a) * colour``. The network sees the scene at full contrast whatever ``a``
is, and at the end of a fade to black it makes something up out of nothing. So ``a`` is read off the source's contrast
and put back.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from cgtool.pictures import Image, luma

Plane = NDArray[np.uint8]

FULL_CONTRAST = 100.0
"""Range of luma, in levels from the darkest to the brightest hundredth, from which on a frame counts as not faded. Of
photographs of landscapes 3 in 100 have less, footage with a blurred background has about 120."""
_STROKE = 0.025
"""Widest stroke of a letter, as a share of the frame's height: titles and captions say nothing about a fade."""


def keep_exposure(source: Image, result: Image) -> Image:
    """Fade a result as much as its source is faded.

    Args:
        source: The frame as the network saw it, RGB, uint8, (h, w, 3).
        result: The network's result, the same shape.

    Returns:
        RGB, uint8, (h, w, 3): ``result`` itself where the source has its full contrast, ``source`` itself where it has
        none.
    """
    light = luma(source)
    without = _without_letters(light)
    share = _range(without) / FULL_CONTRAST  # the fade's a
    if share >= 1:
        return result
    if share == 0:
        return source
    # Letters are no part of the scene: they stay as they are.
    scenery = (cv2.absdiff(light, without) <= FULL_CONTRAST / 2).astype(np.uint8)
    # The scene before it was faded, which is what the network sees, at the brightness that its result has.
    ours, theirs = (np.array(cv2.mean(picture, scenery)[:3]) for picture in (source, result))
    scene = cv2.transform(source, np.column_stack([np.eye(3) / share, theirs - ours / share]))
    # What the network changed of the scene, faded. The scenery's mean stays the source's.
    changed = cv2.addWeighted(result, share, scene, -share, 0, dtype=cv2.CV_32F)
    changed = cv2.copyTo(changed, scenery)
    return np.asarray(cv2.add(source, changed, dtype=cv2.CV_8U), np.uint8)


def contrast(frame: Image) -> float:
    """Levels of luma between a frame's darkest and brightest hundredth, letters left out."""
    return _range(_without_letters(luma(frame)))


def _without_letters(light: Plane) -> Plane:
    """A median over twice the width of a stroke removes every stroke, and nothing wider."""
    return np.asarray(cv2.medianBlur(light, 2 * round(_STROKE * light.shape[0]) + 1), np.uint8)


def _range(light: Plane) -> float:
    histogram = cv2.calcHist([light], [0], None, [256], [0, 256]).ravel()
    cumulative = np.cumsum(histogram) / histogram.sum()
    low, high = np.searchsorted(cumulative, (0.01, 0.99))
    return float(high - low)
