"""Maps brought to a plane's size, a band of rows at a time.

Bilinear interpolation is two small matrix products: one across, done once per map row, and one down, done per band, so
that what is interpolated never leaves the processor's cache. BLAS does both at several values per nanosecond, and any
offset between the grids (chroma siting, a grid that reaches beyond the picture) costs nothing.
"""

from __future__ import annotations

import numpy as np

from cgtool.pictures import Array

_COLUMNS = 64
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
        self._across = Axis(across, width, _COLUMNS)
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
