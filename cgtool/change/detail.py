"""From the network's small picture to the frame's own size: by the source's detail, or by scaling alone.

The network sees a frame at the scale it was trained for. Guided detail describes its change as maps, fitted at the
network's size (`cgtool.change.fit`), and applies them at the frame's (`cgtool.change.apply`), so that the frame keeps
its own detail.
"""

from __future__ import annotations

import cv2
import numpy as np

from cgtool.change.apply import Applier, add_luma
from cgtool.change.fit import fit
from cgtool.config import LEAST_CONTRAST
from cgtool.pictures import Image, Size, luma, resize


class GuidedDetail:
    """Carries the network's change to the frame's size. Holds buffers of that size between calls; serves one thread."""

    def __init__(
        self,
        *,
        texture: float = 0.0,
        contrast: float = LEAST_CONTRAST,
        strength: float = 1.0,
        preserve_color: bool = False,
    ) -> None:
        """Choose what to carry.

        Args:
            texture: Share, 0 to 1, of what the maps can't explain (the network's own texture, and its checkerboards)
                that is added back. 1 gives the network's result at the network's size. It is as steady as the results
                given.
            contrast: Share, 0 to 1, of the source's contrast of luma that every window keeps at least.
            strength: Share of the change, 0 (the source) to 1.
            preserve_color: Change luma alone, by the same amount in R, G and B.
        """
        self._contrast = contrast
        self._preserve_color = preserve_color
        self._apply = Applier(texture=texture, strength=strength)

    def __call__(self, source: Image, source_small: Image, result_small: Image) -> Image:
        """Translate one frame at its own size.

        Args:
            source: The frame, RGB, uint8, (height, width, 3).
            source_small: The frame as the network saw it, RGB, uint8, (h, w, 3).
            result_small: The network's result, smoothed over time or not, of the same shape.

        Returns:
            RGB, uint8, (height, width, 3), rounded.
        """
        texture = self._apply.texture > 0
        # Of luma alone, everything is done as for a picture of one channel; the difference is added to all three.
        if not self._preserve_color:
            maps = fit(source_small, result_small, self._contrast, texture=texture)
            return np.asarray(self._apply(source, maps), np.uint8)
        maps = fit(luma(source_small), luma(result_small), self._contrast, texture=texture)
        brightness = luma(source)
        result = self._apply(brightness, maps, np.float32)
        return add_luma(source, cv2.subtract(result, brightness, dtype=cv2.CV_32F))


def resized(source: Image, result_small: Image, *, strength: float = 1.0, preserve_color: bool = False) -> Image:
    """The network's result scaled to the frame's size, and nothing else: bit for bit where sizes agree.

    Args:
        source: The frame, RGB, uint8, (height, width, 3).
        result_small: The network's result, RGB, uint8, (h, w, 3).
        strength: Share of the result, 0 (the source) to 1.
        preserve_color: Change luma alone, by the same amount in R, G and B.

    Returns:
        RGB, uint8, (height, width, 3), rounded. ``result_small`` itself where there is nothing to do.
    """
    result = resize(result_small, Size.of(source))
    if preserve_color:
        change = cv2.subtract(luma(result), luma(source), dtype=cv2.CV_32F)
        return add_luma(source, change * np.float32(strength))
    if strength < 1:
        return np.asarray(cv2.addWeighted(source, 1 - strength, result, strength, 0), np.uint8)
    return result
