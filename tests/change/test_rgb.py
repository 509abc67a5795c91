"""Maps on RGB against the formula in float64."""

from __future__ import annotations

import numpy as np
import pytest

from cgtool.change.colour_space import MAPS
from cgtool.change.rgb import RgbChange
from cgtool.pictures import LUMA, Size
from tests.change.test_planes import maps, sampled


@pytest.mark.parametrize("size", [Size(128, 72), Size(57, 33), Size(3000, 40)], ids=str)
@pytest.mark.parametrize("knots", [1, 3, 4])
def test_rgb_is_changed_by_the_formula(knots: int, size: Size) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (size.height, size.width, 3)).astype(np.uint8)
    given = maps(knots)
    x = picture.transpose(2, 0, 1) / 127.5 - 1
    luma = np.einsum("c,chw->hw", np.array(LUMA), x)
    weight = np.ones((1, *luma.shape))
    if knots > 1:
        step = 2 / (knots - 1)
        weight = np.stack([np.maximum(0, 1 - np.abs(luma - (k * step - 1)) / step) for k in range(knots)])
    mixed = np.einsum("khw,kmhw->mhw", weight, sampled(given.astype(np.float64), size))
    wanted = ((x + mixed[:3] * x + mixed[3] * luma + mixed[4:] + 1) * 127.5).clip(0, 255).transpose(1, 2, 0)
    result = RgbChange(size, (9, 16), knots)(picture, given.reshape(-1, 9, 16))
    assert np.abs(result - wanted).max() < 0.51


def test_maps_that_change_nothing_give_the_picture_itself() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (33, 57, 3)).astype(np.uint8)
    assert RgbChange(Size(57, 33), (4, 7), 2)(picture, np.zeros((2 * MAPS, 4, 7), np.float32)) is picture


def test_preserved_colour_changes_r_g_and_b_alike() -> None:
    picture = np.random.default_rng(0).integers(100, 150, (33, 57, 3)).astype(np.uint8)
    change = (
        RgbChange(Size(57, 33), (9, 16), 4, preserve_color=True)(picture, maps(4, amount=0.03)).astype(int) - picture
    )
    assert np.ptp(change, axis=2).max() <= 1
    assert np.abs(change).max() > 1
