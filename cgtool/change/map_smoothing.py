"""Steady maps: each frame's maps are pulled towards the frame's before, moved to where things are now.

Maps of a network that draws nothing are steady by nature. What is left are slow waves in the network's opinion, and
little jumps where something enters the picture. The way is that of `cgtool.change.smoothing`: two histories go through
the same recursion, the maps and the source (the witness), and where the moved witness departs from the present source
the history is not trusted. Everything happens at the maps' own size, where a cell's mean colour stands for its pixels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np

from cgtool.change.flow import Flow, warp
from cgtool.change.smoothing import (
    CLAMP_LEVELS,
    GLOBAL_SECONDS,
    LARGEST_DEPARTURE,
    LEAST_TRUSTED,
    LIGHTING_LEVELS,
    LOCAL_SECONDS,
    Recursion,
    clamp,
    mean,
    trust,
)
from cgtool.pictures import Array, Image, Size, luma, reduced

MAP_FLOW_LINES = 64
"""Optical flow is estimated with at most this many pixels on the short side: fine enough for cells of four pixels. What
is shown is as steady with 96, which takes twice the time."""


@dataclass(frozen=True)
class _History:
    """The last step, as the next one needs it.

    Attributes:
        pts_seconds: When the last frame was shown.
        source: The last frame as the network saw it.
        brightness: Its luma at the size of the optical flow.
        witness: The source's cells, sent through the same recursion as the maps: (h, w, 3) in levels.
        maps: The smoothed maps, (h, w, channels).
    """

    pts_seconds: float
    source: Image
    brightness: Image
    witness: Array
    maps: Array


class MapSmoother(Recursion[_History]):
    """Smooths the network's maps."""

    _kind = _History

    def step(self, source: Image, maps: Array, pts_seconds: float) -> Array:
        """Smooth the next maps.

        Args:
            source: The frame as the network saw it, RGB, uint8, (height, width, 3), the same size throughout.
            maps: float32, (channels, h, w); the frame covers them whole.
            pts_seconds: When the frame is shown. Blending follows elapsed time, not the count of frames.

        Returns:
            The same shape. It is ``maps`` itself with ``smooth`` 0, on the first frame and on the first one after a
            scene cut; where the source repeats its last frame, its maps are repeated too.
        """
        if self.smooth == 0:
            return maps
        now = np.ascontiguousarray(maps.transpose(1, 2, 0))
        shown = self._step(source, now, pts_seconds)
        return maps if shown is now else np.ascontiguousarray(shown.transpose(2, 0, 1))

    def _step(self, source: Image, maps: Array, pts_seconds: float) -> Array:
        last, cells = self._history, Size.of(maps)
        if last is not None and maps.shape == last.maps.shape and np.array_equal(source, last.source):
            self._history = replace(last, pts_seconds=pts_seconds)
            return last.maps
        brightness = reduced(luma(source), MAP_FLOW_LINES)
        present = np.asarray(cv2.resize(source, cells, interpolation=cv2.INTER_AREA), np.float32)
        first = _History(pts_seconds, source, brightness, present, maps)
        if last is None or last.source.shape != source.shape or last.maps.shape != maps.shape:
            self._history = first
            return maps

        # The witness, moved along the flow, and how far it departs from the present source.
        flow, seen = self._follow(brightness, last.brightness, cells)
        departure = np.asarray(cv2.subtract(warp(last.witness, flow, cv2.INTER_CUBIC), present), np.float32)
        lighting = mean(departure, seen)
        confidence, error = trust(departure, lighting, seen)
        trusted = (confidence > 0.5).view(np.uint8)
        if cv2.countNonZero(trusted) < LEAST_TRUSTED * trusted.size or error > LARGEST_DEPARTURE:
            self._history = first  # a cut: the past is of another scene
            return maps

        elapsed = max(0.0, pts_seconds - last.pts_seconds)
        history = warp(last.maps, flow, cv2.INTER_LINEAR)
        # Where the source keeps its light, maps as a whole go slowly where the network leads (see Smoother).
        calm = math.exp(-float(np.max(lighting**2)) / LIGHTING_LEVELS**2)
        follow = np.float32(calm * math.exp(-elapsed / (GLOBAL_SECONDS * self.smooth)))
        jump = np.mean((history - maps)[trusted > 0], axis=0)
        present_maps = maps + follow * jump
        history += (follow - 1) * jump

        weight = confidence * np.float32(math.exp(-elapsed / (LOCAL_SECONDS * self.smooth)))
        clamp(history, present_maps, CLAMP_LEVELS / 127.5)
        steady = present_maps + weight[..., None] * (history - present_maps)
        witness = present + weight[..., None] * departure
        self._history = _History(pts_seconds, source, brightness, witness, steady)
        return np.asarray(steady, np.float32)

    def _follow(self, brightness: Image, last: Image, cells: Size) -> tuple[Flow, Image]:
        """Flow back to the last frame in cells, and a mask (0 or 1) of where it can be believed."""
        flow, seen = self._flow.between(brightness, last)
        size = Size.of(brightness)
        flow = np.asarray(cv2.resize(flow, cells, interpolation=cv2.INTER_AREA), np.float32)
        flow *= np.array((cells.width / size.width, cells.height / size.height), np.float32)
        mask = cv2.resize(seen.view(np.uint8), cells, interpolation=cv2.INTER_NEAREST)
        return flow, np.asarray(mask, np.uint8)
