"""Maps carried out in their plainest form."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cgtool.grid import MAPS, apply, luma_knots
from cgtool.models.maps import apply_maps

PICTURE = np.random.default_rng(0).integers(0, 256, (24, 40, 3), dtype=np.uint8)


def test_no_maps_no_change() -> None:
    np.testing.assert_array_equal(apply(PICTURE, np.zeros((2 * MAPS, 6, 10), np.float32)), PICTURE)


def test_knots_are_spread_evenly() -> None:
    assert luma_knots(1) == (0.0,)
    assert luma_knots(3) == (-1.0, 0.0, 1.0)


@pytest.mark.parametrize("knots", [1, 2, 4])
def test_it_is_what_training_shows(knots: int) -> None:
    maps = np.random.default_rng(1).normal(0, 0.2, (knots * MAPS, 6, 10)).astype(np.float32)
    image = torch.from_numpy(PICTURE.astype(np.float32).transpose(2, 0, 1) / 127.5 - 1)[None]
    shown = (apply_maps(image, torch.from_numpy(maps)[None])[0].numpy().transpose(1, 2, 0) + 1) * 127.5
    assert np.abs(apply(PICTURE, maps) - shown.clip(0, 255)).max() <= 0.51


def test_offsets_alone_move_levels() -> None:
    maps = np.zeros((4 * MAPS, 2, 2), np.float32)
    maps.reshape(4, MAPS, 2, 2)[:, 4:] = 0.1
    assert np.all(apply(np.zeros((8, 8, 3), np.uint8), maps) == 13)
