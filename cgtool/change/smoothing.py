"""Frames translated one by one flicker; here each is pulled towards its predecessor, moved to where things are now.

Two pictures travel through one recursion (warp along the source's optical flow, blend into the present frame by
confidence): the smoothed change that the network makes, and the smoothed source. The change is what is shown, added to
the present source, so the source's own detail never ages. The smoothed source is the witness: where it departs from the
present source, warping has gone wrong (occlusion, wrong flow, drift, softening), be it now or frames ago, and the
history is not trusted there. The change's history is clamped to its present neighbourhood besides, as temporal
anti-aliasing does (Karis, "High Quality Temporal Supersampling", 2014).

Instance normalization lets brightness, contrast and colour of the whole picture follow its content. Against this
pumping, they are held where pixels are trusted, and follow the network slowly.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any, Generic, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from cgtool.change.flow import Flow, FlowEstimator, warp
from cgtool.pictures import Array, Image, Size, luma, reduced

FLOW_LINES = 144
"""Optical flow is estimated with at most this many pixels on the short side."""

LOCAL_SECONDS = 0.4
"""Time constant of a pixel's history at smooth 1. A recursion by elapsed time is steady at any frame rate."""

GLOBAL_SECONDS = 2.0
"""Time constant, at smooth 1, with which brightness, contrast and colour of the whole picture follow the network."""

NOISE_LEVELS = 5.0
"""Departure of the smoothed source from the source, in levels, at which confidence has fallen to 1/e."""

CLAMP_LEVELS = 2.0
"""Levels by which the history may lie outside its present neighbourhood's range."""

SNAP_PIXELS = 0.08
"""Flow this close to whole pixels is taken as whole: a copy neither softens nor drifts, and still scenes stay still."""

LEAST_TRUSTED = 0.15
"""Share of pixels with a trusted history below which a scene cut is declared."""

LARGEST_DEPARTURE = 20.0
"""Root mean square departure, in levels, of source from warped source beyond which a scene cut is declared."""

LIGHTING_LEVELS = 3.0
"""A change of the source's own mean light, in levels, that is meant: there, pumping is damped a third as much."""

CELL_PIXELS = 8
"""Side of the cells by which brightness, contrast and colour of present and past are compared."""

LEAST_CELLS = 16
"""Fewer cells tell nothing of contrast."""

MOST_GAIN = 0.2
"""Most that contrast is corrected by."""

Scalar = NDArray[np.float64]
State = dict[str, NDArray[Any]]
"""A smoother's memory, as named arrays."""
H = TypeVar("H")


@dataclass(frozen=True)
class _History:
    """The last step, as the next one needs it; pictures are (h, w, 3), float32 ones in levels.

    Attributes:
        pts_seconds: When the last frame was shown.
        source: The last frame as the network saw it.
        brightness: Its luma at the size of the optical flow.
        smooth_source: The witness: the source, sent through the same recursion as the change.
        smooth_change: Smoothed result minus source.
        shown: The smoothed result.
    """

    pts_seconds: float
    source: Image
    brightness: Image
    smooth_source: Array
    smooth_change: Array
    shown: Image


class Recursion(Generic[H]):
    """A smoother of one clip, in order: causal, constant memory. Serves one thread."""

    _kind: Callable[..., H]

    def __init__(self, smooth: float) -> None:
        """Start a clip.

        Args:
            smooth: 0 (all passes untouched) to 1 (steadiest).
        """
        self.smooth = smooth
        self._flow = FlowEstimator("fast")
        self._history: H | None = None

    def state(self) -> State:
        """All that the next step depends on, as named arrays: a smoother that is given it goes on alike."""
        last: Any = self._history
        return {} if last is None else {one.name: np.asarray(getattr(last, one.name)) for one in fields(last)}

    def restore(self, state: State) -> None:
        """Go on where another smoother was."""
        values = {name: array if array.ndim else float(array) for name, array in state.items()}
        self._history = self._kind(**values) if values else None


