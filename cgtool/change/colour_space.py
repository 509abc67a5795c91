"""A network's maps in a frame's own colour space.

A network says how RGB changes: with x in [-1, 1], ``result = x + gain * x + lift * luma(x) + offset``, seven numbers
per cell and brightness knot. That is an affine map M of RGB, so C M C^-1 is one of luma and chroma, C being the frame's
matrix. Written out, with Y, U, V as differences from black and gray, in one scale, and d_R, d_G, d_B = R - Y, G - Y,
B - Y, which depend on chroma alone:

    g  = k_R gain_R + k_G gain_G + k_B gain_B        k: the frame's weights of R, G and B in luma
    Y' = Y + (g + lift) Y + offset_Y + S + lift e
    U' = U + g U + (gain_B - g) (U + Y / u) - S / u + offset_U
    V' = V + g V + (gain_R - g) (V + Y / v) - S / v + offset_V
    S  = (gain_R - g) k_R (d_R - d_G) + (gain_B - g) k_B (d_B - d_G)
    e  = (BT.601 luma - frame's luma)(d), 0 for BT.601    u = 2 (1 - k_B), v = 2 (1 - k_R)

So luma is a curve of the frame's luma, everything else comes from chroma. All of it is linear in the seven numbers: one
constant matrix turns maps into what the planes need (`cgtool.change.plane.recipe`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cgtool.pictures import LUMA

MAPS = 7
"""Maps per knot: gain of R, G and B, lift, offset of R, G and B."""

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Samples:
    """How a frame's planes are to be read.

    Attributes:
        kind: ``yuv`` (planes Y, U, V), ``gray`` (Y) or ``rgb`` (planes R, G, B, or one packed array).
        depth: Bits per sample; planes are uint8 at 8 bits, else uint16 with the value in the low bits.
        full_range: Black and white are 0 and the greatest value, not 16 and 235 (at 8 bits).
        luma_weights: Weights of red and blue in the frame's luma: BT.601 (0.299, 0.114), BT.709 (0.2126, 0.0722),
            BT.2020 (0.2627, 0.0593).
        step: Pixels per chroma sample, across and down: (2, 2) for 4:2:0, (2, 1) for 4:2:2, (1, 1) for 4:4:4.
        siting: Pixels from the first pixel's centre to the first chroma sample's, across and down: (0, 0.5) for
            ``left`` (MPEG-2, H.264), (0.5, 0.5) for ``center`` (JPEG, MPEG-1), (0, 0) for ``topleft`` (BT.2020).
    """

    kind: Literal["yuv", "gray", "rgb"] = "yuv"
    depth: int = 8
    full_range: bool = False
    luma_weights: tuple[float, float] = (LUMA[0], LUMA[2])
    step: tuple[int, int] = (1, 1)
    siting: tuple[float, float] = (0.0, 0.0)

    def __post_init__(self) -> None:
        for step, phase in zip(self.step, self.siting, strict=True):
            if (step, phase) not in {(1, 0.0), (2, 0.0), (2, 0.5)}:
                raise ValueError(f"no chroma planes of {step} pixels per sample, {phase} pixels off")

    @property
    def dtype(self) -> type[np.uint8] | type[np.uint16]:
        """The type of a plane's samples."""
        return np.uint8 if self.depth == 8 else np.uint16

    @property
    def black(self) -> int:
        """The value of black in luma, R, G and B."""
        return 0 if self.full_range else 16 << (self.depth - 8)

    @property
    def white(self) -> int:
        """The value of white in luma, R, G and B."""
        return (1 << self.depth) - 1 if self.full_range else 235 << (self.depth - 8)

    @property
    def span(self) -> int:
        """Levels from black to white."""
        return self.white - self.black

    @property
    def gray(self) -> int:
        """The value of U and V without colour."""
        return 1 << (self.depth - 1)

    @property
    def chroma_span(self) -> int:
        """How far U and V reach from end to end."""
        return (1 << self.depth) - 1 if self.full_range else 224 << (self.depth - 8)

    @property
    def chroma_limits(self) -> tuple[int, int]:
        """The legal values of U and V."""
        return (0, (1 << self.depth) - 1) if self.full_range else (16 << (self.depth - 8), 240 << (self.depth - 8))

    def knots(self, count: int) -> list[int]:
        """The values of luma that the knots stand for, rounded; a single knot stands for all."""
        return [round(self.black + self.span * k / max(count - 1, 1)) for k in range(count)]

    @cached_property
    def weights(self) -> Matrix:
        """Weights of R, G and B in the frame's luma."""
        red, blue = self.luma_weights
        return np.array([red, 1 - red - blue, blue])
