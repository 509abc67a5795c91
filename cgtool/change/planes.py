"""Maps on a frame's own planes.

Video is decoded to luma and chroma, chroma often at a quarter of the size, and encoded from them. What a network
changed is carried out on those planes as they are: luma at full size, chroma at its own size, the same depth, matrix
and range. No RGB frame is made (the formulas: `cgtool.change.colour_space`).

Luma's new value is a curve of itself, cell by cell, and a share that comes from chroma; that share is computed at
chroma's size, where the brightness that chooses between knots is luma brought to chroma's places. All arithmetic is
float32 on bands of rows that stay in the processor's cache; results are rounded once, and clipped to the legal range.

After HDRnet (Gharbi et al., "Deep Bilateral Learning for Real-Time Image Enhancement", 2017): a grid of affine maps
over place and brightness, sliced by the picture itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from cgtool.change.colour_space import MAPS, ChromaRecipe, Matrix, Recipe, Samples
from cgtool.change.siting import Doubled, shrunk
from cgtool.change.stretch import Stretch, positions
from cgtool.pictures import Array, Size

Plane = NDArray[np.uint8] | NDArray[np.uint16]

_BAND = 20_480
"""Samples per band: 80 KB in float32, so that a handful of them fit the second-level cache."""


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
        """Lay out the work.

        Args:
            samples: The frames' format.
            size: Their size.
            cells: Height and width of the maps.
            knots: How many brightness knots the maps have, 1 or more.
            covered: Height and width of the frame in cells, if the maps reach beyond it at the bottom and right.
            strength: Share of the change, 0 (the source) to 1.
            preserve_color: Change luma alone, by the same amount in R, G and B.
        """
        self._cells = (MAPS * knots, *cells)
        self._strength = strength
        grid = _Grid(size, cells, covered or cells)
        if samples.kind == "gray":
            recipe = Recipe(samples, knots, strength, preserve_color)
            self._luma = _LumaPass(recipe, grid, None)
            self._chroma = None
        else:
            chroma_recipe = ChromaRecipe(samples, knots, strength, preserve_color)
            self._chroma = _ChromaPass(chroma_recipe, grid)
            self._luma = _LumaPass(chroma_recipe, grid, self._chroma.share)

    def __call__(self, planes: Sequence[Plane], maps: Array) -> list[Plane]:
        """Change one frame.

        Args:
            planes: Its planes, rows of any stride.
            maps: float32, (knots, 7, height, width) or (knots * 7, height, width), knots from dark to bright; for RGB
                in [-1, 1].

        Returns:
            New planes, or those given where the maps change nothing.
        """
        maps = maps.reshape(self._cells)
        if self._strength == 0 or not maps.any():
            return list(planes)
        if self._chroma is None:
            return [self._luma(planes[0], maps)]
        chroma = self._chroma(planes, maps)
        return [self._luma(planes[0], maps), *chroma]


class _Grid:
    """Where the planes' samples lie on the maps."""

    def __init__(self, size: Size, cells: tuple[int, int], covered: tuple[float, float]) -> None:
        self.size, self.cells, self._covered = size, cells, covered

    def plane_size(self, step: tuple[int, int]) -> Size:
        across, down = step
        return Size(-(-self.size.width // across), -(-self.size.height // down))

    def stretch(
        self, maps: int, at_once: int, rows: int, step: tuple[int, int] = (1, 1), siting: tuple[float, float] = (0, 0)
    ) -> Stretch:
        plane = self.plane_size(step)
        (height, width), (across, down) = self._covered, step
        return Stretch(
            positions(plane.height, height, self.size.height, down, siting[1]),
            positions(plane.width, width, self.size.width, across, siting[0]),
            self.cells,
            maps,
            at_once,
            rows,
        )


class _Slicer:
    """Maps on one plane, band by band, chosen by the plane's luma where they have knots."""

    def __init__(self, recipe: Recipe, matrix: Matrix, stretch: Stretch, shape: tuple[int, int]) -> None:
        self._matrix = matrix.astype(np.float32)
        self._stretch = stretch
        self._knots = recipe.knots
        self._count = recipe.count
        samples = recipe.samples
        self._limits = (
            None
            if samples.full_range
            else (np.full(shape, samples.black, samples.dtype), np.full(shape, samples.white, samples.dtype))
        )
        self._legal = np.empty(shape, samples.dtype)
        self._hinges = [np.empty(shape, np.float32) for _ in self._knots]
        self.hinges: list[Array] = []

    def load(self, maps: Array) -> None:
        """Take a frame's maps, (7 * knots, height, width)."""
        self._stretch.load(_product(self._matrix, maps))

    def begin(self, band: int, luma: Plane) -> None:
        """Go on to a band: ``hinges`` become ``max(luma, knot)`` for each piece, luma made legal."""
        self._band = band
        rows = len(luma)
        if self._limits is not None:
            low, high = self._limits
            legal = cv2.max(luma, low[:rows], self._legal[:rows])
            luma = cast(Plane, cv2.min(legal, high[:rows], self._legal[:rows]))
        self.hinges = [hinge[:rows] for hinge in self._hinges]
        np.copyto(self.hinges[0], luma)
        for knot, hinge in zip(self._knots[1:], self.hinges[1:], strict=True):
            np.maximum(self.hinges[0], np.float32(knot), out=hinge)

    def maps(self, first: int, count: int) -> Array:
        """Some of the maps on the band, as they are: (count, rows, columns); overwritten by the next call."""
        return self._stretch.band(self._band, first, count)

    def quantity(self, index: int) -> Array:
        """A quantity that depends on luma; overwritten by the next call."""
        total: Array
        total, *slopes = self.maps(index * self._count, self._count)
        for slope, hinge in zip(slopes, self.hinges, strict=False):
            cv2.accumulateProduct(slope, hinge, total)
        return total


class _ChromaPass:
    """U and V at their own size, and chroma's share in luma."""

    def __init__(self, recipe: ChromaRecipe, grid: _Grid) -> None:
        self._recipe, samples = recipe, recipe.samples
        self._size = grid.plane_size(samples.step)
        rows = _band_rows(self._size.width)
        shape = (rows, self._size.width)
        matrix = recipe.mixing
        stretch = grid.stretch(len(matrix), recipe.count, rows, samples.step, samples.siting)
        self._bands = stretch.bands
        self._slicer = _Slicer(recipe, matrix, stretch, shape)
        self._u, self._v, self._input, self._new_u, self._new_v = (np.empty(shape, np.float32) for _ in range(5))
        self.share = Doubled(grid.size, samples.step, samples.siting, _band_rows(grid.size.width))

    def __call__(self, planes: Sequence[Plane], maps: Array) -> list[Plane]:
        """The new U and V (those given where colour is preserved); ``share`` is filled."""
        luma, u, v = planes
        samples = self._recipe.samples
        luma = shrunk(luma, samples.step, samples.siting)
        self._slicer.load(maps)
        outputs = [_empty(u, samples), _empty(v, samples)] if self._recipe.changes_chroma else [u, v]
        for index, rows in enumerate(self._bands):
            self._slicer.begin(index, luma[rows])
            news = self._band(u[rows], v[rows], self.share.interior[rows])
            if self._recipe.changes_chroma:
                for new, output in zip(news, outputs, strict=True):
                    _write(new, output[rows], samples.chroma_limits)
        self.share.finish()
        return outputs

    def _band(self, u_plane: Plane, v_plane: Plane, share: Array) -> tuple[Array, Array]:
        recipe, slicer, rows = self._recipe, self._slicer, len(u_plane)
        u, v, given, new_u, new_v = (b[:rows] for b in (self._u, self._v, self._input, self._new_u, self._new_v))
        np.copyto(u, u_plane)
        np.copyto(v, v_plane)
        luma = slicer.hinges[0]

        red = slicer.quantity(0)
        np.multiply(red, _mixed(u, v, recipe.red_input, given), out=share)
        if recipe.changes_chroma:
            cv2.scaleAdd(luma, recipe.luma_in_v, v, given)
            np.multiply(red, given, out=new_v)
        blue = slicer.quantity(1)
        cv2.accumulateProduct(blue, _mixed(u, v, recipe.blue_input, given), share)
        if recipe.changes_chroma:
            cv2.scaleAdd(luma, recipe.luma_in_u, u, given)
            np.multiply(blue, given, out=new_u)
            cv2.scaleAdd(share, -recipe.luma_in_u, new_u, new_u)
            cv2.scaleAdd(share, -recipe.luma_in_v, new_v, new_v)
        following = 2
        if recipe.has_tint:
            cv2.accumulateProduct(slicer.quantity(2), _mixed(u, v, recipe.tint_input, given), share)
            following = 3
        if recipe.changes_chroma:
            gain = slicer.quantity(following)
            cv2.accumulateProduct(gain, u, new_u)
            cv2.accumulateProduct(gain, v, new_v)
            np.add(new_u, slicer.quantity(following + 1), out=new_u)
            np.add(new_v, slicer.quantity(following + 2), out=new_v)
        return new_u, new_v


class _LumaPass:
    """Luma at full size: its own curve, and chroma's share."""

    def __init__(self, recipe: Recipe, grid: _Grid, share: Doubled | None) -> None:
        self._recipe, self._share = recipe, share
        samples, size = recipe.samples, grid.size
        rows = _band_rows(size.width)
        shape = (rows, size.width)
        # The level at full size as well: pieces of a curve cancel each other, so they must be interpolated alike.
        matrix = np.concatenate([recipe.curve, recipe.level])
        stretch = grid.stretch(len(matrix), 2, rows)
        self._bands = stretch.bands
        self._slicer = _Slicer(recipe, matrix, stretch, shape)
        self._limits = (samples.black, samples.white)

    def __call__(self, luma: Plane, maps: Array) -> Plane:
        """The new luma."""
        self._slicer.load(maps)
        output = _empty(luma, self._recipe.samples)
        for index, rows in enumerate(self._bands):
            self._slicer.begin(index, luma[rows])
            level = self._slicer.maps(len(self._recipe.curve), 1)[0]
            total = level.copy() if self._share is None else np.add(level, self._share.band(rows), out=level).copy()
            self._add_curve(total)
            _write(total, output[rows], self._limits)
        return output

    def _add_curve(self, total: Array) -> None:
        for index, hinge in enumerate(self._slicer.hinges):
            if self._recipe.count > 1:
                rise, bend = self._slicer.maps(2 * index, 2)
                cv2.accumulateProduct(bend, hinge, rise)
            else:
                rise = self._slicer.maps(0, 1)[0]
            cv2.accumulateProduct(rise, hinge, total)


def _empty(like: Plane, samples: Samples) -> Plane:
    return cast(Plane, np.empty(like.shape, samples.dtype))


def _band_rows(width: int) -> int:
    """Rows per band: an even number, so that bands begin where chroma rows do."""
    return max(2, _BAND // width // 2 * 2)


def _product(matrix: Array, maps: Array) -> Array:
    """A recipe's matrix times maps, (rows, height, width). In pieces that BLAS does without waking other threads."""
    given = maps.reshape(len(maps), -1)
    result = np.empty((len(matrix), given.shape[1]), np.float32)
    piece = max(1, 250_000 // matrix.size)
    for start in range(0, given.shape[1], piece):
        np.matmul(matrix[:, :-1], given[:, start : start + piece], out=result[:, start : start + piece])
    result += matrix[:, -1:]
    return result.reshape(len(matrix), *maps.shape[1:])


def _mixed(u: Array, v: Array, weights: tuple[float, float, float], out: Array) -> Array:
    of_u, of_v, constant = weights
    cv2.addWeighted(u, of_u, v, of_v, constant, out)
    return out


def _write(values: Array, out: Plane, limits: tuple[int, int]) -> None:
    """Values, a half added already, as samples: clipped and cut off. ``values`` is overwritten."""
    low, high = limits
    np.clip(values, low, high + 0.5, out=values)
    np.copyto(out, values, casting="unsafe")
