"""A picture at a glance: its size, its mode, and a print of it by which copies are known.

The print is two difference hashes (dHash, after Krawetz 2013): whether luma rises from cell to cell, across and down a
grid of 8 x 8. Another size, format or quality hardly changes it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_CELLS = 8
_ALIKE = 6
"""Bits of 128 in which the prints of copies may differ."""
_LEAST_BITS = 24
"""A print with fewer says too little."""
_LEAST_RISE = 2
"""Levels: a smaller rise counts as none, because it is grain."""
_BLOCK = 256

Prints = NDArray[np.uint64]
"""Shape (pictures, 2)."""


@dataclass(frozen=True)
class Glance:
    """One picture.

    Attributes:
        width, height: Upright, px.
        mode: Pillow's, of the file.
        print: Two times 64 bits.
    """

    width: int
    height: int
    mode: str
    print: tuple[int, int]


def glance_at(picture: Image.Image, mode: str) -> Glance:
    """Look at a picture in mode RGB whose file is in another mode."""
    luma = picture.convert("L")
    return Glance(picture.width, picture.height, mode, (_rises(luma, 1), _rises(luma, 0)))


def _rises(luma: Image.Image, axis: int) -> int:
    size = (_CELLS + axis, _CELLS + 1 - axis)
    cells = np.asarray(luma.resize(size, Image.Resampling.BOX, reducing_gap=3.0), np.int16)
    bits = np.packbits((np.diff(cells, axis=axis) >= _LEAST_RISE).ravel())
    return int.from_bytes(bits.tobytes(), "big")


def twins(glances: list[Glance]) -> list[tuple[int, int]]:
    """All pairs of pictures that look like copies of one, by their places in the list.

    Pictures with little in them, such as black ones, are nobody's twins.
    """
    prints: Prints = np.array([glance.print for glance in glances], np.uint64).reshape(-1, 2)
    plain = np.bitwise_count(prints).sum(1) < _LEAST_BITS
    found: list[tuple[int, int]] = []
    for begin in range(0, len(prints), _BLOCK):
        block = prints[begin : begin + _BLOCK]
        distances = np.bitwise_count(block[:, None] ^ prints[None, begin:]).sum(-1, dtype=np.uint8)
        for one, other in zip(*np.nonzero(distances <= _ALIKE), strict=True):
            first, second = begin + int(one), begin + int(other)
            if first < second and not plain[first]:
                found.append((first, second))
    return found
