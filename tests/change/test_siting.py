"""Luma at chroma's places, and chroma at luma's."""

from __future__ import annotations

import numpy as np
import pytest

from cgtool.change.siting import Doubled, shrunk
from cgtool.pictures import Size

ROW = np.array([[10, 20, 40, 80, 160, 200]], np.uint8).repeat(4, axis=0)


def test_where_a_sample_lies_between_two_pixels_it_is_their_mean() -> None:
    assert shrunk(ROW, (2, 2), (0.5, 0.5))[0].tolist() == [15, 60, 180]


def test_where_it_lies_on_a_pixel_both_neighbours_count_half() -> None:
    # (10 + 2 * 10 + 20) / 4, (20 + 2 * 40 + 80) / 4, (80 + 2 * 160 + 200) / 4, give or take OpenCV's rounding
    np.testing.assert_allclose(shrunk(ROW, (2, 1), (0, 0))[0].astype(int), [12.5, 45, 150], atol=1)


def test_odd_sizes_repeat_their_last_pixel() -> None:
    assert shrunk(ROW[:3, :5], (2, 2), (0.5, 0.5)).shape == (2, 3)


@pytest.mark.parametrize("phase", [0.0, 0.5])
def test_a_gradient_comes_back_as_it_was(phase: float) -> None:
    size = Size(20, 12)
    doubled = Doubled(size, (2, 2), (phase, phase), rows=4)
    rows, columns = np.mgrid[:6, :10].astype(np.float32)
    doubled.interior[:] = 2 * columns + phase + 100 * (2 * rows + phase)
    doubled.finish()
    whole = np.concatenate([doubled.band(slice(top, top + 4)).copy() for top in range(0, 12, 4)])
    y, x = np.mgrid[:12, :20]
    np.testing.assert_allclose(whole[1:-1, 1:-1], (x + 100.0 * y)[1:-1, 1:-1], atol=1e-2)
