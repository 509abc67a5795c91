"""Fades stay fades: instance normalization makes a network blind to exposure, so a dark frame comes out bright.

A frame faded by ``a`` is ``a * scene + (1 - a) * colour``. The network sees the scene at full contrast whatever ``a``
is, and at the end of a fade to black it makes something up out of nothing. So ``a`` is read off the source's contrast
and put back.
"""

from __future__ import annotations

import cv2
import numpy as np

from cgtool.pictures import Image, luma

FULL_CONTRAST = 112.0
"""Range of luma, in levels from the darkest to the brightest hundredth, from which on a frame counts as not faded.
Nearly all photographs of landscapes have more, footage with a blurred background about 130."""


def keep_exposure(source: Image, result: Image) -> Image:
    """Fade a result as much as its source is faded.

    Args:
        source: The frame as the network saw it, RGB, uint8, (h, w, 3).
        result: The network's result, the same shape.

    Returns:
        RGB, uint8, (h, w, 3): ``result`` itself where the source has its full contrast, the source's own mean colour
        where it has none.
    """
    share = contrast(source) / FULL_CONTRAST  # the fade's a
    if share >= 1:
        return result
    # The source's mean is a * (the scene's mean) + (1 - a) * colour. The network's result stands in for the scene, at
    # full contrast: solved for the colour that the source is faded to, and clipped to what can be shown.
    scene = np.array(cv2.mean(result)[:3])
    colour = np.clip((np.array(cv2.mean(source)[:3]) - share * scene) / (1 - share), 0, 255)
    # As a matrix for colours (r, g, b, 1): every channel scaled by a, then moved towards that colour.
    faded = cv2.transform(result, np.column_stack([share * np.eye(3), (1 - share) * colour]))
    return np.asarray(faded, np.uint8)


def contrast(frame: Image) -> float:
    """Levels of luma between a frame's darkest and brightest hundredth."""
    histogram = cv2.calcHist([luma(frame)], [0], None, [256], [0, 256]).ravel()
    cumulative = np.cumsum(histogram) / histogram.sum()
    low, high = np.searchsorted(cumulative, (0.01, 0.99))
    return float(high - low)
