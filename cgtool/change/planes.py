"""Maps on a frame's own planes.

Video is decoded to luma and chroma, chroma often at a quarter of the size, and encoded from them. What a network
changed is carried out on those planes as they are: luma at full size, chroma at its own size, the same depth, matrix
and range. No RGB frame is made (the formulas: `cgtool.change.colour_space`).

Luma's new value is a curve of itself, cell by cell, and a share that comes from chroma; that share is computed at
chroma's size, where the brightness that chooses between knots is luma brought to chroma's places.

Numbers are int16 in fixed point, a level of 8 bits being 64: half the memory of float32, which is what the time goes
into. OpenCV multiplies them in float32 and rounds and saturates the product, so nothing overflows, and what is lost is
a hundredth of a level. Work goes on in bands of rows that stay in the processor's cache.

After HDRnet (Gharbi et al., "Deep Bilateral Learning for Real-Time Image Enhancement", 2017): a grid of affine maps
over place and brightness, sliced by the picture itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np

from cgtool.change.colour_space import MAPS, Matrix, Samples
from cgtool.change.plane.recipe import ChromaRecipe, Recipe, Units
from cgtool.change.plane.siting import Doubled, Plane, shrunk
from cgtool.change.plane.stretch import COLUMNS, Axis, Strip, Strips, Whole, positions
from cgtool.pictures import Array, Size

_BAND = 81_920
"""Samples per band: 160 KB, so that the few at hand fit the second-level cache, and calls are worth their while."""

_FACTOR = 1 << 12
"""1 in fixed-point factors, which so reach from -8 to 8."""

_BITS = 14
"""Bits of white in fixed point: twice as much, and as much below black, can be held on the way to a result."""

_ALONE = 250_000
"""Multiplications that BLAS does without waking other threads, which costs more than they do."""


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
            samples: The frames' format, of 12 bits at most.
            size: Their size.
            cells: Height and width of the maps.
            knots: How many brightness knots the maps have, 1 or more.
            covered: Height and width of the frame in cells, if the maps reach beyond it at the bottom and right.
            strength: Share of the change, 0 (the source) to 1.
            preserve_color: Change luma alone, by the same amount in R, G and B.
        """
        self._cells = (MAPS * knots, *cells)
        self._strength = strength
        units = Units(_FACTOR, 1 << (_BITS - samples.depth))
        grid = _Grid(size, cells, covered or cells)
        self._chroma: _ChromaPass | None = None
        if samples.kind == "gray":
            recipe = Recipe(samples, knots, strength=strength, preserve_color=preserve_color, units=units)
            self._luma = _LumaPass(recipe, grid, None)
        else:
            recipe = ChromaRecipe(samples, knots, strength=strength, preserve_color=preserve_color, units=units)
            self._chroma = _ChromaPass(recipe, grid)
            self._luma = _LumaPass(recipe, grid, self._chroma.share)

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
        result = list(out) if out else list(planes) if idle else [np.empty_like(plane) for plane in planes]
        if idle:
            for new, plane in zip(result, planes, strict=True):
                if new is not plane:
                    np.copyto(new, plane)
            return result
        if self._chroma is not None:
            result[1:] = self._chroma(planes, maps, result[1:], copy=out is not None)
        self._luma(planes[0], maps, result[0])
        return result


