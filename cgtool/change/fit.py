"""From a network's picture to maps: a fast guided filter (He and Sun, "Fast Guided Filter", 2015).

Within a small window, most of what a season or a light does to a picture is a straight line: result = a * source + b.
The filter finds that line for every window by least squares, and a pixel takes the average line of the windows around
it. What the network only invented, or lost, has no such line and stays behind. Four things differ from the paper.

- The change is fitted, not the result, so that a window without contrast keeps the source's detail (gain 1), where the
  paper's filter would blur it (gain 0).
- Each channel is guided by itself. Guidance by all three (a 3x3 matrix per window) explained 3 to 4% more of the change
  on real clips, for four times the arithmetic at the frame's size.
- Contrast of luma within a window never falls below a share of the source's: what a small network loses there is
  sharpness, not season, unless it was trained through this filter. What is missing is lifted from the source's luma, so
  that no colour comes along.
- Windows are averaged by how well they fit, so that the rings which networks draw around strong edges leave no halo.
"""

from __future__ import annotations

import cv2
import numpy as np

from cgtool.change.apply import affine
from cgtool.change.maps import Maps
from cgtool.config import LEAST_CONTRAST
from cgtool.pictures import LUMA, Array, Image, Size

WINDOW = 5
"""Side of the windows that are fitted, in pixels of half the network's size."""

AVERAGED = 7
"""Side of the neighbourhood whose windows are averaged, in the same pixels."""

FLAT = 0.001 * 255**2
"""Variance of the source, in levels squared, below which a window counts as flat: the paper's epsilon."""

MISFIT = 10.0
"""Mean squared error, in levels squared, at which a window's say is halved."""

_LUMA = np.array([LUMA], np.float32)
_EACH_THIRD = np.full((1, 3), 1 / 3, np.float32)


def fit(source: Image, result: Image, contrast: float = LEAST_CONTRAST, *, texture: bool = False) -> Maps:
    """Describe a network's change of a picture as maps (He and Sun 2015, algorithm 2).

    Args:
        source: The picture as the network saw it, RGB, uint8, (h, w, 3); or luma, (h, w).
        result: The network's picture of it, the same shape.
        contrast: Share, 0 to 1, of the source's contrast of luma that every window keeps at least.
        texture: Keep what the maps can't explain as well.

    Returns:
        Maps at half the size, rounded up; at the network's own where ``texture`` is wanted, which has that size too.
    """
    change = _f32(cv2.subtract(result, source, dtype=cv2.CV_32F))
    maps = _fit(_halved(source.astype(np.float32)), _halved(change), contrast)
    if not texture:
        return maps
    size = Size.of(source)
    gain, lift, offset = (_f32(cv2.resize(field, size)) for field in (maps.gain, maps.lift, maps.offset))
    explained = affine(source, gain.copy(), lift.copy(), offset.copy(), np.float32)
    return Maps(gain, lift, offset, _f32(cv2.subtract(change, explained)))


def _fit(guide: Array, change: Array, contrast: float) -> Maps:
    # Moments of every window: a mean over a square, which costs the same whatever its side.
    guide_mean, change_mean = _box(guide, WINDOW), _box(change, WINDOW)
    variance = _box(cv2.multiply(guide, guide), WINDOW) - guide_mean * guide_mean
    covariance = _box(cv2.multiply(guide, change), WINDOW) - guide_mean * change_mean
    spread = _box(cv2.multiply(change, change), WINDOW) - change_mean * change_mean

    # The line of every window: change = gain * guide + offset. FLAT bends the gain to 0 where there is no contrast
    # that could tell it; the offset then is the change's mean.
    gain = covariance / (variance + np.float32(FLAT))
    # A gain below contrast - 1 would leave less contrast of luma than is allowed: the lift makes up for it, and turns
    # around the window's mean, so that its brightness stays.
    lift = np.maximum(np.float32(contrast - 1) - _luma(gain), 0)
    offset = change_mean - gain * guide_mean - _like(guide, lift * _luma(guide_mean))

    # A pixel's line is the average over the windows that hold it. A window with a strong edge of the network's own
    # (a ring, a halo) fits no line: its squared error is large, and it has little say.
    squared_error = spread - gain * (2 * covariance - gain * variance)
    misfit = squared_error if squared_error.ndim == 2 else _f32(cv2.transform(squared_error, _EACH_THIRD))
    say = np.float32(1) / (np.maximum(misfit, 0) + np.float32(MISFIT))
    total = _box(say, AVERAGED)
    gain, lift, offset = (
        _box(field * _like(field, say), AVERAGED) / _like(field, total) for field in (gain, lift, offset)
    )
    return Maps(gain, lift, offset)


def _luma(field: Array) -> Array:
    return field if field.ndim == 2 else _f32(cv2.transform(field, _LUMA))


def _like(image: Array, field: cv2.typing.MatLike) -> Array:
    """A field of one channel, with as many channels as the image."""
    return _f32(field if image.ndim == 2 else cv2.merge([field, field, field]))


def _halved(field: Array) -> Array:
    height, width = field.shape[:2]
    return _f32(cv2.resize(field, ((width + 1) // 2, (height + 1) // 2), interpolation=cv2.INTER_AREA))


def _box(field: cv2.typing.MatLike, side: int) -> Array:
    return _f32(cv2.blur(field, (side, side), borderType=cv2.BORDER_REPLICATE))


def _f32(field: cv2.typing.MatLike) -> Array:
    return np.asarray(field, np.float32)
