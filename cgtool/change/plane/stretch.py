"""Maps brought to a plane's size, some rows at a time, so that what is interpolated never leaves the processor's cache.

Bilinear interpolation is two small matrix products: one across, done once per map row, and one down. BLAS does both at
several values per nanosecond, and any offset between the grids (chroma siting, a grid that reaches beyond the picture)
costs nothing. `Stretch` does so in float32. `Strips`, in fixed point, leaves the way down to OpenCV.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from cgtool.pictures import Array, Size

Whole = NDArray[np.int16]

_STRIP = 230_400
"""About how many samples a strip has: few enough that its maps stay in the processor's caches."""

_LEAST_CELLS = 2
"""Each strip is made from one cell more than it has: fewer cells would mean more waste."""

COLUMNS = 64
"""Columns interpolated at a time: their cells are few enough for a small matrix, yet BLAS is fast with so many."""


class Axis:
    """Linear interpolation along one axis, in blocks of samples that lie together."""

    def __init__(self, positions: Array, cells: int, block: int) -> None:
        """Lay out the blocks.

        Args:
            positions: Where each sample lies, counted in cells: 0 is the first cell's centre. Rising.
            cells: How many cells there are. Beyond the first and last centre their values hold.
            block: Samples per block.
        """
        inside = np.clip(positions, 0, cells - 1)
        lower = np.minimum(inside.astype(np.intp), max(cells - 2, 0))
        share = (inside - lower).astype(np.float32)
        self.blocks: list[tuple[slice, slice, Array]] = []
        for start in range(0, len(positions), block):
            samples = slice(start, min(start + block, len(positions)))
            first, last = int(lower[samples][0]), min(int(lower[samples][-1]) + 2, cells)
            weights = np.zeros((samples.stop - start, last - first), np.float32)
            rows, columns = np.arange(samples.stop - start), lower[samples] - first
            weights[rows, columns] = 1 - share[samples]
            if cells > 1:
                weights[rows, columns + 1] = share[samples]
            self.blocks.append((samples, slice(first, last), weights))


def positions(length: int, cells: float, picture_length: int, step: int = 1, phase: float = 0.0) -> Array:
    """Where a plane's samples lie on the maps, in cells.

    Args:
        length: Samples of the plane along this axis.
        cells: Cells that the picture covers along this axis; need not be whole.
        picture_length: Pixels of the picture along this axis.
        step: Pixels per sample: 2 for subsampled chroma.
        phase: Pixels from the first pixel's centre to the first sample's.
    """
    pixels = np.arange(length, dtype=np.float32) * step + phase
    return np.asarray((pixels + 0.5) * (cells / picture_length) - 0.5, np.float32)


class Stretch:
    """Maps of one size on a plane of one size. Holds what was interpolated across; serves one thread."""

    def __init__(self, down: Array, across: Array, cells: tuple[int, int], maps: int, at_once: int, rows: int) -> None:
        """Prepare the weights.

        Args:
            down, across: Positions of the plane's rows and columns (see `positions`).
            cells: Height and width of the maps.
            maps: How many maps there are.
            at_once: How many of them are read at a time, at most.
            rows: Rows per band.
        """
        height, width = cells
        self._down = Axis(down, height, rows)
        self._across = Axis(across, width, COLUMNS)
        # The product across wants (cells, columns).
        self._columns = [(x, c, np.ascontiguousarray(weights.T)) for x, c, weights in self._across.blocks]
        self._wide = np.empty((maps, height, len(across)), np.float32)
        self._band = np.empty((at_once, min(rows, len(down)), len(across)), np.float32)

    def load(self, maps: Array) -> None:
        """Take new maps, float32, (maps, height, width): they are interpolated across."""
        for samples, cells, weights in self._columns:
            np.matmul(maps[:, :, cells], weights, out=self._wide[:, :, samples])

    @property
    def bands(self) -> list[slice]:
        """The plane's rows, band by band."""
        return [rows for rows, _, _ in self._down.blocks]

    def band(self, index: int, first: int, count: int) -> Array:
        """Some of the maps on a band's rows: float32, (count, rows, columns), overwritten by the next call."""
        rows, cells, weights = self._down.blocks[index]
        out = self._band[:count, : rows.stop - rows.start]
        return np.matmul(weights, self._wide[first : first + count, cells], out=out)