class _Grid:
    """A frame and its maps."""

    def __init__(self, size: Size, cells: tuple[int, int], covered: tuple[float, float]) -> None:
        self.size, self.cells, self._covered = size, cells, covered

    def plane_size(self, step: tuple[int, int]) -> Size:
        across, down = step
        return Size(-(-self.size.width // across), -(-self.size.height // down))

    def strips(self, maps: int, step: tuple[int, int], siting: tuple[float, float]) -> Strips:
        plane, (height, width), (_, down) = self.plane_size(step), self._covered, step
        across = Axis(positions(plane.width, width, self.size.width, step[0], siting[0]), self.cells[1], COLUMNS)
        # Rows that lie on the first of two of luma's are every second one of luma's; others divide the frame evenly.
        on_rows = down == 2 and siting[1] == 0
        per_cell = self.size.height / height / (1 if on_rows else down)
        return Strips(plane, self.cells[0], per_cell, across, maps, every=2 if on_rows else 1)


class _Bands:
    """A plane's rows, strip by strip and band by band, with maps and luma's parts (`cgtool.change.plane.recipe`)."""

    def __init__(self, recipe: Recipe, matrix: Matrix, grid: _Grid, *, chroma: bool) -> None:
        self._matrix = matrix.astype(np.float32)
        samples = recipe.samples
        step, siting = (samples.step, samples.siting) if chroma else ((1, 1), (0.0, 0.0))
        self._strips = grid.strips(len(matrix), step, siting)
        width = grid.plane_size(step).width
        self.height = max(1, _BAND // width)
        shape = (self.height, width)
        self._luma = np.empty(shape, np.int16)
        self._parts = [np.empty(shape, np.int16) for _ in recipe.ends[1:]]
        self._ends = [np.full(shape, end, np.int16) for end in recipe.ends]
        self.widths = [bright - dark for dark, bright in zip(recipe.ends[:-1], recipe.ends[1:], strict=True)]
        self._pieces = recipe.pieces
        self.maps: list[Whole] = []
        self.parts: list[Whole] = []

    def strips(self, maps: Array) -> Iterator[Strip]:
        """Strips of a frame whose maps these are, (7 * knots, height, width)."""
        return self._strips.of(_factors(self._matrix, maps))

    def within(self, strip: Strip) -> Iterator[slice]:
        """The rows of a strip's bands, for each of which ``maps`` are set."""
        for top in range(strip.rows.start, strip.rows.stop, self.height):
            rows = slice(top, min(top + self.height, strip.rows.stop))
            own = slice(top - strip.rows.start, rows.stop - strip.rows.start)
            self.maps = [each[own] for each in strip.maps]
            yield rows

    def read(self, luma: Plane) -> None:
        """Set ``parts`` by a band of luma."""
        rows = len(luma)
        whole = self._luma[:rows]
        np.copyto(whole, luma, casting="unsafe")
        self.parts = [part[:rows] for part in self._parts]
        ends = [end[:rows] for end in self._ends]
        for part, dark, bright in zip(self.parts, ends[:-1], ends[1:], strict=True):
            np.maximum(whole, dark, out=part)
            np.minimum(part, bright, out=part)
            np.subtract(part, dark, out=part)

    def quantity(self, index: int) -> Whole:
        """The ``index``-th quantity that depends on luma."""
        first = index * (self._pieces + 1)
        total, *steps = self.maps[first : first + self._pieces + 1]
        for step, part, width in zip(steps, self.parts, self.widths, strict=False):
            cv2.add(total, cv2.multiply(step, part, step, 1 / width), total)
        return total


class _ChromaPass:
    """U and V at their own size, and chroma's share in luma."""

    def __init__(self, recipe: ChromaRecipe, grid: _Grid) -> None:
        self._recipe, samples = recipe, recipe.samples
        self._bands = _Bands(recipe, recipe.mixing, grid, chroma=True)
        shape = (self._bands.height, grid.plane_size(samples.step).width)
        self._buffers = [np.empty(shape, np.int16) for _ in range(7)]
        self._rounding = _Rounding(recipe, samples.chroma_limits, shape)
        self._gray = np.full(shape, samples.gray, np.int16)
        self.share = Doubled(grid.size, samples.step, samples.siting)

    def __call__(self, planes: Sequence[Plane], maps: Array, out: list[Plane], *, copy: bool) -> list[Plane]:
        """The new U and V; ``share`` is filled."""
        luma, u, v = planes
        samples, bands, kept = self._recipe.samples, self._bands, self._recipe.preserve_color
        luma = shrunk(luma, samples.step, samples.siting)
        for strip in bands.strips(maps):
            for rows in bands.within(strip):
                bands.read(luma[rows])
                news = self._band(u[rows], v[rows], self.share.plane[rows])
                for new, plane in zip(news, out, strict=False):
                    self._rounding(new, plane[rows])
        self.share.finish()
        if kept and copy:
            np.copyto(out[0], u)
            np.copyto(out[1], v)
        return [u, v] if kept and not copy else out

    def _band(self, u_plane: Plane, v_plane: Plane, share: Whole) -> list[Whole]:
        """A band's new U and V, none where colour is preserved; its share in luma is filled."""
        recipe, bands = self._recipe, self._bands
        factor, level = recipe.units
        u, v, luma, given, product, new_u, new_v = (buffer[: len(share)] for buffer in self._buffers)
        for new, plane in ((u, u_plane), (v, v_plane)):
            np.copyto(new, plane, casting="unsafe")
            np.subtract(new, self._gray[: len(new)], out=new)
        red = bands.quantity(0)
        cv2.multiply(red, _mixed(u, v, recipe.red_input * level, given), share, 1 / factor)
        blue = bands.quantity(1)
        cv2.multiply(blue, _mixed(u, v, recipe.blue_input * level, given), product, 1 / factor)
        cv2.add(share, product, share)
        if not recipe.preserve_color:
            self._sum_parts(luma)
            for new, own, other, per_luma in (
                (new_u, u, blue, recipe.luma_in_u),
                (new_v, v, red, recipe.luma_in_v),
            ):
                _mixed(own, luma, np.array([level, per_luma * level]), given)
                cv2.multiply(other, given, new, 1 / factor)
                cv2.addWeighted(new, 1, share, -per_luma, 0, new)
        following = 2
        if recipe.has_tint:
            tint = bands.quantity(2)
            cv2.multiply(tint, _mixed(u, v, recipe.tint_input * level, given), product, 1 / factor)
            cv2.add(share, product, share)
            following = 3
        if recipe.preserve_color:
            return []
        gain = bands.quantity(following)
        for index, (new, own) in enumerate(((new_u, u), (new_v, v)), following + 1):
            cv2.add(new, cv2.multiply(gain, own, product, level / factor), new)
            cv2.add(new, bands.quantity(index), new)
        return [new_u, new_v]

    def _sum_parts(self, luma: Whole) -> None:
        """Luma counted from black: all of its parts."""
        first, *others = self._bands.parts
        np.copyto(luma, first)
        for part in others:
            np.add(luma, part, out=luma)


class _LumaPass:
    """Luma at full size: its own curve, and chroma's share."""

    def __init__(self, recipe: Recipe, grid: _Grid, share: Doubled | None) -> None:
        self._recipe, self._share = recipe, share
        # The level at full size as well: it goes against the curve, so both must be interpolated alike.
        self._bands = _Bands(recipe, np.concatenate([recipe.curve, recipe.level]), grid, chroma=False)
        limits = recipe.samples.black, recipe.samples.white
        self._rounding = _Rounding(recipe, limits, (self._bands.height, grid.size.width))

    def __call__(self, luma: Plane, maps: Array, out: Plane) -> None:
        """Write the new luma."""
        bands = self._bands
        for strip in bands.strips(maps):
            share = self._share.rows(strip.rows) if self._share else None
            for rows in bands.within(strip):
                bands.read(luma[rows])
                total = bands.maps[-1]
                self._add_curve(total)
                if share is not None:
                    cv2.add(total, share[rows.start - strip.rows.start : rows.stop - strip.rows.start], total)
                self._rounding(total, out[rows])

    def _add_curve(self, total: Whole) -> None:
        bands, (factor, level) = self._bands, self._recipe.units
        stride = 2 if self._recipe.pieces else 1
        for index, (part, width) in enumerate(zip(bands.parts, bands.widths, strict=True)):
            rise = bands.maps[index * stride]
            if self._recipe.pieces:
                bend = bands.maps[index * stride + 1]
                cv2.add(rise, cv2.multiply(bend, part, bend, 1 / width), rise)
            cv2.add(total, cv2.multiply(rise, part, rise, level / factor), total)


class _Rounding:
    """Fixed point, half a level added already, to samples: cut off, made legal."""

    def __init__(self, recipe: Recipe, limits: tuple[int, int], shape: tuple[int, int]) -> None:
        self._bits = _BITS - recipe.samples.depth
        self._low, self._high = (np.full(shape, limit, np.int16) for limit in limits)

    def __call__(self, values: Whole, out: Plane) -> None:
        """Write values, which are overwritten."""
        np.right_shift(values, self._bits, out=values)
        np.maximum(values, self._low[: len(values)], out=values)
        np.minimum(values, self._high[: len(values)], out=values)
        np.copyto(out, values, casting="unsafe")


def _factors(matrix: Array, maps: Array) -> Array:
    """A recipe's matrix times maps, (rows, height, width), within what an int16 holds."""
    given = maps.reshape(len(maps), -1)
    result = np.empty((len(matrix), given.shape[1]), np.float32)
    piece = max(1, _ALONE // matrix.size)
    for start in range(0, given.shape[1], piece):
        np.matmul(matrix[:, :-1], given[:, start : start + piece], out=result[:, start : start + piece])
    result += matrix[:, -1:]
    np.clip(result, -32768, 32767, out=result)
    return result.reshape(len(matrix), *maps.shape[1:])


def _mixed(one: Whole, other: Whole, weights: Matrix, out: Whole) -> Whole:
    cv2.addWeighted(one, float(weights[0]), other, float(weights[1]), 0, out)
    return out
