"""Maps at a plane's columns, and its rows in bands, against OpenCV's bilinear resize."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from cgtool.change.plane.stretch import Wide, banded, positions
from cgtool.pictures import Size


def interpolated(size: Size, cells: tuple[int, int], given: NDArray[np.float32], samples: int) -> NDArray[np.float32]:
    """Maps at every pixel, as a formula reads them."""
    wide = Wide(np.eye(len(given), len(given) + 1), positions(size.width, cells[1], size.width), cells)
    wide.load(given)
    result = np.full((len(given), size.height, size.width), np.nan, np.float32)
    for band in banded(positions(size.height, cells[0], size.height), cells[0], size.width, samples):
        rows = wide.rows[:, band.maps]
        above, below = rows[:, :-1, None], rows[:, 1:, None]
        placed = (above + (below - above) * band.shares).reshape(len(given), -1, size.width)
        result[:, band.rows] = placed[:, band.places]
    return result


@pytest.mark.parametrize("size", [Size(128, 72), Size(57, 33), Size(200, 5), Size(1280, 720), Size(64, 719)], ids=str)
@pytest.mark.parametrize("cells", [(64, 114), (9, 16), (1, 1)])
@pytest.mark.parametrize("samples", [1, 3_000, 10**9])
def test_it_is_bilinear(size: Size, cells: tuple[int, int], samples: int) -> None:
    given = np.random.default_rng(0).normal(size=(2, *cells)).astype(np.float32)
    wanted = [cv2.resize(each, (size.width, size.height)) for each in given]
    result = interpolated(size, cells, given, samples)
    np.testing.assert_allclose(result, np.stack(wanted), atol=3e-3)  # OpenCV's weights are coarse


def test_samples_of_chroma_lie_where_the_siting_says() -> None:
    across = positions(4, 8, 8, step=2, phase=0.0)  # on the first of two pixels; one cell per pixel
    down = positions(4, 8, 8, step=2, phase=0.5)  # between two
    assert across.tolist() == [0, 2, 4, 6]
    assert down.tolist() == [0.5, 2.5, 4.5, 6.5]


def test_mixtures_are_of_the_maps_and_of_one() -> None:
    wide = Wide(np.array([[2.0, 3.0, 5.0]]), positions(4, 2, 4), (1, 2))
    wide.load(np.array([[[1, 1]], [[10, 10]]], np.float32))
    assert (wide.rows == 2 + 30 + 5).all()


@pytest.mark.parametrize("height", [1, 7, 719, 720, 1080])
@pytest.mark.parametrize("samples", [1, 10_000, 10**9])
def test_bands_have_one_shape_and_hold_every_row_in_its_place(height: int, samples: int) -> None:
    bands = banded(positions(height, 48, height), 48, 100, samples)
    assert len({band.shares.shape for band in bands}) == 1
    held = np.zeros(height, bool)
    for band in bands:
        rows = np.arange(height)[band.rows]
        assert rows[band.filled][band.places].tolist() == rows.tolist()
        held[band.rows] = True
    assert held.all()


def test_maps_may_reach_beyond_the_picture() -> None:
    [band] = banded(positions(10, 2.5, 10), 4, 8, 10**9)
    assert band.maps == slice(0, 4)  # rows 0 to 2.5 of 4, and the one above them
    assert band.rows == slice(0, 10)
