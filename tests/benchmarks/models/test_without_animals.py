"""Pictures without an object beside those that masks explain."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from cgtool.training.data.images import find_domain
from cgtool.training.data.masks import find_masks
from tests.benchmarks.models.without_animals import link_without_objects


def pictures(folder: Path, count: int, mode: str = "RGB") -> Path:
    folder.mkdir(parents=True)
    for number in range(count):
        image = Image.new(mode, (20, 20))
        image.paste((mode == "L" and 255) or (number, 80, 40), (5, 5, 15, 15))
        image.save(folder / f"{number}.png")
    return folder


def test_each_side_has_pictures_in_which_nothing_is_to_change(tmp_path: Path) -> None:
    data, out = tmp_path / "animals", tmp_path / "out"
    for side in "AB":
        pictures(data / f"train{side}", 3)
        pictures(data / f"mask{side}", 3, "L")
    pictures(data / "testA", 2)
    others = [pictures(tmp_path / name / "trainA", 7) for name in ("photos", "streets")]
    link_without_objects(data, out, others, count=4)
    added = {}
    for side in "AB":
        masks = find_masks(find_domain("some", out / f"train{side}", 1), 1)
        assert len(masks.files) == len(masks.domain) == 7
        assert len(masks.telling) == 3
        added[side] = {path.stem for path in masks.empty}
        assert len(added[side]) == 4
        assert {name.split("_")[0] for name in added[side]} == {"photos", "streets"}
    assert not added["A"] & added["B"]
    assert len(list((out / "testA").iterdir())) == 2
    with pytest.raises(FileExistsError):
        link_without_objects(data, out, others, count=4)
