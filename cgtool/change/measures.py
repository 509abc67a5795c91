"""Measures of a result against its source: steadiness, change and sharpness, frame by frame and as one figure.

Warp error follows Lai et al., "Learning Blind Video Temporal Consistency" (2018): flow and occlusion come from the
source alone, so a result cannot look steady by moving differently.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from cgtool.change.flow import Flow, FlowEstimator, Mask, warp
from cgtool.errors import UsageError
from cgtool.pictures import LUMA, Array, Image, Size, luma, reduced

LINES = 288
"""Short side, in pixels, at which all but edges is measured."""

LEAST_SEEN = 0.1
"""Share of pixels with a match in the frame before, below which a scene cut is assumed and steadiness not measured."""

LARGEST_ERROR = 0.005
"""The source's own E_warp (18 levels) above which a scene cut is assumed, too."""

STRONGEST = 0.1
"""Share of the pixels that counts as the strongest edges."""

PROTOCOL = f"""\
Frames are reduced to {LINES} lines (area resize) and taken as RGB in [0, 1]; edges are measured at full size.
E_warp: mean squared difference to the frame before, warped by the source's optical flow (DIS, medium preset), over \
channels and over the pixels that pass the forward-backward check and lie at no motion boundary; then over frames.
Flicker: second difference over time of the frame's mean luma (brightness) and mean R-Y and B-Y (colour), as far as it \
is larger than the source's; mean over frames.
Edges: gradient of luma where the source's is strongest ({STRONGEST:.0%} of the pixels), as a share of the source's.
Change: mean absolute difference between result and source.
E_warp and flicker leave out scene cuts: under {LEAST_SEEN:.0%} of the pixels pass, or the source's E_warp is above \
{LARGEST_ERROR}."""

Vector = NDArray[np.float64]

_LUMA = np.array(LUMA)


@dataclass(frozen=True)
class Measures:
    """Figures of one frame, or their means over a clip; see ``PROTOCOL``. None where there is nothing to measure.

    Attributes:
        warp_error: E_warp of the result.
        source_warp_error: E_warp of the source: what noise and motion estimation leave, the floor.
        brightness_flicker: In [0, 1] units per frame squared.
        colour_flicker: The same, length of the vector of R-Y and B-Y.
        edges: As a share of the source's.
        change: In [0, 1].
    """

    warp_error: float | None
    source_warp_error: float | None
    brightness_flicker: float | None
    colour_flicker: float | None
    edges: float | None
    change: float | None


@dataclass(frozen=True)
class _Previous:
    """The last frame, as the next step needs it. ``means`` holds up to two frames' mean RGB, of source and result."""

    luma: Image
    source: Array
    result: Array
    means: list[tuple[Vector, Vector]]


