"""How well a background is kept, on pictures whose answers are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.benchmarks.models.quality_background import PICTURES, background_change, masked_pictures

SIDE = 16


def write(data: Path, count: int) -> None:
    """Gray pictures, each of a level of its own, whose left half is the object."""
    for folder in ("trainA", "maskA"):
        (data / folder).mkdir()
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[:, : SIDE // 2] = 255
    for number in range(count):
        Image.new("RGB", (SIDE, SIDE), 3 * (number,)).save(data / "trainA" / f"{number:03}.png")
        Image.fromarray(mask).save(data / "maskA" / f"{number:03}.png")


def test_only_the_background_counts_and_in_levels() -> None:
    source = np.full((4, 4, 3), 100, np.uint8)
    translated = source.copy()
    translated[:, :2] = 0
    translated[:, 2:] = [90, 100, 130]
    background = np.zeros((4, 4))
    assert background_change(source, translated, 1 - background) == pytest.approx((100 + 40 / 3) / 2)
    background[:, 2:] = 0.5
    assert background_change(source, translated, background) == pytest.approx(40 / 3)
    background[:, 0] = 0.5
    assert background_change(source, translated, background) == pytest.approx((2 * 40 / 3 + 100) / 3)


def test_the_sample_is_evenly_spread_and_always_the_same(tmp_path: Path) -> None:
    write(tmp_path, 2 * PICTURES + 3)
    Image.new("L", (SIDE, SIDE)).save(tmp_path / "maskA" / "000.png")
    Image.new("L", (SIDE, SIDE), 255).save(tmp_path / "maskA" / "001.png")
    (tmp_path / "maskA" / "002.png").unlink()
    masked = masked_pictures(tmp_path / "trainA")
    assert masked is not None
    assert [int(picture[0, 0, 0]) for picture in masked.pictures] == list(range(3, 2 * PICTURES + 3, 2))
    for background in masked.backgrounds:
        assert background[:, : SIDE // 2].max() == 0
        assert background[:, SIDE // 2 :].min() == 1


def test_a_figure_has_an_interval(tmp_path: Path) -> None:
    write(tmp_path, 6)
    masked = masked_pictures(tmp_path / "trainA")
    assert masked is not None
    same = masked.change(lambda picture: picture)
    assert (same.value, same.low, same.high) == (0, 0, 0)
    # Levels 0 to 5 become 20.
    change = masked.change(lambda picture: np.full_like(picture, 20))
    assert change.value == pytest.approx(17.5)
    assert 15 < change.low < 17.5 < change.high < 20


def test_data_without_masks_have_no_background(tmp_path: Path) -> None:
    write(tmp_path, 3)
    (tmp_path / "trainA").rename(tmp_path / "trainB")
    assert masked_pictures(tmp_path / "trainB") is None
    for path in (tmp_path / "maskA").iterdir():
        Image.new("L", (SIDE, SIDE)).save(path)
    (tmp_path / "trainB").rename(tmp_path / "trainA")
    assert masked_pictures(tmp_path / "trainA") is None
