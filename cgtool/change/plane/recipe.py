"""Constant matrices that turn a network's maps into the factors that planes are multiplied with.

A matrix has a column for each of the ``7 * knots`` maps, knot after knot, and a last one for 1. The formulas are those
of `cgtool.change.colour_space`; strength and kept colours cost nothing, being part of the matrices.

What depends on luma goes piece by piece, from knot to knot: luma's *part* in a piece is how far it has come from the
piece's dark end, at most to its bright end. A single knot makes one piece, from black to white.
"""

from __future__ import annotations

import numpy as np

from cgtool.change.colour_space import MAPS, Matrix, Samples
from cgtool.pictures import LUMA

HALF = 0.5
"""Added to every result, which is then cut off to a whole level."""


def at_knots(mixtures: Matrix, knots: int) -> Matrix:
    """Mixtures of seven maps, (7,) or (mixtures, 7), at each knot in turn; a last column for 1 is 0."""
    return np.pad(np.kron(np.eye(knots), mixtures), ((0, 0), (0, 1)))


def sliced(mixtures: Matrix, knots: int, one: float = 0) -> Matrix:
    """Mixtures plus ``one``: at the darkest knot, then what each piece adds from end to end."""
    rows = at_knots(mixtures, knots)
    rows[:, -1] += one
    return np.diff(rows.reshape(knots, -1, rows.shape[1]), axis=0, prepend=0).reshape(rows.shape)


class Recipe:
    """What luma alone needs: all of a gray frame.

    Attributes:
        samples: The planes' format.
        preserve_color: Only luma is changed.
        ends: Where pieces end, dark to bright: one more than there are pieces.
        pieces: How many pieces a quantity has: none with a single knot, which holds everywhere.
        curve: Luma of gray, ``level + sum of part * (rise + bend * part / width)`` over the pieces: rows rise, bend,
            rise, bend, ... (gains that differ from knot to knot bend a piece), or the one rise of a single knot.
        level: That constant, one row.
    """

    def __init__(self, samples: Samples, knots: int, *, strength: float, preserve_color: bool) -> None:
        """Mix the seven maps.

        Args:
            samples: The planes' format.
            knots: How many knots the maps have.
            strength: Share of the change.
            preserve_color: Change luma alone, by the same amount in R, G and B.
        """
        self.samples, self.preserve_color = samples, preserve_color
        self._knots = knots
        self.pieces = knots - 1
        self.ends = samples.knots(max(knots, 2))
        # The change of luma: the frame's own, or, where every channel changes by it, the network's.
        self._weights = np.array(LUMA) if preserve_color else samples.weights
        maps = np.eye(MAPS) * strength
        self._gains, self._lift = maps[:3], maps[3]
        # The network counts from the middle between black and white; here it is from black, in levels.
        self._offsets = (maps[4:] - self._gains - self._lift) * (samples.span / 2)
        self._gain, self._offset = self._weights @ self._gains, self._weights @ self._offsets
        self.level = at_knots(self._offset, knots)[:1]
        self.level[:, -1] += samples.black + HALF
        self.curve = self._curve()

    def _curve(self) -> Matrix:
        gain, offset = (at_knots(each, self._knots) for each in (self._gain + self._lift, self._offset))
        if not self.pieces:
            gain[:, -1] += 1
            return gain
        ends = np.array(self.ends, np.float64)[:, None]
        bends = np.diff(gain, axis=0)
        rises = gain[:-1] + (bends * (ends[:-1] - ends[0]) + np.diff(offset, axis=0)) / np.diff(ends, axis=0)
        rises[:, -1] += 1
        return np.stack([rises, bends], 1).reshape(-1, gain.shape[1])


class ChromaRecipe(Recipe):
    """What a frame with chroma needs. U and V are counted from gray, luma from black.

    Attributes:
        red_input, blue_input, tint_input: Weights of U and V in what ``red``, ``blue`` and ``tint`` are multiplied with
            to give luma.
        has_tint: Whether there is a ``tint``: not where BT.601 is the frame's own matrix.
        luma_in_u, luma_in_v: 1 / u and 1 / v of the formulas, from luma's levels to chroma's.
        mixing: Quantities that depend on luma, a row for the darkest knot and one per piece each: ``red``, ``blue``,
            ``tint`` if there is one; then, unless colour is preserved, ``gain``, ``offset of U``, ``offset of V``.
    """

    def __init__(self, samples: Samples, knots: int, *, strength: float, preserve_color: bool) -> None:
        super().__init__(samples, knots, strength=strength, preserve_color=preserve_color)
        red, green, blue = samples.weights
        u, v = 2 * (1 - blue), 2 * (1 - red)
        scale = samples.span / samples.chroma_span
        # d_R, d_G, d_B of (U, V), in luma's levels.
        d_blue, d_red = np.array([u, 0]) * scale, np.array([0, v]) * scale
        d_green = -(red * d_red + blue * d_blue) / green
        self.red_input = self._weights[0] * (d_red - d_green)
        self.blue_input = self._weights[2] * (d_blue - d_green)
        self.tint_input = np.array(LUMA) @ np.stack([d_red, d_green, d_blue])
        self.has_tint = not np.allclose(self.tint_input, 0)
        self.luma_in_u, self.luma_in_v = 1 / (scale * u), 1 / (scale * v)
        self.mixing = self._mixing()

    def _mixing(self) -> Matrix:
        rows = [sliced(gain - self._gain, self._knots) for gain in (self._gains[0], self._gains[2])]
        if self.has_tint:
            tint = self._lift + self._gain if self.preserve_color else self._lift
            rows.append(sliced(tint, self._knots))
        if not self.preserve_color:
            rows.append(sliced(self._gain, self._knots, 1))
            for channel, per_luma in ((2, self.luma_in_u), (0, self.luma_in_v)):
                offset = (self._offsets[channel] - self._offset) * per_luma
                rows.append(sliced(offset, self._knots, self.samples.gray + HALF))
        return np.concatenate(rows)
