from __future__ import annotations

from fractions import Fraction

import numpy as np

from cgtool.frame import Frame, PlanarFrame


def test_times_are_exact_and_memory_is_counted() -> None:
    frame = Frame(np.zeros((4, 6, 3), np.uint8), 7, 1001, Fraction(1, 30000))
    assert frame.pts_seconds == Fraction(1001, 30000)
    assert frame.nbytes == 72


def test_planes_are_counted_whatever_their_depth() -> None:
    planes = (np.zeros((4, 6), np.uint16), np.zeros((2, 3), np.uint16), np.zeros((2, 3), np.uint16))
    frame = PlanarFrame("yuv420p10le", planes, 0, -3, Fraction(1, 10))
    assert frame.pts_seconds == Fraction(-3, 10)
    assert frame.nbytes == 2 * (24 + 6 + 6)