class Meter:
    """Measures a result against its source as their frames come by, in constant memory."""

    def __init__(self) -> None:
        self.frames = 0
        self._flow = FlowEstimator("medium")
        self._previous: _Previous | None = None
        self._sums = np.zeros(6)
        self._counts = np.zeros(6, np.int64)

    def step(self, source: Image, result: Image) -> Measures:
        """Measure the next frame.

        Args:
            source: RGB, uint8, (height, width, 3), the same size as the frames before.
            result: The source's translation, of the same shape.

        Returns:
            This frame's figures.

        Raises:
            UsageError: The shapes differ.
        """
        if source.shape != result.shape:
            raise UsageError(
                f"source and result differ in size ({Size.of(source)}, {Size.of(result)})",
                hint="Measure a result of the source's size",
            )
        # Steadiness is a matter of what the eye sees at a distance, and motion is found best there; sharpness is not.
        small_source, small_result = reduced(source, LINES), reduced(result, LINES)
        present = _Previous(luma(small_source), _unit(small_source), _unit(small_result), [])
        steadiness = self._steadiness(present)
        edges = edge_share(luma(source), luma(result))
        change = float(np.mean(cv2.absdiff(present.source, present.result)))
        measures = Measures(*steadiness, edges, change)

        self.frames += 1
        # A figure that a frame lacks (the first one has no predecessor) is left out of that figure's mean alone.
        for index, value in enumerate(astuple(measures)):
            if value is not None:
                self._sums[index] += value
                self._counts[index] += 1
        return measures

    def summary(self) -> Measures:
        """Each figure's mean over the frames that have it."""
        return Measures(*(float(s / n) if n else None for s, n in zip(self._sums, self._counts, strict=True)))

    def _steadiness(self, present: _Previous) -> tuple[float | None, float | None, float | None, float | None]:
        """E_warp of result and source, flicker of brightness and colour; ``present`` becomes the previous frame."""
        previous, self._previous = self._previous, present
        means = _mean(present.source), _mean(present.result)
        present.means.append(means)
        if previous is None:
            return None, None, None, None
        # Both errors are measured along the source's motion, where the source's frames show the same things. At a cut
        # there is hardly such a place, or the source itself can't be predicted: then there is nothing to measure.
        flow, seen = self._flow.between(present.luma, previous.luma)
        if np.mean(seen) < LEAST_SEEN:
            return None, None, None, None
        source_error = warp_error(present.source, previous.source, flow, seen)
        if source_error > LARGEST_ERROR:
            return None, None, None, None
        result_error = warp_error(present.result, previous.result, flow, seen)
        # Flicker takes three frames in a row: it is kept back until two of them follow the cut.
        present.means[:0] = previous.means[-1:]
        if len(previous.means) < 2:
            return result_error, source_error, None, None
        return result_error, source_error, *flicker(*previous.means, means)


def warp_error(present: Array, previous: Array, flow: Flow, seen: Mask) -> float:
    """Masked mean squared difference between a frame and its warped predecessor.

    Args:
        present: RGB in [0, 1], float32, (height, width, 3).
        previous: The frame before it, the same shape.
        flow: From the present frame to the previous one.
        seen: Where to measure; at least one pixel.
    """
    difference = cv2.subtract(present, warp(previous, flow))
    return float(np.mean(difference[seen] ** 2, dtype=np.float64))


def flicker(*means: tuple[Vector, Vector]) -> tuple[float, float]:
    """Second difference of brightness and of colour beyond the source's, never negative.

    Args:
        means: Mean RGB in [0, 1] of source and result, for three frames in a row.
    """
    # The second difference over time is 0 for a fade, which is even, and large for what goes to and fro.
    source, result = (first - 2 * second + third for first, second, third in zip(*means, strict=True))
    brightness = abs(_LUMA @ result) - abs(_LUMA @ source)
    colour = np.linalg.norm(_colour(result)) - np.linalg.norm(_colour(source))
    return max(0.0, float(brightness)), max(0.0, float(colour))


def edge_share(source: Image, result: Image) -> float | None:
    """Gradient of the result where the source's is strongest, as a share of the source's; None for a flat source.

    Args:
        source: Luma, uint8, (height, width).
        result: Luma, the same shape.
    """
    wanted = _gradient(source)
    strongest = wanted >= np.quantile(wanted, 1 - STRONGEST)
    total = float(np.sum(wanted[strongest], dtype=np.float64))
    return float(np.sum(_gradient(result)[strongest], dtype=np.float64)) / total if total > 0 else None


def _gradient(brightness: Image) -> Array:
    """Length of the gradient (Sobel)."""
    x, y = cv2.Sobel(brightness, cv2.CV_32F, 1, 0), cv2.Sobel(brightness, cv2.CV_32F, 0, 1)
    return np.asarray(cv2.magnitude(x, y), np.float32)


def _colour(rgb: Vector) -> Vector:
    """R-Y and B-Y: the colour without the brightness."""
    return rgb[[0, 2]] - float(_LUMA @ rgb)


def _mean(image: Array) -> Vector:
    return np.array(cv2.mean(image)[:3], np.float64)


def _unit(frame: Image) -> Array:
    return np.asarray(frame / np.float32(255), np.float32)