class Smoother(Recursion[_History]):
    """Smooths the network's results."""

    _kind = _History

    def step(self, source: Image, result: Image, pts_seconds: float) -> Image:
        """Smooth the next result.

        Args:
            source: The frame as the network saw it, RGB, uint8, (h, w, 3), the same size throughout.
            result: The network's result, the same shape.
            pts_seconds: When the frame is shown. Blending follows elapsed time, not the count of frames.

        Returns:
            RGB, uint8, (h, w, 3). It is ``result`` itself with ``smooth`` 0, on the first frame and on the first one
            after a scene cut; where the source repeats its last frame, what was shown is repeated too. The arrays given
            and returned are kept until the next step: they must not be written to.
        """
        if self.smooth == 0:
            return result
        last = self._history
        if last is None or last.source.shape != source.shape:
            return self._start(source, result, pts_seconds)
        if np.array_equal(source, last.source):
            self._history = replace(last, pts_seconds=pts_seconds)
            return last.shown

        # Where the past is now: the witness, moved along the flow, and how far it departs from the present source.
        brightness = reduced(luma(source), FLOW_LINES)
        flow, seen = self._follow(brightness, last.brightness, Size.of(source))
        departure = warp(last.smooth_source, flow, cv2.INTER_CUBIC)
        cv2.subtract(departure, source, dst=departure, dtype=cv2.CV_32F)
        lighting = mean(departure, seen)
        confidence, error = trust(departure, lighting, seen)
        trusted = (confidence > 0.5).view(np.uint8)
        if cv2.countNonZero(trusted) < LEAST_TRUSTED * trusted.size or error > LARGEST_DEPARTURE:
            return self._start(source, result, pts_seconds)

        elapsed = max(0.0, pts_seconds - last.pts_seconds)
        history = warp(last.smooth_change, flow, cv2.INTER_CUBIC)
        change = _f32(cv2.subtract(result, source, dtype=cv2.CV_32F))
        # When the source's own light changes (calm falls from 1 to 0), that is no departure of the witness.
        calm = math.exp(-float(np.max(lighting**2)) / LIGHTING_LEVELS**2)
        cv2.subtract(departure, _scalar((1 - calm) * lighting), dst=departure)

        # Level the whole picture. Of the difference in brightness and contrast between result and history, the history
        # takes the share 1 - follow, the result the rest: they meet, and slowly go where the network leads.
        pumping = _pumping(result, cv2.add(cv2.add(departure, history), source, dtype=cv2.CV_32F), trusted)
        follow = calm * math.exp(-elapsed / (GLOBAL_SECONDS * self.smooth))
        cv2.scaleAdd(pumping, follow, change, dst=change)
        cv2.scaleAdd(pumping, follow - 1, history, dst=history)

        # Blend every pixel: change + weight * (clamped history - change), and the source likewise. The witness starts
        # from the present source, from which the departure is measured: weighted, it is the new departure.
        weight = confidence * np.float32(math.exp(-elapsed / (LOCAL_SECONDS * self.smooth)))
        weights = cv2.merge([weight, weight, weight])
        clamp(history, change, CLAMP_LEVELS)
        cv2.subtract(history, change, dst=history)
        cv2.multiply(history, weights, dst=history)
        smooth_change = _f32(cv2.add(history, change, dst=history))
        cv2.multiply(departure, weights, dst=departure)

        # What is shown: the present source and the smoothed change. Where the witness as a whole lags behind the
        # source's brightness, so does the change; the witness's mean departure makes up for it.
        steady = cv2.add(smooth_change, _scalar(mean(departure, trusted)), dst=change)
        shown = np.asarray(cv2.add(source, steady, dtype=cv2.CV_8U), np.uint8)
        smooth_source = _f32(cv2.add(departure, source, dst=departure, dtype=cv2.CV_32F))
        self._history = _History(pts_seconds, source, brightness, smooth_source, smooth_change, shown)
        return shown

    def _start(self, source: Image, result: Image, pts_seconds: float) -> Image:
        """Begin a scene: no history."""
        change = _f32(cv2.subtract(result, source, dtype=cv2.CV_32F))
        brightness = reduced(luma(source), FLOW_LINES)
        self._history = _History(pts_seconds, source, brightness, source.astype(np.float32), change, result)
        return result

    def _follow(self, brightness: Image, last: Image, size: Size) -> tuple[Flow, Image]:
        """Flow back to the last frame at the picture's size, and a mask (0 or 1) of where it can be believed."""
        flow, seen = self._flow.between(brightness, last)
        reduced_size = Size.of(brightness)
        flow *= np.array((size.width / reduced_size.width, size.height / reduced_size.height), np.float32)
        whole = np.rint(flow)
        np.copyto(flow, whole, where=np.abs(flow - whole) < SNAP_PIXELS)
        mask = seen.view(np.uint8)
        if reduced_size != size:
            flow = np.asarray(cv2.resize(flow, size), np.float32)
            mask = np.asarray(cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST), np.uint8)
        return flow, mask


