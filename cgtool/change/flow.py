"""Dense optical flow between two frames, and where it can be believed.

A flow is float32 of shape (height, width, 2): the x and y displacement, in pixels, from a pixel of the first frame to
its match in the second. Occlusion and motion boundaries follow Sundaram et al., "Dense Point Trajectories by
GPU-accelerated Large Displacement Optical Flow" (2010), with the constants that Ruder et al., "Artistic Style Transfer
for Videos" (2016), made the field's protocol.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from cgtool.pictures import Array, Image

Flow = NDArray[np.float32]
Mask = NDArray[np.bool_]

_SMALLEST_SIDE = 16
"""DIS matches 8-pixel patches over a pyramid and refuses much smaller frames."""


class FlowEstimator:
    """DIS optical flow (Kroeger et al., "Fast Optical Flow using Dense Inverse Search", 2016). Serves one thread."""

    def __init__(self, preset: Literal["fast", "medium"]) -> None:
        """Choose between speed and precision.

        Args:
            preset: ``medium`` is OpenCV's own. ``fast`` matches patches at half the frames' size as well (OpenCV's fast
                presets do at a quarter), refines little, and doesn't refine the reverse flow, which is only a check.
        """
        if preset == "medium":
            self._forward = self._reverse = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        else:
            self._forward, self._reverse = _fast_dis(refinements=2), _fast_dis(refinements=0)

    def between(self, first: Image, second: Image) -> tuple[Flow, Mask]:
        """Match every pixel of the first frame to the second.

        Args:
            first: Luma, uint8, (height, width).
            second: Luma, the same shape.

        Returns:
            The flow, and True where it can be believed: seen in both frames, and not at a motion boundary.
        """
        flow, reverse = _flow(self._forward, first, second), _flow(self._reverse, second, first)
        return flow, consistent(flow, reverse) & ~at_boundary(flow)


def warp(image: Array, flow: Flow, interpolation: int = cv2.INTER_LINEAR) -> Array:
    """Fetch each pixel's match from the second frame; matches outside it read its border.

    Args:
        image: The second frame, float32, (height, width) or (height, width, channels).
        flow: From the first frame to the second.
        interpolation: An OpenCV constant. Bilinear softens when applied again and again; bicubic hardly does.
    """
    x, y = cv2.split(cv2.add(_grid(*flow.shape[:2]), flow))
    return np.asarray(cv2.remap(image, x, y, interpolation, borderMode=cv2.BORDER_REPLICATE), np.float32)


def consistent(flow: Flow, reverse: Flow) -> Mask:
    """True where the flow's match lies in the frame and the reverse flow leads back (Sundaram et al. 2010, eq. 5)."""
    back = warp(reverse, flow)  # the reverse flow, fetched from where the flow leads
    height, width = flow.shape[:2]
    x, y = cv2.split(cv2.add(_grid(height, width), flow))
    inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    # Where a thing is hidden in the second frame, there and back does not end where it began. The tolerance grows with
    # the motion: 1% of the squared lengths, and half a pixel squared for what is at rest.
    allowed = 0.01 * (_squared(flow) + _squared(back)) + np.float32(0.5)
    return np.asarray(inside & (_squared(cv2.add(flow, back)) < allowed), np.bool_)


def at_boundary(flow: Flow) -> Mask:
    """True where motion changes abruptly, so that neighbours' flows mix (Sundaram et al. 2010, eq. 6)."""
    # The squared gradient of the flow, against 1% of its squared length: a break is one relative to the motion.
    across = cv2.Sobel(flow, cv2.CV_32F, 1, 0, ksize=1, scale=0.5, borderType=cv2.BORDER_REPLICATE)
    along = cv2.Sobel(flow, cv2.CV_32F, 0, 1, ksize=1, scale=0.5, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(_squared(across) + _squared(along) > 0.01 * _squared(flow) + np.float32(0.002), np.bool_)


@lru_cache(maxsize=2)
def _grid(height: int, width: int) -> Flow:
    """Every pixel's own x and y; flow is relative to it."""
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    return np.dstack((columns, rows))


def _squared(field: cv2.typing.MatLike) -> Array:
    """Squared length of the vectors of a field, (height, width)."""
    x, y = cv2.split(field)
    return np.asarray(cv2.add(cv2.multiply(x, x), cv2.multiply(y, y)), np.float32)


def _fast_dis(refinements: int) -> cv2.DISOpticalFlow:
    dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
    # The pyramid ends at half the size, not at a quarter; refinement smooths the patches' flows into one field.
    dis.setFinestScale(1)
    dis.setVariationalRefinementIterations(refinements)
    return dis


def _flow(dis: cv2.DISOpticalFlow, first: Image, second: Image) -> Flow:
    height, width = first.shape
    # Frames that are too small are grown below and to the right by their own border, and the flow is cut back.
    below, right = max(0, _SMALLEST_SIDE - height), max(0, _SMALLEST_SIDE - width)
    if below or right:
        first = np.pad(first, ((0, below), (0, right)), mode="edge")
        second = np.pad(second, ((0, below), (0, right)), mode="edge")
    flow = dis.calc(first, second, None)  # type: ignore[call-overload]  # None: start from rest
    return np.ascontiguousarray(flow[:height, :width], np.float32)
