"""Choosing the winters that show snow, and the sunsets that are warm."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from cgtool.errors import UsageError
from tests.benchmarks.models.chosen import Measure, link_most, snow, warmth


def picture(ground: tuple[int, int, int], *, covered: float = 1.0) -> NDArray[np.uint8]:
    """A white sky above brown ground, of which a share is of another colour."""
    pixels = np.full((50, 40, 3), 255, np.uint8)
    pixels[20:] = (90, 70, 40)
    pixels[20:, : round(40 * covered)] = ground
    return pixels


@pytest.mark.parametrize(
    ("ground", "share"),
    [
        ((230, 235, 245), 1), ((170, 180, 200), 1),
        ((90, 90, 95), 0), ((90, 150, 60), 0), ((250, 190, 60), 0), ((20, 40, 90), 0),
    ],
)  # fmt: skip
def test_snow_is_bright_and_nearly_grey_ground(ground: tuple[int, int, int], share: float) -> None:
    assert snow(picture(ground)) == share
    assert snow(picture(ground, covered=0.25)) == pytest.approx(share / 4)


def test_warm_colours_are_redder_than_blue_wherever_they_are() -> None:
    pixels = np.full((40, 30, 3), (60, 120, 200), np.uint8)
    assert warmth(pixels) == 0
    pixels[:10] = (250, 150, 40)
    pixels[10:20] = (200, 190, 180)
    assert warmth(pixels) == 0.25


def test_the_snowiest_winters_and_all_summers_become_a_data_set(tmp_path: Path) -> None:
    data, out = tmp_path / "data", tmp_path / "out"
    for folder in ("trainA", "trainB", "testB"):
        (data / folder).mkdir(parents=True)
        for number, covered in enumerate((0.1, 0.9, 0.5, 0.7)):
            Image.fromarray(picture((240, 240, 240), covered=covered)).save(data / folder / f"{number}.png")
    link_most(data, out, Measure(snow, 2))
    assert sorted(path.name for path in out.iterdir()) == ["testB", "trainA", "trainB"]
    assert sorted(path.name for path in (out / "trainB").iterdir()) == ["1.png", "3.png"]
    assert (out / "trainB" / "3.png").read_bytes() == (data / "trainB" / "3.png").read_bytes()
    assert len(list((out / "trainA").iterdir())) == len(list((out / "testB").iterdir())) == 4
    with pytest.raises(FileExistsError):
        link_most(data, out, Measure(snow, 2))
    with pytest.raises(UsageError, match="holds 4"):
        link_most(data, tmp_path / "more", Measure(snow, 5))
    assert not (tmp_path / "more").exists()
