"""Luma at chroma's places, and chroma at luma's."""

from __future__ import annotations

import numpy as np
import pytest

from cgtool.change.plane.siting import Doubled, shrunk
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
@pytest.mark.parametrize("rows", [3, 4, 12])
def test_a_gradient_comes_back_as_it_was(phase: float, rows: int) -> None:
    doubled = Doubled(Size(20, 12), (2, 2), (phase, phase))
    y, x = np.mgrid[:6, :10]
    doubled.plane[:] = 100 * (2 * x + phase) + 1000 * (2 * y + phase)
    doubled.finish()
    whole = np.concatenate([doubled[top : top + rows] for top in range(0, 12, rows)])
    y, x = np.mgrid[:12, :20]
    np.testing.assert_allclose(whole[2:-3, 2:-3], (100 * x + 1000 * y)[2:-3, 2:-3], atol=1)


def test_odd_sizes_leave_out_what_lies_beyond() -> None:
    doubled = Doubled(Size(5, 3), (2, 2), (0.5, 0.5))
    doubled.plane[:] = 7
    doubled.finish()
    assert doubled[0:3].tolist() == [[7] * 5] * 3


def test_chroma_of_luma_s_size_is_read_as_it_is() -> None:
    doubled = Doubled(Size(5, 3), (1, 1), (0, 0))
    doubled.plane[:] = np.arange(15).reshape(3, 5)
    doubled.finish()
    assert doubled[1:3].tolist() == [[5, 6, 7, 8, 9], [10, 11, 12, 13, 14]]
