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
constant matrix turns maps into what the planes need.
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
_GAIN, _LIFT, _OFFSET = slice(0, 3), 3, slice(4, 7)


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

    def knots(self, count: int) -> list[float]:
        """The values of luma that the knots stand for, dark to bright; a single knot stands for all."""
        return [self.black + (self.white - self.black) * k / max(count - 1, 1) for k in range(count)]

    @cached_property
    def weights(self) -> Matrix:
        """Weights of R, G and B in the frame's luma."""
        red, blue = self.luma_weights
        return np.array([red, 1 - red - blue, blue])


def hinges(knots: list[float]) -> Matrix:
    """From values at knots to ``constant + sum of slope_j * max(luma, knot_j)``: (knots, knots), constant first.

    Piecewise linear through the values, from the first knot to the last, which needs no hinge of its own.
    """
    values = np.eye(len(knots))
    changes = np.diff(_slopes(values, knots), axis=0, prepend=0)
    return np.vstack([values[0] - np.asarray(knots[:-1]) @ changes, changes])


def _slopes(values: Matrix, knots: list[float]) -> Matrix:
    """How values at knots rise per level: a row for each piece."""
    return np.asarray(np.diff(values, axis=0) / np.diff(knots)[:, None])


class Seven:
    """The seven maps, mixed: every attribute is a row that gives a quantity from one knot's seven maps.

    Quantities are those of the module's formulas. Offsets are for samples counted from black, in parts of the way from
    black to white, where the network counts from the middle.
    """

    def __init__(self, weights: Matrix, *, strength: float, preserve_color: bool) -> None:
        """Mix.

        Args:
            weights: Of R, G and B in luma.
            strength: Share of the change.
            preserve_color: The change of luma (BT.601) is added to R, G and B alike: ``gains`` and ``offsets`` are
                their parts in it, and belong to luma alone.
        """
        maps = np.eye(MAPS) * strength
        self.gains, self.lift = maps[:3], maps[3]
        self.offsets = (maps[4:] - self.gains - self.lift) / 2
        self.gain, self.offset = weights @ self.gains, weights @ self.offsets
        self.red, self.blue = self.gains[0] - self.gain, self.gains[2] - self.gain
        self.tint = self.gain + self.lift if preserve_color else self.lift


class Recipe:
    """Constant matrices that turn a network's maps into the factors that planes are multiplied with.

    A matrix has a column for each of the ``7 * knots`` maps, and a last one for 1. Quantities that depend on luma have
    ``knots`` rows each (see `hinges`).

    Attributes:
        count: How many knots the maps have.
        knots: Values of luma at which pieces begin: all knots but the last.
        curve: Luma of gray: ``level + sum of m_j * (b_j + a_j * m_j)``, where ``m_j = max(luma, knot_j)``; rows
            b_0, a_0, b_1, a_1, ... With a single knot there is only b_0. Gains that differ from knot to knot make the
            curve quadratic between them.
        level: That constant: one row.
    """

    def __init__(self, samples: Samples, knots: int, strength: float, preserve_color: bool) -> None:
        self.count = knots
        places = samples.knots(knots)
        self.knots = places[: max(knots - 1, 1)]
        self._hinges = hinges(places)
        self._weights = np.array(LUMA) if preserve_color else samples.weights
        self._seven = Seven(self._weights, strength=strength, preserve_color=preserve_color)
        self.span = samples.white - samples.black
        self.samples = samples
        self.curve, self.level = self._curve(places)
        self.level[:, -1] += 0.5  # samples are cut off

    def _curve(self, places: list[float]) -> tuple[Matrix, Matrix]:
        black, seven = self.samples.black, self._seven
        gain = self._at_knots(seven.gain + seven.lift)
        offset = self._at_knots(seven.offset * self.span)
        if self.count == 1:
            factors, level = gain, offset - black * gain
            factors[:, -1] += 1
            return factors, level
        bends = _slopes(gain, places)
        start = np.asarray(places[:-1])[:, None]
        rises = gain[:-1] - bends * (start + black) + _slopes(offset, places)
        rises[:, -1] += 1
        factors = np.stack([np.diff(rises, axis=0, prepend=0), np.diff(bends, axis=0, prepend=0)], 1)
        darkest = offset[0] + gain[0] * (places[0] - black)
        darkest[-1] += places[0]
        level = darkest - sum(knot * (b + knot * a) for knot, (b, a) in zip(self.knots, factors, strict=True))
        return factors.reshape(-1, gain.shape[1]), level[None]

    def _at_knots(self, quantity: Matrix) -> Matrix:
        """A quantity of each knot."""
        return np.pad(np.kron(np.eye(self.count), quantity), ((0, 0), (0, 1)))

    def _of_luma(self, quantity: Matrix, one: float = 0.0) -> Matrix:
        """A quantity, with ``one`` added, as `hinges` of luma."""
        rows = self._hinges @ self._at_knots(quantity)
        rows[0, -1] += one
        return rows


class ChromaRecipe(Recipe):
    """What a frame with chroma needs.

    Attributes:
        red_input, blue_input, tint_input: (U, V, 1) to what the quantities ``red``, ``blue`` and ``tint`` are
            multiplied with to give luma; ``tint_input`` is None where BT.601 is the frame's own matrix.
        mixing: Quantities that depend on luma: red, blue, then tint if there is one, then, unless colour is preserved,
            gain, offset of U, offset of V.
        luma_in_u, luma_in_v: 1 / u and 1 / v of the formulas, from luma's levels to chroma's.
    """

    def __init__(self, samples: Samples, knots: int, strength: float, preserve_color: bool) -> None:
        super().__init__(samples, knots, strength, preserve_color)
        red, green, blue = samples.weights
        u, v = 2 * (1 - blue), 2 * (1 - red)
        # d_R, d_G, d_B of (U, V), in luma's levels.
        d_blue, d_red = np.array([u, 0]), np.array([0, v])
        d_green = -(red * d_red + blue * d_blue) / green
        scale = self.span / samples.chroma_span
        d_red, d_green, d_blue = d_red * scale, d_green * scale, d_blue * scale
        self.red_input = self._input(self._weights[0] * (d_red - d_green))
        self.blue_input = self._input(self._weights[2] * (d_blue - d_green))
        self.tint_input = self._input(np.array(LUMA) @ np.stack([d_red, d_green, d_blue]))
        self.luma_in_u, self.luma_in_v = 1 / (scale * u), 1 / (scale * v)
        seven, span = self._seven, samples.chroma_span
        rows = [self._of_luma(seven.red), self._of_luma(seven.blue)]
        self.has_tint = not np.allclose(self.tint_input, 0)
        if self.has_tint:
            rows.append(self._of_luma(seven.tint))
        if not preserve_color:
            rows.append(self._of_luma(seven.gain, 1))
            for quantity, offset, share, per_luma in (
                (seven.blue, seven.offsets[2] - seven.offset, span / u, self.luma_in_u),
                (seven.red, seven.offsets[0] - seven.offset, span / v, self.luma_in_v),
            ):
                # The planes come as they are: gray and black are taken off here.
                zero = samples.gray * (seven.gain + quantity) + samples.black * per_luma * quantity
                rows.append(self._of_luma(offset * share - zero, 0.5))
        self.changes_chroma = not preserve_color
        self.mixing = np.concatenate(rows)

    def _input(self, of_chroma: Matrix) -> tuple[float, float, float]:
        u, v = of_chroma
        return float(u), float(v), float(-(u + v) * self.samples.gray)
