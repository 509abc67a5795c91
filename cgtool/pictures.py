"""A picture, as every room means it: its size, its pixels, its luma. Imports nothing of cgtool."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
"""RGB, uint8, shape (height, width, 3), values 0 to 255; or luma alone, shape (height, width)."""

Array = NDArray[np.float32]
"""float32, shape (height, width) or (height, width, channels)."""

LUMA = (0.299, 0.587, 0.114)
"""Weights of R, G and B in luma (BT.601), as OpenCV's gray conversion has them."""


class Size(NamedTuple):
    """Width and height in pixels, in this order everywhere; ``str`` gives WIDTHxHEIGHT."""

    width: int
    height: int

    @classmethod
    def of(cls, image: NDArray[np.generic]) -> Size:
        """The size of an array of shape (height, width, ...)."""
        return cls(image.shape[1], image.shape[0])

    @property
    def short(self) -> int:
        """The shorter side."""
        return min(self)

    @property
    def pixels(self) -> int:
        """Width times height."""
        return self.width * self.height

    def with_short(self, short: int) -> Size:
        """The size of the same proportions whose shorter side is this."""
        factor = short / self.short
        return Size(max(1, round(self.width * factor)), max(1, round(self.height * factor)))

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


def luma(image: Image) -> Image:
    """Luma (BT.601) of an RGB picture: uint8, (height, width), rounded."""
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)


def resize(image: Image, size: Size) -> Image:
    """A picture at another size: by area where it shrinks, bicubic where it grows; itself where nothing changes."""
    present = Size.of(image)
    if present == size:
        return image
    how = cv2.INTER_AREA if size.pixels < present.pixels else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, size, interpolation=how), np.uint8)


def reduced(image: Image, lines: int) -> Image:
    """A picture with ``lines`` pixels on its short side, or as it is where that would enlarge it."""
    size = Size.of(image)
    return image if size.short <= lines else resize(image, size.with_short(lines))
