"""Maps brought to a plane's size, against OpenCV's bilinear resize."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from cgtool.change.plane import stretch
from cgtool.change.plane.stretch import COLUMNS, Axis, Stretch, Strips, positions
from cgtool.pictures import Size


@pytest.mark.parametrize(("height", "width"), [(72, 128), (33, 57), (5, 200)])
@pytest.mark.parametrize("rows", [2, 7, 100])
def test_it_is_bilinear(height: int, width: int, rows: int) -> None:
    given = np.random.default_rng(0).normal(size=(3, 9, 16)).astype(np.float32)
    stretched = Stretch(positions(height, 9, height), positions(width, 16, width), (9, 16), 3, 3, rows)
    stretched.load(given)
    result = np.concatenate([stretched.band(index, 0, 3).copy() for index in range(len(stretched.bands))], axis=1)
    for now, field in zip(result, given, strict=True):
        np.testing.assert_allclose(now, cv2.resize(field, (width, height)), atol=2e-3)  # OpenCV's weights are coarse


def test_samples_of_chroma_lie_where_the_siting_says() -> None:
    across = positions(4, 8, 8, step=2, phase=0.0)  # on the first of two pixels; one cell per pixel
    down = positions(4, 8, 8, step=2, phase=0.5)  # between two
    assert across.tolist() == [0, 2, 4, 6]
    assert down.tolist() == [0.5, 2.5, 4.5, 6.5]


def maps(height: int, width: int) -> NDArray[np.float32]:
    return np.random.default_rng(0).integers(-8000, 8000, (2, height, width)).astype(np.float32)


def whole(laid_out: Strips, given: NDArray[np.float32]) -> NDArray[np.int16]:
    return np.concatenate([np.stack(strip.maps).copy() for strip in laid_out.of(given)], axis=1)


@pytest.mark.parametrize("size", [Size(128, 72), Size(57, 33), Size(1280, 720), Size(1920, 1080)], ids=str)
@pytest.mark.parametrize("cells", [(64, 114), (9, 16), (1, 1)])
def test_strips_are_bilinear(size: Size, cells: tuple[int, int]) -> None:
    across = Axis(positions(size.width, cells[1], size.width), cells[1], COLUMNS)
    result = whole(Strips(size, cells[0], size.height / cells[0], across, 2), maps(*cells))
    wanted = [cv2.resize(each, size) for each in maps(*cells)]
    assert np.abs(result - np.stack(wanted)).max() <= 6  # rounded twice; OpenCV's weights for float32 are coarse


def test_strips_that_do_not_begin_with_a_row_are_half_a_row_off_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stretch, "_STRIP", 64 * 100)
    size, cells = Size(64, 719), 33
    ramp = np.broadcast_to(np.arange(cells, dtype=np.float32)[:, None] * 719, (1, cells, 8))
    laid_out = Strips(size, cells, 719 / cells, Axis(positions(64, 8, 64), 8, COLUMNS), 1)
    assert len(list(laid_out.of(ramp))) > 4
    steps = np.diff(whole(laid_out, ramp)[0, 11:-11, 0].astype(int))  # 33 per row
    assert steps.min() >= 16
    assert steps.max() <= 50


def test_every_second_row() -> None:
    size, cells = Size(40, 12), (5, 8)
    across = Axis(positions(40, 8, 40), 8, COLUMNS)
    result = whole(Strips(size, 5, 24 / 5, across, 2, every=2), maps(*cells))
    wanted = [cv2.resize(each, (40, 24))[::2] for each in maps(*cells)]
    assert np.abs(result - np.stack(wanted)).max() <= 6