class Strip(NamedTuple):
    """Some rows of a plane, and the maps on them: (rows, columns) each, to be overwritten at will."""

    rows: slice
    maps: list[Whole]


class Strips:
    """Maps of one size on a plane of one size, in fixed point. Holds buffers; serves one thread.

    Across, a matrix product places every column exactly; down, OpenCV's resize is twice as fast, and what it can't
    place is asked for at twice the rows.
    """

    def __init__(
        self, plane: Size, cells: int, rows_per_cell: float, across: Axis, maps: int, *, every: int = 1
    ) -> None:
        """Lay out the strips.

        Args:
            plane: The plane's size.
            cells: Height of the maps.
            rows_per_cell: Need not be whole. Rows' centres divide the frame evenly.
            across: Where the plane's columns lie.
            maps: How many maps there are.
            every: Of the rows, the plane has every second one from the first on, if 2.
        """
        self._plane, self._down, self._every = plane, rows_per_cell, every
        self._columns = [(x, source, np.ascontiguousarray(weights.T)) for x, source, weights in across.blocks]
        self._wide = np.empty((maps, cells, plane.width), np.float32)
        # One row more than there are cells, the last one once again: what lies beyond the last centre.
        self._whole = np.empty((maps, cells + 1, plane.width), np.int16)
        self._strips = list(self._layout(cells))
        rows = max(self._height(source) for source, _, _ in self._strips)
        self._buffer = np.empty((maps, rows, plane.width), np.int16)

    def _layout(self, cells: int) -> Iterator[tuple[slice, int, slice]]:
        """Of each strip: the map rows that it is made from, how many rows at its top are of no use, its rows.

        A strip ends in the middle of a cell, where the next one's maps begin half a cell before. So nothing is
        interpolated beyond what a strip is made from. It lies exactly where it belongs if its first cell begins where
        a row does; elsewhere it is half a row off at most.
        """
        down, rows = self._down, self._plane.height * self._every
        step = max(_LEAST_CELLS, round(_STRIP / self._plane.width / down))
        step = next((s for s in range(step, 4 * step) if float(s * down).is_integer()), step)
        top = 0
        for first in range(0, cells, step):
            last = first + step
            bottom = rows if last >= cells else min(rows, round((last + 0.5) * down / self._every) * self._every)
            if bottom > top:
                yield slice(first, min(last, cells) + 1), top - round(first * down), slice(top, bottom)
            top = bottom

    def _height(self, source: slice) -> int:
        return round(float(source.stop - source.start) * self._down)

    def of(self, maps: Array) -> Iterator[Strip]:
        """The plane, strip by strip, each valid until the next.

        Args:
            maps: float32, (maps, height, width), cut off to whole numbers once they are interpolated across.
        """
        for samples, cells, weights in self._columns:
            np.matmul(maps[:, :, cells], weights, out=self._wide[:, :, samples])
        np.copyto(self._whole[:, :-1], self._wide, casting="unsafe")
        self._whole[:, -1] = self._whole[:, -2]
        for source, above, rows in self._strips:
            made = self._buffer[:, : self._height(source)]
            for each, out in zip(self._whole, made, strict=True):
                cv2.resize(each[source], None, out, 1, self._down, cv2.INTER_LINEAR)
            part = slice(above, above + rows.stop - rows.start, self._every)
            own = slice(rows.start // self._every, rows.stop // self._every)
            yield Strip(own, [each[part] for each in made])
