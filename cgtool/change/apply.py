"""Maps on a frame: scaled to its size, multiplied and added. The frame's own detail is what is shown."""

from __future__ import annotations

import cv2
import numpy as np

from cgtool.change.maps import Maps
from cgtool.pictures import Array, Image, Size, luma

BAND = 32
"""Rows worked on at a time at the frame's size, so that they stay in the processor's cache."""


class Applier:
    """Applies maps to frames. Holds buffers of the last frame's size between calls; serves one thread."""

    def __init__(self, *, texture: float = 0.0, strength: float = 1.0) -> None:
        """Choose how much of a change to apply.

        Args:
            texture: Share, 0 to 1, of the maps' texture.
            strength: Share of all of it, 0 (the source) to 1.
        """
        self.texture = texture
        self.strength = strength
        self._gain = self._lift = self._offset = np.empty(0, np.float32)

    def __call__(self, source: Image, maps: Maps, dtype: type[np.generic] = np.uint8) -> cv2.typing.MatLike:
        """Change a frame.

        Args:
            source: RGB, uint8, (height, width, 3); or luma, (height, width).
            maps: Of as many channels as the source, at any size.
            dtype: uint8 for a rounded result within 0 to 255, float32 for one that is neither.

        Returns:
            The result, of the source's shape.
        """
        # Texture is an offset as well, only finer: both go to its size, so that one picture is scaled to the frame's.
        offset = maps.offset
        if maps.texture is not None and self.texture > 0:
            small = Size.of(maps.texture)
            offset = offset if Size.of(offset) == small else np.asarray(cv2.resize(offset, small), np.float32)
            offset = np.asarray(cv2.scaleAdd(maps.texture, self.texture, offset), np.float32)
        if self._gain.shape != source.shape:
            self._gain, self._offset = np.empty(source.shape, np.float32), np.empty(source.shape, np.float32)
            self._lift = np.empty(source.shape[:2], np.float32)
        # The source itself is a gain of 1, which is not weakened.
        size, strength = Size.of(source), np.float32(self.strength)
        cv2.resize(strength * maps.gain + np.float32(1), size, dst=self._gain)
        cv2.resize(strength * maps.lift, size, dst=self._lift)
        cv2.resize(strength * offset, size, dst=self._offset)
        return affine(source, self._gain, self._lift, self._offset, dtype)


def affine(source: Image, gain: Array, lift: Array, offset: Array, dtype: type[np.generic]) -> cv2.typing.MatLike:
    """``gain * source + lift * luma + offset``, all of one size, in bands of rows.

    Args:
        source: uint8, (height, width) or (height, width, 3).
        gain, lift, offset: Overwritten.
        dtype: uint8 (rounded and clipped) or float32.
    """
    out = np.empty(source.shape, dtype)
    brightness = source if source.ndim == 2 else luma(source)
    # Band by band, so that the four passes find their rows in the cache.
    for top in range(0, source.shape[0], BAND):
        rows = slice(top, top + BAND)
        cv2.multiply(gain[rows], source[rows], dst=gain[rows], dtype=cv2.CV_32F)
        cv2.multiply(lift[rows], brightness[rows], dst=lift[rows], dtype=cv2.CV_32F)
        lifted = lift[rows] if source.ndim == 2 else cv2.merge([lift[rows]] * 3)
        cv2.add(offset[rows], lifted, dst=offset[rows])
        cv2.add(gain[rows], offset[rows], dst=out[rows], dtype=cv2.CV_8U if dtype is np.uint8 else cv2.CV_32F)
    return out


def add_luma(source: Image, change: cv2.typing.MatLike) -> Image:
    """An RGB picture brightened by ``change`` levels, float32, (height, width), alike in R, G and B: colours stay."""
    return np.asarray(cv2.add(source, cv2.merge([change, change, change]), dtype=cv2.CV_8U), np.uint8)
