"""Evenness of maps and of changes."""

from __future__ import annotations

import pytest
import torch

from cgtool.training.parts.evenness import total_variation, unevenness


def test_variation_is_that_between_cells() -> None:
    maps = torch.zeros(1, 7, 2, 4)
    assert total_variation(maps) == 0
    maps[..., 2:] = 1  # one of three steps across, none down
    assert total_variation(maps) == pytest.approx(1 / 3)


def test_a_change_is_uneven_where_the_picture_is_even() -> None:
    picture = torch.zeros(1, 3, 32, 32)
    picture[..., 16:] = 0.8
    even = picture + 0.1
    parted = picture - 0.2 * picture  # the edge parts two changes
    halo = picture.clone()
    halo[..., 8:12] += 0.1
    assert unevenness(picture, even) < 1e-6
    assert unevenness(picture, parted) < 1e-6
    assert unevenness(picture, halo) > 1e-3
