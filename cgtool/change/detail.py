"""From the network's small picture back to the frame's own size, without losing the frame's detail.

The network sees a frame at the scale it was trained for. What it changed is described, window by window, as a gain and
an offset on the source, fitted at the network's size and applied at the frame's: a fast guided filter (He and Sun,
"Fast Guided Filter", 2015) whose guide is the source. Four things differ from the paper.

- The change is fitted, not the result, so that a window without contrast keeps the source's detail (gain 1), where the
  paper's filter would blur it (gain 0).
- Each channel is guided by itself. Guidance by all three (a 3x3 matrix a window) explained 3 to 4% more of the change
  on real clips, for four times the arithmetic at the frame's size.
- Contrast of luma within a window never falls below a share of the source's: what a small network loses there is
  sharpness, not season, unless it was trained through this filter. What is missing is lifted from the source's luma, so
  that no colour comes along.
- Windows are averaged by how well they fit, so that the rings which networks draw around strong edges leave no halo.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from cgtool.change.flow import gray
from cgtool.config import LEAST_CONTRAST

WINDOW = 5
"""Side of the windows that are fitted, in pixels of half the network's size."""

AVERAGED = 7
"""Side of the neighbourhood whose windows are averaged, in the same pixels."""

FLAT = 0.001 * 255**2
"""Variance of the source, in levels squared, below which a window counts as flat: the paper's epsilon."""

MISFIT = 10.0
"""Mean squared error, in levels squared, at which a window's say is halved."""

BAND = 32
"""Rows worked on at a time at the frame's size, so that they stay in the processor's cache."""

_LUMA = np.array([[0.299, 0.587, 0.114]], np.float32)
"""BT.601 weights, as OpenCV's gray conversion has them."""

_EACH_THIRD = np.full((1, 3), 1 / 3, np.float32)

Array = NDArray[np.float32]
Image = NDArray[np.uint8]


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
            texture: Share, 0 to 1, of what gain and offset can't explain (the network's own texture, and its
                checkerboards) that is added back. 1 gives the network's result at the network's size. It is as steady
                as the results given.
            contrast: Share, 0 to 1, of the source's contrast of luma that every window keeps at least.
            strength: Share of the change, 0 (the source) to 1.
            preserve_color: Change luma alone, by the same amount in R, G and B.
        """
        self.texture = texture
        self.contrast = contrast
        self.strength = strength
        self.preserve_color = preserve_color
        self._gain = self._lift = self._offset = np.empty(0, np.float32)

    def __call__(self, source: Image, source_small: Image, result_small: Image) -> Image:
        """Translate one frame at its own size.

        Args:
            source: The frame, RGB, uint8, (height, width, 3).
            source_small: The frame as the network saw it, RGB, uint8, (h, w, 3).
            result_small: The network's result, smoothed over time or not, of the same shape.

        Returns:
            RGB, uint8, (height, width, 3), rounded.
        """
        if not self.preserve_color:
            return np.asarray(self._translate(source, source_small, result_small, np.uint8), np.uint8)
        luma = gray(source)
        result = self._translate(luma, gray(source_small), gray(result_small), np.float32)
        return _add_luma(source, cv2.subtract(result, luma, dtype=cv2.CV_32F))

    def _translate(
        self, source: Image, source_small: Image, result_small: Image, dtype: type[np.generic]
    ) -> cv2.typing.MatLike:
        """The result at the frame's size, gray or RGB."""
        change = _f32(cv2.subtract(result_small, source_small, dtype=cv2.CV_32F))
        gain, lift, offset = fit(source_small, change, self.contrast)
        height, width = source_small.shape[:2]
        if self.texture > 0:
            gain, lift, offset = (_f32(cv2.resize(field, (width, height))) for field in (gain, lift, offset))
            explained = _affine(source_small, gain.copy(), lift.copy(), offset.copy(), np.float32)
            offset = _f32(cv2.scaleAdd(cv2.subtract(change, explained), self.texture, offset))

        strength = np.float32(self.strength)
        height, width = source.shape[:2]
        if self._gain.shape != source.shape:
            self._gain, self._offset = np.empty(source.shape, np.float32), np.empty(source.shape, np.float32)
            self._lift = np.empty((height, width), np.float32)
        cv2.resize(strength * gain + np.float32(1), (width, height), dst=self._gain)
        cv2.resize(strength * lift, (width, height), dst=self._lift)
        cv2.resize(strength * offset, (width, height), dst=self._offset)
        return _affine(source, self._gain, self._lift, self._offset, dtype)


