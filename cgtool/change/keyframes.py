"""Maps of some frames, carried along the source's flow to the others.

Maps change slowly: what the network said of one frame holds for the next, moved to where things are then. That costs an
optical flow per frame instead of a network. Where the flow leads nowhere (a cut, a thing that comes into the picture),
maps would be those of something else, so the network is asked again after enough of that, and at a cut at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from cgtool.change.flow import Flow, FlowEstimator, warp
from cgtool.change.map_smoothing import MAP_FLOW_LINES
from cgtool.change.smoothing import LARGEST_DEPARTURE, LEAST_TRUSTED, NOISE_LEVELS
from cgtool.config import Every
from cgtool.pictures import Array, Image, Size, luma, reduced

MOST_FRAMES = 8
"""``auto`` asks the network after so many frames at the latest."""

_PATIENCE = 0.5
"""``auto`` asks the network once this share of the picture is not what was there before, summed over the frames."""

_MOTION = 1.0
"""What a motion by the picture's short side adds to that."""


@dataclass(frozen=True)
class Step:
    """How a frame follows the one before.

    Attributes:
        asked: The network is to see it.
        flow: Back to the frame before; None where there is none, or where nothing moved.
    """

    asked: bool
    flow: Flow | None = None


class KeyFrames:
    """Decides which frames of a clip the network sees, one after the other. Serves one thread."""

    def __init__(self, every: Every) -> None:
        """Start a clip; see `cgtool.config.Every`."""
        self._every = every
        self._flow = FlowEstimator("fast")
        self._last: Image | None = None
        self._since, self._doubt = 0, 0.0

    def step(self, source: Image) -> Step:
        """Judge the next frame: RGB as the network sees it, uint8, (height, width, 3)."""
        last, now = self._last, reduced(luma(source), MAP_FLOW_LINES)
        self._last = now
        if last is None or last.shape != now.shape:
            return self._ask(None)
        if np.array_equal(last, now):
            self._since += 1
            return Step(asked=False)
        flow, seen = self._flow.between(now, last)
        departure = warp(last.astype(np.float32), flow) - now
        trusted = seen & (np.abs(departure) < NOISE_LEVELS)
        share = float(trusted.mean())
        if share < LEAST_TRUSTED or float(np.sqrt(np.mean(departure**2))) > LARGEST_DEPARTURE:
            return self._ask(None)  # a cut
        self._since += 1
        self._doubt += 1 - share + _MOTION * float(np.abs(flow).mean()) / min(now.shape)
        if self._every == "auto":
            due = self._doubt > _PATIENCE or self._since >= MOST_FRAMES
        else:
            due = self._since >= self._every
        return self._ask(flow) if due else Step(False, flow)

    def _ask(self, flow: Flow | None) -> Step:
        self._since, self._doubt = 0, 0.0
        return Step(True, flow)


class Carrier:
    """Gives every frame of a clip maps: its own, or those of the frame before, moved. Serves one thread."""

    def __init__(self) -> None:
        self._maps: Array | None = None

    def step(self, own: Array | None, step: Step) -> Array:
        """The next frame's maps.

        Args:
            own: The network's maps, (channels, height, width); None if it was not asked.
            step: How the frame follows the one before.

        Raises:
            ValueError: The first frame has no maps.
        """
        if own is not None:
            self._maps = own
        elif self._maps is None:
            raise ValueError("the first frame needs maps of its own")
        elif step.flow is not None:
            cells = Size(self._maps.shape[2], self._maps.shape[1])
            moved = warp(np.ascontiguousarray(self._maps.transpose(1, 2, 0)), _at_cells(step.flow, cells))
            self._maps = np.ascontiguousarray(moved.transpose(2, 0, 1))
        return self._maps


def _at_cells(flow: Flow, cells: Size) -> Flow:
    """A flow at the size of maps, counted in cells."""
    size = Size.of(flow)
    at_cells = np.asarray(cv2.resize(flow, cells, interpolation=cv2.INTER_AREA), np.float32)
    at_cells *= np.array((cells.width / size.width, cells.height / size.height), np.float32)
    return at_cells
