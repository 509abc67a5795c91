"""Several folders as one."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from tests.benchmarks.models.joined import link_all


def test_pictures_of_one_name_stay_two(tmp_path: Path) -> None:
    folders = []
    for number, name in enumerate(("towns", "fields")):
        folders.append(tmp_path / name / "trainA")
        folders[-1].mkdir(parents=True)
        Image.new("RGB", (4, 4), (number, 0, 0)).save(folders[-1] / "1.png")
        (folders[-1] / "notes.txt").write_text("no picture")
    link_all(tmp_path / "both", folders)
    found = {path.name: Image.open(path).getpixel((0, 0)) for path in (tmp_path / "both").iterdir()}
    assert found == {"towns_1.png": (0, 0, 0), "fields_1.png": (1, 0, 0)}
    with pytest.raises(FileExistsError):
        link_all(tmp_path / "both", folders)
