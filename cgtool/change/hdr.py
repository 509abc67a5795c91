"""Maps for standard dynamic range, carried into a signal of high dynamic range.

A network sees the tone-mapped picture, and its maps say how that is to be changed. What is to be changed is the signal
before tone mapping. For gray, tone mapping is a curve ``t``, and a change ``s -> m(s)`` of what it gives is a change
``h -> u(m(t(h)))`` of what it takes, with ``u`` its inverse. Cell by cell, this is worked out at a few values of the
signal. Between them the new maps are interpolated, as all maps are between brightness knots. A colour's distance from
gray grows as the curves' slopes say.

White is not made brighter than diffuse white (203 cd/m2, ITU-R BT.2408), where the source isn't: snow shall not glare
like a lamp. Only beyond it the tone-mapped result departs from what the network wanted.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cgtool.change.colour_space import MAPS
from cgtool.pictures import LUMA, Array

KNOTS = 12
"""Brightness knots of the new maps: tone mapping bends more than a network's maps do."""

_INVERSE = 4096
"""Entries of the inverse curve's table."""

_LEAST_SLOPE = 0.2
"""Where the tone curve is flatter, it says little about what is beyond it, and its slope is taken to be this."""

Indices = NDArray[np.intp]


class HdrMaps:
    """Carries the maps of one clip. Serves any number of threads."""

    def __init__(self, curve: Array, white: float, knots: int) -> None:
        """Lay out the tables.

        Args:
            curve: What tone mapping gives for gray, 0 to 1, at evenly spaced values of the signal from 0 to 1.
            white: Diffuse white in the signal, 0 to 1.
            knots: How many brightness knots the network's maps have.
        """
        signal = np.linspace(0, 1, len(curve))
        # Rising everywhere, so that it has an inverse: by a thousandth of the way where tone mapping is flat.
        rising = 0.999 * np.maximum.accumulate(curve.astype(np.float64)) + 0.001 * signal
        self._inverse = np.interp(np.linspace(0, 1, _INVERSE), rising, signal).astype(np.float32)
        self._levels = np.linspace(0, 1, KNOTS)
        slopes = np.maximum(np.gradient(rising, signal), _LEAST_SLOPE)
        self._slopes = np.interp(np.linspace(0, 1, _INVERSE), signal, slopes).astype(np.float32)
        self._shown = np.interp(self._levels, signal, rising)
        self._white = white
        self._knots = knots

    def __call__(self, maps: Array) -> Array:
        """Carry a frame's maps.

        Args:
            maps: float32, (knots * 7, height, width), for the tone-mapped picture.

        Returns:
            float32, (KNOTS * 7, height, width), for the signal.
        """
        at_knots = maps.reshape(self._knots, MAPS, *maps.shape[1:])
        result = np.empty((KNOTS, MAPS, *maps.shape[1:]), np.float32)
        for new, level, shown in zip(result, self._levels, self._shown, strict=True):
            self._at(new, self._sliced(at_knots, shown), float(level), float(shown))
        return result.reshape(KNOTS * MAPS, *maps.shape[1:])

    def _sliced(self, at_knots: Array, shown: float) -> Array:
        """The seven maps that a tone-mapped gray is changed by."""
        place = shown * (self._knots - 1)
        first = int(min(place, max(self._knots - 2, 0)))
        after = min(first + 1, self._knots - 1)
        share = np.float32(place - first)
        return np.asarray((1 - share) * at_knots[first] + share * at_knots[after], np.float32)

    def _at(self, new: Array, maps: Array, level: float, shown: float) -> None:
        """Fill in the new seven maps for a gray of the signal."""
        gain, lift, offset = maps[:3], maps[3], maps[4:]
        x = np.float32(2 * shown - 1)
        wanted = np.float32(shown) + np.float32(0.5) * ((gain + lift) * x + offset)
        # The way through the inverse both for what is and for what is wanted: no change stays none.
        here = self._inverse[round(shown * (_INVERSE - 1))]
        there = self._inverse[self._index(wanted)]
        moved = np.minimum(level + (there - here), max(self._white, level))
        steepness = self._slopes[round(level * (_INVERSE - 1))] / self._slopes[self._index(moved)]
        new[:3] = (1 + gain) * steepness - 1
        # A lift that takes the gain off again leaves gray to the offset.
        new[3] = -np.tensordot(np.array(LUMA, np.float32), new[:3], 1)
        new[4:] = 2 * (moved - np.float32(level)) - (new[:3] + new[3]) * np.float32(2 * level - 1)

    @staticmethod
    def _index(share: Array) -> Indices:
        return np.rint(np.clip(share, 0, 1) * (_INVERSE - 1)).astype(np.intp)
