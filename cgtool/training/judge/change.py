"""What a translation leaves beside edges, and colours that it made up: measures of a change, on arrays alone.

Both are of a picture and its translation at 256 lines, RGB uint8 (height, width, 3).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from cgtool.pictures import Image

Field = NDArray[np.float32]

EDGES = 0.03
"""Share of the pixels that are the strongest edges: the largest derivatives of luma."""
LEAST_STEP = 24.0
"""Levels across two pixels: less is no edge, in a picture that has no strong ones."""
NEAR, FAR = (2, 3, 4), (10, 11, 12)
"""Distances from an edge, px."""
FLAT = 12.0
"""Levels: a side is flat where no channel of the source varies by more from the nearest to the farthest pixel."""

NEARBY = 9
"""Side of the neighbourhood in which the source may have a colour for it not to be invented, px."""
_LIGHTNESS_STEP = 4


def rims(source: Image, result: Image) -> tuple[float, float] | None:
    """How much the change beside the source's strongest edges departs from the change farther off, on the same side.

    From each edge pixel a ray goes along luma's gradient, and one against it. Those count along which the source is
    flat: there, an even hand would change everything alike.

    Returns:
        Mean absolute departure in levels, and the whole picture's mean absolute change; None if no ray counts.
    """
    change = result.astype(np.float32) - source
    luma = cv2.GaussianBlur(cv2.cvtColor(source, cv2.COLOR_RGB2GRAY).astype(np.float32), (0, 0), 0.8)
    across, down = (cv2.Sobel(luma, cv2.CV_32F, *axis, scale=1 / 4) for axis in ((1, 0), (0, 1)))
    size = np.hypot(across, down)
    rows, columns = np.nonzero((size >= np.quantile(size, 1 - EDGES)) & (size >= LEAST_STEP))
    unit = np.stack([down, across])[:, rows, columns] / size[rows, columns]
    distances = np.arange(NEAR[0], FAR[-1] + 1)
    departures = []
    for sign in (-1, 1):
        # Points by distance and ray.
        points = np.stack([rows, columns])[:, None] + sign * distances[None, :, None] * unit[:, None]
        y, x = np.rint(points).astype(int)
        height, width = luma.shape
        inside = ((y >= 0) & (y < height) & (x >= 0) & (x < width)).all(0)
        y, x = y[:, inside], x[:, inside]
        flat = (np.ptp(source[y, x].astype(np.float32), axis=0) <= FLAT).all(-1)
        changes = change[y[:, flat], x[:, flat]]
        near, far = (changes[np.isin(distances, some)].mean(0) for some in (NEAR, FAR))
        departures.append(np.abs(near - far).mean(-1))
    both = np.concatenate(departures)
    return (float(both.mean()), float(np.abs(change).mean())) if len(both) else None


def share_of_rims(pairs: Sequence[tuple[Image, Image]]) -> float:
    """Of pictures and their translations: the mean departure as a share of the mean change; 0 if nothing changes."""
    measured = [found for pair in pairs if (found := rims(*pair)) is not None]
    departure, change = np.mean(measured, axis=0) if measured else (0.0, 0.0)
    return float(departure / change) if change else 0.0


@dataclass(frozen=True)
class Palette:
    """How colourful real pictures of a domain are.

    Attributes:
        most: 95th percentile of CIELAB chroma for each band of lightness, from dark to bright.
    """

    most: Field

    @classmethod
    def of(cls, pictures: Sequence[Image]) -> Palette:
        """Read off real pictures."""
        lightness, chroma = (np.concatenate(parts) for parts in zip(*map(_flat_lab, pictures), strict=True))
        bands = (lightness / _LIGHTNESS_STEP).astype(int)
        count = 100 // _LIGHTNESS_STEP + 1
        most = [np.quantile(chroma[bands == band], 0.95) if (bands == band).any() else 0.0 for band in range(count)]
        return cls(np.asarray(most, np.float32))

    def invented(self, source: Image, result: Image) -> float:
        """Share of a translation's pixels with more chroma than the source has nearby and real pictures mostly have."""
        lightness, chroma = _lab(result)
        nearby = cv2.dilate(_lab(source)[1], np.ones((NEARBY, NEARBY), np.uint8))
        usual = self.most[(lightness / _LIGHTNESS_STEP).astype(int)]
        return float(((chroma > nearby) & (chroma > usual)).mean())


def _lab(picture: Image) -> tuple[Field, Field]:
    """CIELAB lightness, 0 to 100, and chroma."""
    lab = cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    return np.clip(lab[..., 0], 0, 100), np.hypot(lab[..., 1], lab[..., 2])


def _flat_lab(picture: Image) -> tuple[Field, Field]:
    lightness, chroma = _lab(picture)
    return lightness.ravel(), chroma.ravel()
