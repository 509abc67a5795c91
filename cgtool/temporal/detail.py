"""From the network's small picture back to the frame's own size, without losing the frame's detail.

The network sees a frame at the scale it was trained for. What it changed is described, window by window, as a gain and
an offset on the source, fitted at the network's size and applied at the frame's: a fast guided filter (He and Sun,
"Fast Guided Filter", 2015) whose guide is the source. Four things differ from the paper.

- The change is fitted, not the result, so that a window without contrast keeps the source's detail (gain 1), where the
  paper's filter would blur it (gain 0).
- Each channel is guided by itself. Guidance by all three (a 3x3 matrix a window) explained 3 to 4% more of the change
  on real clips, for four times the arithmetic at the frame's size.
- Local contrast is never lowered below ``LEAST_CONTRAST`` of the source's: what a small network loses there is
  sharpness, not season. The windows' means follow the network all the same.
- Windows are averaged by how well they fit, so that the rings which networks draw around strong edges leave no halo.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from cgtool.temporal.flow import gray

WINDOW = 5
"""Side of the windows that are fitted, in pixels of half the network's size."""

AVERAGED = 9
"""Side of the neighbourhood whose windows are averaged, in the same pixels."""

FLAT = 0.001 * 255**2
"""Variance of the source, in levels squared, below which a window counts as flat: the paper's epsilon."""

MISFIT = 30.0
"""Mean squared error, in levels squared, at which a window's say is halved."""

LEAST_CONTRAST = 0.92
"""Luma gain that a window keeps at least."""

_LUMA = np.array([[0.299, 0.587, 0.114]], np.float32)
"""BT.601 weights, as OpenCV's gray conversion has them."""

Array = NDArray[np.float32]
Image = NDArray[np.uint8]


class GuidedDetail:
    """Carries the network's change to the frame's size. Holds buffers of that size between calls; serves one thread."""

    def __init__(self, *, texture: float = 0.0, strength: float = 1.0, preserve_color: bool = False) -> None:
        """Choose what to carry.

        Args:
            texture: Share, 0 to 1, of what gain and offset can't explain (the network's own texture, and its
                checkerboards) that is added back. 1 gives the network's result at the network's size. It is as steady
                as the results given.
            strength: Share of the change, 0 (the source) to 1.
            preserve_color: Change luma alone, by the same amount in R, G and B.
        """
        self.texture = texture
        self.strength = strength
        self.preserve_color = preserve_color
        self._gain = self._offset = np.empty(0, np.float32)

    def __call__(self, source: Image, source_small: Image, result_small: Image) -> Image:
        """Translate one frame at its own size.

        Args:
            source: The frame, RGB, uint8, (height, width, 3).
            source_small: The frame as the network saw it, RGB, uint8, (h, w, 3).
            result_small: The network's result, smoothed over time or not, of the same shape.

        Returns:
            RGB, uint8, (height, width, 3), rounded.
        """
        if self.preserve_color:
            luma = gray(source)
            result = self._translate(luma, gray(source_small), gray(result_small), cv2.CV_32F)
            return _add_luma(source, cv2.subtract(result, luma, dtype=cv2.CV_32F))
        return np.asarray(self._translate(source, source_small, result_small, cv2.CV_8U), np.uint8)

    def _translate(self, source: Image, source_small: Image, result_small: Image, dtype: int) -> cv2.typing.MatLike:
        """The result at the frame's size, gray or RGB, in OpenCV's ``dtype``."""
        change = _f32(cv2.subtract(result_small, source_small, dtype=cv2.CV_32F))
        gain, offset = fit(source_small, change)
        if self.texture > 0:
            offset = _with_texture(source_small, change, gain, offset, self.texture)
        strength = np.float32(self.strength)
        gain, offset = strength * gain + np.float32(1), strength * offset

        if self._gain.shape != source.shape:
            self._gain, self._offset = np.empty(source.shape, np.float32), np.empty(source.shape, np.float32)
        size = source.shape[1], source.shape[0]
        cv2.resize(gain, size, dst=self._gain)
        cv2.resize(offset, size, dst=self._offset)
        cv2.multiply(self._gain, source, dst=self._gain, dtype=cv2.CV_32F)
        return cv2.add(self._gain, self._offset, dtype=dtype)


