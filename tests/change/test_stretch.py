"""Maps brought to a plane's size, against OpenCV's bilinear resize."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from cgtool.change.stretch import Stretch, positions


@pytest.mark.parametrize(("height", "width"), [(72, 128), (33, 57), (5, 200)])
@pytest.mark.parametrize("rows", [2, 7, 100])
def test_it_is_bilinear(height: int, width: int, rows: int) -> None:
    maps = np.random.default_rng(0).normal(size=(3, 9, 16)).astype(np.float32)
    stretch = Stretch(positions(height, 9, height), positions(width, 16, width), (9, 16), 3, 3, rows)
    stretch.load(maps)
    whole = np.concatenate([stretch.band(index, 0, 3).copy() for index in range(len(stretch.bands))], axis=1)
    for now, given in zip(whole, maps, strict=True):
        np.testing.assert_allclose(now, cv2.resize(given, (width, height)), atol=2e-3)  # OpenCV's weights are coarse


def test_samples_of_chroma_lie_where_the_siting_says() -> None:
    across = positions(4, 8, 8, step=2, phase=0.0)  # on the first of two pixels; one cell per pixel
    down = positions(4, 8, 8, step=2, phase=0.5)  # between two
    assert across.tolist() == [0, 2, 4, 6]
    assert down.tolist() == [0.5, 2.5, 4.5, 6.5]
