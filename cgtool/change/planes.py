"""Maps on a frame's own planes.

Video is decoded to luma and chroma, chroma often at a quarter of the size, and encoded from them. What a network
changed is carried out on those planes as they are: luma at full size, chroma at its own size, the same depth, matrix
and range. No RGB frame is made (the formulas: `cgtool.change.colour_space`).

Luma's new value is a curve of itself, cell by cell, and a share that comes from chroma; that share is computed at
chroma's size, where the brightness that chooses between knots is luma brought to chroma's places. Both formulas are
compiled (`cgtool.change.plane.fused`).

After HDRnet (Gharbi et al., "Deep Bilateral Learning for Real-Time Image Enhancement", 2017): a grid of affine maps
over place and brightness, sliced by the picture itself.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cgtool.change.colour_space import MAPS, Matrix, Samples
from cgtool.change.plane.fused import Formula, Fused, Node, Output, between_knots, number, parts, passed, shares
from cgtool.change.plane.recipe import ChromaRecipe, Recipe
from cgtool.change.plane.siting import Doubled, Plane, shrunk
from cgtool.change.plane.stretch import Wide, banded, positions
from cgtool.pictures import Array, Size

_BAND = 100_000
"""Samples per band: what a formula's passes hand to each other stays in the second-level cache."""


class PlaneChange:
    """Changes frames of one format and size. Holds buffers between calls; serves one thread."""

    def __init__(
        self,
        samples: Samples,
        size: Size,
        cells: tuple[int, int],
        knots: int = 1,
        *,
        covered: tuple[float, float] | None = None,
        strength: float = 1.0,
        preserve_color: bool = False,
    ) -> None:
        """Compile the formulas.

        Args:
            samples: The frames' format.
            size: Their size.
            cells: Height and width of the maps.
            knots: How many brightness knots the maps have, 1 or more.
            covered: Height and width of the frame in cells, if the maps reach beyond it at the bottom and right.
            strength: Share of the change, 0 (the source) to 1.
            preserve_color: Change luma alone, by the same amount in R, G and B.
        """
        self._samples, self._cells, self._kept = samples, (MAPS * knots, *cells), preserve_color
        self._strength = strength
        grid = _Grid(size, cells, covered or cells)
        dtype, limits = samples.dtype, (samples.black, samples.white)
        self._chroma: Fused | None = None
        self._share: list[Doubled] = []
        kind = ChromaRecipe if samples.kind == "yuv" else Recipe
        recipe = kind(samples, knots, strength=strength, preserve_color=preserve_color)
        if isinstance(recipe, ChromaRecipe):
            self._share = [Doubled(size, samples.step, samples.siting)]
            new = [] if preserve_color else [Output(dtype, samples.chroma_limits)] * 2
            formula, share = _of_chroma(recipe), Output(np.float32)
            self._chroma = grid.fused(formula, recipe.mixing, [dtype] * 3, [share, *new], samples)
        # The level at full size as well: it goes against the curve, so both must be interpolated alike.
        self._luma = grid.fused(
            _of_luma(recipe),
            np.concatenate([recipe.curve, recipe.level]),
            [dtype, *[np.float32] * len(self._share)],
            [Output(dtype, limits)],
        )

    def __call__(self, planes: Sequence[Plane], maps: Array, out: Sequence[Plane] | None = None) -> list[Plane]:
        """Change one frame.

        Args:
            planes: Its planes, rows of any stride.
            maps: float32, (knots, 7, height, width) or (knots * 7, height, width), knots from dark to bright; for RGB
                in [-1, 1].
            out: Where to put the new planes, such as the memory of a frame that is to be encoded.

        Returns:
            ``out``, or new planes. Where the maps change nothing, the planes' own values, bit for bit; without ``out``
            those given themselves, as is chroma where colour is preserved.
        """
        maps = maps.reshape(self._cells)
        idle = self._strength == 0 or not maps.any()
        changed = 0 if idle else 1 if self._kept else len(planes)
        kept = planes[changed:]
        if out:
            result = list(out)
            for new, plane in zip(result[changed:], kept, strict=True):
                np.copyto(new, plane)
        else:
            result = [*(np.empty_like(plane) for plane in planes[:changed]), *kept]
        if not idle:
            self._change(planes, maps, result)
        return result

    def _change(self, planes: Sequence[Plane], maps: Array, out: Sequence[Plane]) -> None:
        if self._chroma is not None:
            samples, [share] = self._samples, self._share
            luma = shrunk(planes[0], samples.step, samples.siting)
            self._chroma([luma, *planes[1:]], maps, [share.plane, *([] if self._kept else out[1:])])
            share.finish()
        self._luma([planes[0], *self._share], maps, out[:1])