def trust(departure: cv2.typing.MatLike, lighting: Scalar, seen: Image) -> tuple[Array, float]:
    """Trust in the history, 0 to 1, (h, w), and the root mean square departure in levels."""
    # A change of light as a whole is no sign of a wrong flow. The rest is taken for noise of NOISE_LEVELS: the
    # likelihood of a departure d is exp(-d^2 / NOISE_LEVELS^2), over the mean of the three channels.
    local = cv2.subtract(departure, _scalar(lighting))
    squared = cv2.transform(cv2.multiply(local, local), np.full((1, 3), 1 / 3, np.float32))
    confidence = cv2.exp(squared * np.float32(-1 / NOISE_LEVELS**2))
    return _f32(cv2.multiply(confidence, seen, dtype=cv2.CV_32F)), math.sqrt(cv2.mean(squared)[0])


def _pumping(result: Image, past: cv2.typing.MatLike, trusted: Image) -> Array:
    """Levels to add to the result, (h, w, 3), for the past's brightness, contrast and colour: a line per channel.

    Both are compared by cells, in which the network's noise averages out: noise in the result alone would pass for
    contrast, and the picture would fade. The gain is the ratio of standard deviations, which favours neither side.
    """
    known = _cells(255 * trusted) > 0.9 * 255
    if not known.any():
        return np.zeros(result.shape, np.float32)
    now, then = _cells(result)[known], _cells(past)[known]
    spread = np.std(now, axis=0, dtype=np.float64)
    telling = (spread > 1) & (len(now) >= LEAST_CELLS)
    gain = np.where(telling, np.std(then, axis=0, dtype=np.float64) / np.maximum(spread, 1), 1)
    gain = np.clip(gain, 1 - MOST_GAIN, 1 + MOST_GAIN)
    # gain * now + offset has the past's mean; minus the result itself it is what to add.
    offset = np.mean(then, axis=0, dtype=np.float64) - gain * np.mean(now, axis=0, dtype=np.float64)
    return _f32(cv2.transform(result.astype(np.float32), np.column_stack((np.diag(gain - 1), offset))))


def _cells(image: cv2.typing.MatLike) -> cv2.typing.MatLike:
    """Means over cells of ``CELL_PIXELS``; what is left over at the right and below is left out."""
    height, width = image.shape[:2]
    rows, columns = max(1, height // CELL_PIXELS), max(1, width // CELL_PIXELS)
    whole = image[: rows * CELL_PIXELS, : columns * CELL_PIXELS]
    return cv2.resize(whole, (columns, rows), interpolation=cv2.INTER_AREA)


def clamp(history: Array, present: cv2.typing.MatLike, margin: float) -> None:
    """Bring the history within the range of the present 3x3 neighbourhood, give or take a margin; in place."""
    window = np.ones((3, 3), np.uint8)  # erosion is the minimum over it, dilation the maximum
    bound = cv2.erode(present, window)
    cv2.max(history, bound - np.float32(margin), dst=history)
    cv2.dilate(present, window, dst=bound)
    cv2.min(history, bound + np.float32(margin), dst=history)


def mean(image: cv2.typing.MatLike, mask: cv2.typing.MatLike) -> Scalar:
    """Mean of each channel over a mask; 0 where the mask is empty."""
    return np.array(cv2.mean(image, mask)[:3])


def _scalar(channels: Scalar) -> Scalar:
    """One value per channel, as OpenCV's arithmetic takes it."""
    return np.append(channels, 0.0)


def _f32(field: cv2.typing.MatLike) -> Array:
    return np.asarray(field, np.float32)