def fit(source: Image, change: Array, contrast: float = LEAST_CONTRAST) -> tuple[Array, Array, Array]:
    """Local affine model of a change, averaged over the windows around a pixel (He and Sun 2015, algorithm 2).

    It is fitted at half the size, as the fast guided filter does.

    Args:
        source: uint8, (h, w) or (h, w, 3); channels are fitted one by one.
        change: Result minus source, float32, the same shape.
        contrast: Gain of luma that every window keeps at least.

    Returns:
        Gain, lift and offset: ``change`` is about ``gain * source + lift * luma + offset``. float32, half the size,
        rounded up; lift has one channel, the others as many as the source.
    """
    guide, change = _halved(source.astype(np.float32)), _halved(change)
    guide_mean, change_mean = _box(guide, WINDOW), _box(change, WINDOW)
    variance = _box(cv2.multiply(guide, guide), WINDOW) - guide_mean * guide_mean
    covariance = _box(cv2.multiply(guide, change), WINDOW) - guide_mean * change_mean
    spread = _box(cv2.multiply(change, change), WINDOW) - change_mean * change_mean

    gain = covariance / (variance + np.float32(FLAT))
    lift = np.maximum(np.float32(contrast - 1) - _luma(gain), 0)
    offset = change_mean - gain * guide_mean - _like(guide, lift * _luma(guide_mean))
    squared_error = spread - gain * (2 * covariance - gain * variance)
    misfit = squared_error if squared_error.ndim == 2 else _f32(cv2.transform(squared_error, _EACH_THIRD))
    say = np.float32(1) / (np.maximum(misfit, 0) + np.float32(MISFIT))
    total = _box(say, AVERAGED)
    gain, lift, offset = (
        _box(field * _like(field, say), AVERAGED) / _like(field, total) for field in (gain, lift, offset)
    )
    return gain, lift, offset


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
    height, width = source.shape[:2]
    result = result_small
    if result.shape != source.shape:
        how = cv2.INTER_AREA if source.size < result.size else cv2.INTER_CUBIC
        result = np.asarray(cv2.resize(result, (width, height), interpolation=how), np.uint8)
    if preserve_color:
        change = cv2.subtract(gray(result), gray(source), dtype=cv2.CV_32F)
        return _add_luma(source, change * np.float32(strength))
    if strength < 1:
        return np.asarray(cv2.addWeighted(source, 1 - strength, result, strength, 0), np.uint8)
    return result


def _affine(source: Image, gain: Array, lift: Array, offset: Array, dtype: type[np.generic]) -> cv2.typing.MatLike:
    """``gain * source + lift * luma + offset``, rounded for uint8; gain, lift and offset are overwritten."""
    out = np.empty(source.shape, dtype)
    luma = source if source.ndim == 2 else gray(source)
    for top in range(0, source.shape[0], BAND):
        rows = slice(top, top + BAND)
        cv2.multiply(gain[rows], source[rows], dst=gain[rows], dtype=cv2.CV_32F)
        cv2.multiply(lift[rows], luma[rows], dst=lift[rows], dtype=cv2.CV_32F)
        cv2.add(offset[rows], _like(source, lift[rows]), dst=offset[rows])
        cv2.add(gain[rows], offset[rows], dst=out[rows], dtype=cv2.CV_8U if dtype is np.uint8 else cv2.CV_32F)
    return out


def _luma(field: Array) -> Array:
    return field if field.ndim == 2 else _f32(cv2.transform(field, _LUMA))


def _like(image: Array | Image, field: cv2.typing.MatLike) -> Array:
    """A field of one channel, with as many channels as the image."""
    return _f32(field if image.ndim == 2 else cv2.merge([field, field, field]))


def _halved(field: Array) -> Array:
    height, width = field.shape[:2]
    return _f32(cv2.resize(field, ((width + 1) // 2, (height + 1) // 2), interpolation=cv2.INTER_AREA))


def _box(field: cv2.typing.MatLike, side: int) -> Array:
    return _f32(cv2.blur(field, (side, side), borderType=cv2.BORDER_REPLICATE))


def _add_luma(source: Image, change: cv2.typing.MatLike) -> Image:
    return np.asarray(cv2.add(source, cv2.merge([change, change, change]), dtype=cv2.CV_8U), np.uint8)


def _f32(field: cv2.typing.MatLike) -> Array:
    return np.asarray(field, np.float32)