class _Grid:
    """A frame and its maps."""

    def __init__(self, size: Size, cells: tuple[int, int], covered: tuple[float, float]) -> None:
        self._size, self._cells, self._covered = size, cells, covered

    def fused(
        self,
        formula: Formula,
        matrix: Matrix,
        inputs: Sequence[type[np.generic]],
        outputs: Sequence[Output],
        chroma: Samples | None = None,
    ) -> Fused:
        """A formula on luma's places, or on chroma's."""
        (across, down), (right, below) = (chroma.step, chroma.siting) if chroma else ((1, 1), (0.0, 0.0))
        height, width = self._size.height, self._size.width
        columns = positions(-(-width // across), self._covered[1], width, across, right)
        rows = positions(-(-height // down), self._covered[0], height, down, below)
        bands = banded(rows, self._cells[0], len(columns), _BAND)
        return Fused(formula, bands, Wide(matrix, columns, self._cells), inputs, outputs)


def _of_luma(recipe: Recipe) -> Formula:
    """Luma at full size: its own curve, and chroma's share if there is one."""

    def formula(planes: Sequence[Node], maps: Sequence[Node]) -> list[Node]:
        luma, *share = planes
        *curve, total = maps
        stride = 2 if recipe.pieces else 1
        come = parts(luma, recipe.ends)
        for index, (part, at) in enumerate(zip(come, shares(come, recipe.ends), strict=True)):
            rise = curve[index * stride]
            if recipe.pieces:
                rise = rise + curve[index * stride + 1] * at
            total = total + rise * part
        return [sum(share, total)]

    return formula


def _of_chroma(recipe: ChromaRecipe) -> Formula:
    """Chroma's share in luma, then U and V unless colour is preserved."""

    def formula(planes: Sequence[Node], maps: Sequence[Node]) -> list[Node]:
        luma, u, v = planes
        u, v = (passed(plane) - number(recipe.samples.gray) for plane in (u, v))
        at = shares(parts(luma, recipe.ends), recipe.ends)[: recipe.pieces]
        each = 1 + recipe.pieces
        quantities = [
            passed(between_knots(darkest, steps, at))
            for darkest, *steps in (maps[first : first + each] for first in range(0, len(maps), each))
        ]
        red, blue, *others = quantities
        share = red * _mixed(u, v, recipe.red_input) + blue * _mixed(u, v, recipe.blue_input)
        untinted = share
        if recipe.has_tint:
            tint, *others = others
            share = share + tint * _mixed(u, v, recipe.tint_input)
        if recipe.preserve_color:
            return [share]
        gain, offset_u, offset_v = others
        [risen] = parts(passed(luma), [recipe.ends[0], recipe.ends[-1]])
        news = [
            other * (own + risen * number(per_luma)) - untinted * number(per_luma) + gain * own + offset
            for own, other, per_luma, offset in (
                (u, blue, recipe.luma_in_u, offset_u),
                (v, red, recipe.luma_in_v, offset_v),
            )
        ]
        return [share, *news]

    return formula


def _mixed(u: Node, v: Node, weights: Matrix) -> Node:
    return u * number(weights[0]) + v * number(weights[1])
