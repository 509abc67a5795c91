"""Looking at a folder of data."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from cgtool.errors import CgtoolError, UsageError
from cgtool.tasks.check_data import check_data
from tests.training.data.toy import write_domains


def test_a_folder_is_looked_at_and_shown(tmp_path: Path) -> None:
    data = write_domains(tmp_path / "toy")
    check = check_data(data, tmp_path / "sheet.jpg")
    assert [len(domain) for domain in check.domains] == [6, 6, 2, 1]
    with Image.open(tmp_path / "sheet.jpg") as sheet:
        assert sheet.width > 1000


def test_masks_are_looked_at_where_there_are_some(tmp_path: Path) -> None:
    data = write_domains(tmp_path / "toy")
    heights = []
    for letter in (None, "B"):
        if letter is not None:
            (data / f"mask{letter}").mkdir()
            Image.new("L", (40, 40)).save(data / f"mask{letter}" / "01003.png")
        check = check_data(data, tmp_path / "sheet.jpg")
        with Image.open(tmp_path / "sheet.jpg") as sheet:
            heights.append(sheet.height)
    assert heights[1] == heights[0] * 6 // 4
    assert check.lines[-1] == f"{data / 'maskB'}: masks for 1 of 6 images of B"
    assert "mask without an object" in check.warnings[-1]


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such folder"):
        check_data(tmp_path / "none")
    data = write_domains(tmp_path / "toy")
    (tmp_path / "file").touch()
    with pytest.raises(CgtoolError, match=r"sheet\.jpg: can't be written"):
        check_data(data, tmp_path / "file" / "sheet.jpg")
