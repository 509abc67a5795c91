from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.tools.contact_sheet import contact_sheet

RED, GREEN, BLUE = (220, 20, 20), (20, 200, 20), (20, 20, 220)


def plain(colour: tuple[int, int, int], height: int, width: int) -> NDArray[np.uint8]:
    return np.full((height, width, 3), colour, np.uint8)


def box(sheet: NDArray[np.uint8], colour: tuple[int, int, int]) -> tuple[int, int, int, int]:
    """Top, left, height and width of the area of a colour, which must be filled."""
    rows, columns = np.nonzero((sheet == colour).all(axis=2))
    top, left, height, width = rows.min(), columns.min(), np.ptp(rows) + 1, np.ptp(columns) + 1
    assert rows.size == height * width
    return int(top), int(left), int(height), int(width)


def test_pictures_are_scaled_to_the_cell_and_kept_in_their_places() -> None:
    rows = [[plain(RED, 90, 160), plain(GREEN, 180, 320)], [plain(BLUE, 100, 50)]]
    sheet = contact_sheet(rows, cell_width=200)
    assert sheet.dtype == np.uint8
    assert sheet.shape == (12 + 112 + 12 + 400 + 12, 12 + 200 + 12 + 200 + 12, 3)
    assert box(sheet, RED) == (12, 12, 112, 200)
    assert box(sheet, GREEN) == (12, 224, 112, 200)
    assert box(sheet, BLUE) == (136, 12, 400, 200)


def test_captions_stand_above_their_pictures_and_on_none() -> None:
    rows = [[plain(RED, 50, 100), plain(GREEN, 50, 100)], [plain(BLUE, 50, 100)] * 2]
    bare = contact_sheet(rows, cell_width=100)
    sheet = contact_sheet(rows, columns=["summer", "winter"], labels=["0 s", "a label " * 40], cell_width=100)
    top, left, height, width = box(sheet, RED)
    assert (left, height, width) == (12, 50, 100)
    assert sheet.shape == (bare.shape[0] + 3 * 22, bare.shape[1], 3)
    inked = (sheet != sheet[0, 0]).any(axis=2)
    assert inked[:top, :112].any()  # column caption and label over the first column
    assert inked[: top - 22, 124:].any()
    assert not inked[top - 22 : top, 124:].any()  # the label is short
    assert inked[top + height :, :].any(axis=1).sum() > 50
    assert not inked[:, -12:].any()  # the long label is cut off at the margin
    assert box(sheet, GREEN)[0] == top


def test_captions_must_match() -> None:
    rows = [[plain(RED, 10, 10)]]
    with pytest.raises(ValueError, match="2 column and 0 row captions for 1 columns and 1 rows"):
        contact_sheet(rows, columns=["a", "b"])
    with pytest.raises(ValueError, match="0 column and 2 row captions"):
        contact_sheet(rows, labels=["a", "b"])


@pytest.mark.parametrize("rows", [[], [[]]])
def test_nothing_to_show(rows: list[list[NDArray[np.uint8]]]) -> None:
    with pytest.raises(ValueError, match="needs a picture"):
        contact_sheet(rows)
