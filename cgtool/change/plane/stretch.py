"""Where a plane's samples lie on the maps, and the maps brought to its columns.

Bilinear interpolation goes across first, once per map row, as a small matrix product: any offset between the grids
(chroma siting, a grid that reaches beyond the picture) costs nothing. Down, a row lies in an **interval** between two
map rows, at some share of the way; that step is part of the arithmetic of each sample (`cgtool.change.plane.fused`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cgtool.change.colour_space import Matrix
from cgtool.pictures import Array

COLUMNS = 64
"""Columns interpolated at a time: their cells are few enough for a small matrix, yet BLAS is fast with so many."""

_ALONE = 250_000
"""Multiplications that BLAS does without waking other threads, which costs more than they do."""


def positions(length: int, cells: float, picture_length: int, step: int = 1, phase: float = 0.0) -> Array:
    """Where a plane's samples lie on the maps, in cells: 0 is the first cell's centre.

    Args:
        length: Samples of the plane along this axis.
        cells: Cells that the picture covers along this axis; need not be whole.
        picture_length: Pixels of the picture along this axis.
        step: Pixels per sample: 2 for subsampled chroma.
        phase: Pixels from the first pixel's centre to the first sample's.
    """
    pixels = np.arange(length, dtype=np.float64) * step + phase
    return np.asarray((pixels + 0.5) * (cells / picture_length) - 0.5, np.float32)


class Wide:
    """Mixtures of maps at a plane's columns. Holds buffers; serves one thread.

    Attributes:
        rows: float32, (mixtures, map rows + 2, columns): the first and the last map row are there twice, because
            beyond their centres their values hold.
    """

    def __init__(self, matrix: Matrix, across: Array, cells: tuple[int, int]) -> None:
        """Lay out the blocks of columns.

        Args:
            matrix: A row per mixture, a column per map and one for 1.
            across: Where the columns lie (see `positions`).
            cells: Height and width of the maps.
        """
        height, width = cells
        self._matrix = matrix.astype(np.float32)
        self.rows = np.empty((len(matrix), height + 2, len(across)), np.float32)
        inside = np.clip(across, 0, width - 1)
        lower = np.minimum(inside.astype(np.intp), max(width - 2, 0))
        share = (inside - lower).astype(np.float32)
        self._blocks: list[tuple[slice, slice, Array]] = []
        for start in range(0, len(across), COLUMNS):
            samples = slice(start, min(start + COLUMNS, len(across)))
            first, last = int(lower[samples][0]), min(int(lower[samples][-1]) + 2, width)
            weights = np.zeros((last - first, samples.stop - start), np.float32)
            of, columns = lower[samples] - first, np.arange(samples.stop - start)
            weights[of, columns] = 1 - share[samples]
            if width > 1:
                weights[of + 1, columns] = share[samples]
            self._blocks.append((samples, slice(first, last), weights))

    def load(self, maps: Array) -> None:
        """Take new maps, float32, (maps, height, width)."""
        mixed = self._mixed(maps)
        for samples, cells, weights in self._blocks:
            np.matmul(mixed[:, :, cells], weights, out=self.rows[:, 1:-1, samples])
        self.rows[:, 0], self.rows[:, -1] = self.rows[:, 1], self.rows[:, -2]

    def _mixed(self, maps: Array) -> Array:
        given = maps.reshape(len(maps), -1)
        result = np.empty((len(self._matrix), given.shape[1]), np.float32)
        piece = max(1, _ALONE // self._matrix.size)
        for start in range(0, given.shape[1], piece):
            np.matmul(self._matrix[:, :-1], given[:, start : start + piece], out=result[:, start : start + piece])
        result += self._matrix[:, -1:]
        return result.reshape(-1, *maps.shape[1:])


class Band:
    """Some intervals that lie together, and the plane's rows in them. Every interval has room for as many rows.

    Attributes:
        maps: Of a `Wide`'s rows, those that the intervals lie between: one more than there are intervals.
        rows: Of the plane.
        filled: Which of ``rows`` each place holds, counted from its first, (intervals * room); places that no row fills
            hold the one before.
        places: Where each of ``rows`` is held.
        shares: How far each place is from the map row above to the one below, float32, (intervals, room, 1).
    """

    def __init__(self, first: int, intervals: int, room: int, down: Array, interval_of: NDArray[np.intp]) -> None:
        begin = int(np.searchsorted(interval_of, first))
        end = int(np.searchsorted(interval_of, first + intervals))
        self.maps, self.rows = slice(first, first + intervals + 1), slice(begin, end)
        of = interval_of[begin:end]
        starts = np.searchsorted(of, np.arange(first, first + intervals))
        self.places = np.asarray((of - first) * room + np.arange(len(of)) - starts[of - first], np.intp)
        held = np.zeros(intervals * room, np.intp)
        held[self.places] = np.arange(len(of))
        self.filled = np.maximum.accumulate(held)
        self.shares = np.zeros((intervals, room, 1), np.float32)
        self.shares.flat[self.places] = down[begin:end] - np.floor(down[begin:end])


def banded(down: Array, cells: int, columns: int, samples: int) -> list[Band]:
    """A plane's rows in bands of one shape. The last may have rows of the one before once more.

    Args:
        down: Where the rows lie (see `positions`), rising.
        cells: How many map rows there are.
        columns: Samples per row.
        samples: How many a band should have at most.
    """
    interval_of = np.clip(np.floor(down).astype(np.intp) + 1, 0, cells)
    first, last = int(interval_of[0]), int(interval_of[-1])
    room, count = int(np.bincount(interval_of).max()), last - first + 1
    each = -(-count // -(-count // max(1, samples // (room * columns))))
    starts = [min(start, last + 1 - each) for start in range(first, last + 1, each)]
    bands = [Band(start, each, room, down, interval_of) for start in starts]
    return [band for band in bands if len(band.places)]
