"""The contact sheet of the data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from cgtool.training.data.check import look_at_data
from cgtool.training.data.sheet import write_sheet
from tests.training.data.test_glance import picture


def test_a_row_for_each_folder_and_one_for_copies(tmp_path: Path) -> None:
    for folder, color in (("trainA", "red"), ("trainB", "blue")):
        (tmp_path / folder).mkdir()
        Image.new("RGB", (90, 60), color).save(tmp_path / folder / "plain.png")
    heights = []
    for name in ("one.jpg", "two.jpg"):
        check = look_at_data((tmp_path / "trainA", tmp_path / "trainB"), ("a", "b"), None, 1)
        write_sheet(tmp_path / name, check)
        with Image.open(tmp_path / name) as file:
            sheet = np.asarray(file)
        heights.append(sheet.shape[0])
        red, blue = (sheet[row * sheet.shape[0] // len([*check.domains, *check.copies]) + 60, 20] for row in (0, 1))
        assert red[0] > 200 > 60 > red[2]
        assert blue[2] > 200 > 60 > blue[0]
        picture(5).save(tmp_path / "trainA" / "x.png")
        picture(5).resize((50, 50)).save(tmp_path / "trainA" / "y.png")
    assert heights[1] == heights[0] * 3 // 2