def fit(source: Image, change: Array) -> tuple[Array, Array]:
    """Local affine model of a change, averaged over the windows around a pixel (He and Sun 2015, algorithm 2).

    Moments are taken over every pixel, and windows laid at half the size: neither gain nor offset has more detail.

    Args:
        source: uint8, (h, w) or (h, w, 3); channels are fitted one by one.
        change: Result minus source, float32, the same shape.

    Returns:
        Gain and offset, float32, half the size, rounded up: ``change`` is about ``gain * source + offset``.
    """
    guide = source.astype(np.float32)
    guide_mean, change_mean = _moment(guide), _moment(change)
    variance = _moment(cv2.multiply(guide, guide)) - guide_mean * guide_mean
    covariance = _moment(cv2.multiply(guide, change)) - guide_mean * change_mean
    spread = _moment(cv2.multiply(change, change)) - change_mean * change_mean

    gain = _keep_contrast(covariance / (variance + np.float32(FLAT)))
    offset = change_mean - gain * guide_mean
    misfit = _across_channels(np.maximum(spread - gain * (2 * covariance - gain * variance), 0))
    say = np.float32(1) / (misfit + np.float32(MISFIT))
    total = _box(say, AVERAGED)
    return _box(say * gain, AVERAGED) / total, _box(say * offset, AVERAGED) / total


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
        how = cv2.INTER_AREA if height < result.shape[0] else cv2.INTER_CUBIC
        result = np.asarray(cv2.resize(result, (width, height), interpolation=how), np.uint8)
    if preserve_color:
        change = cv2.subtract(gray(result), gray(source), dtype=cv2.CV_32F)
        return _add_luma(source, change * np.float32(strength))
    if strength < 1:
        return np.asarray(cv2.addWeighted(source, 1 - strength, result, strength, 0), np.uint8)
    return result


def _with_texture(source: Image, change: Array, gain: Array, offset: Array, texture: float) -> Array:
    """The offset at the network's size, with a share of what the fit leaves unexplained."""
    size = source.shape[1], source.shape[0]
    offset = _f32(cv2.resize(offset, size))
    explained = cv2.add(cv2.multiply(cv2.resize(gain, size), source, dtype=cv2.CV_32F), offset)
    return _f32(cv2.scaleAdd(cv2.subtract(change, explained), texture, offset))


def _keep_contrast(gain: Array) -> Array:
    """Raise all channels' gains alike where luma's would fall below ``LEAST_CONTRAST``, so that hues still follow."""
    least = np.float32(LEAST_CONTRAST - 1)
    if gain.ndim == 2:
        return _f32(np.maximum(gain, least))
    missing = np.maximum(least - _f32(cv2.transform(gain, _LUMA)), np.float32(0))
    return _f32(gain + missing[..., np.newaxis])


def _across_channels(field: Array) -> Array:
    """The channels' mean, in every channel."""
    return field if field.ndim == 2 else _f32(cv2.transform(field, np.full((3, 3), 1 / 3, np.float32)))


def _moment(field: cv2.typing.MatLike) -> Array:
    """Mean over each window, at half the size."""
    height, width = field.shape[:2]
    return _box(cv2.resize(field, ((width + 1) // 2, (height + 1) // 2), interpolation=cv2.INTER_AREA), WINDOW)


def _box(field: cv2.typing.MatLike, side: int) -> Array:
    return _f32(cv2.blur(field, (side, side), borderType=cv2.BORDER_REPLICATE))


def _add_luma(source: Image, change: cv2.typing.MatLike) -> Image:
    return np.asarray(cv2.add(source, cv2.merge([change, change, change]), dtype=cv2.CV_8U), np.uint8)


def _f32(field: cv2.typing.MatLike) -> Array:
    return np.asarray(field, np.float32)
