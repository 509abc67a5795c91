from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from cgtool.change.apply import BAND, Applier, add_luma, affine
from cgtool.change.maps import Maps
from cgtool.pictures import LUMA, luma
from tests.change.scenes import texture


def uniform(gain: float, lift: float, offset: float, texture: NDArray[np.float32] | None = None) -> Maps:
    """Maps that are the same everywhere."""
    colour = np.ones((4, 6, 3), np.float32)
    return Maps(gain * colour, lift * colour[..., 0], offset * colour, texture)


def test_maps_of_nothing_give_the_source() -> None:
    source = texture(2 * BAND + 5, 70, 3)
    assert np.array_equal(Applier()(source, uniform(0, 0, 0)), source)


@pytest.mark.parametrize("strength", [1.0, 0.5])
def test_the_formula_at_any_size(strength: float) -> None:
    source = texture(2 * BAND + 5, 70, 3)
    result = Applier(strength=strength)(source, uniform(-0.25, 0.5, 10), np.float32)
    wanted = source + strength * (-0.25 * source + 0.5 * luma(source)[..., None] + 10)
    assert np.abs(result - wanted).max() < 1e-3
    rounded = Applier(strength=strength)(source, uniform(-0.25, 0.5, 10))
    assert np.array_equal(rounded, np.rint(result).clip(0, 255).astype(np.uint8))


def test_luma_alone_is_changed_as_a_picture_of_one_channel() -> None:
    source = luma(texture(40, 50, 3))
    maps = Maps(*(np.full((4, 6), value, np.float32) for value in (0.5, 0.25, -3)))
    assert np.abs(Applier()(source, maps, np.float32) - (1.75 * source - 3)).max() < 1e-3


def test_texture_is_added_by_its_share_whatever_its_size() -> None:
    source = texture(40, 60, 3).clip(60, 180)
    for shape in ((4, 6, 3), (40, 60, 3), (7, 5, 3)):
        maps = uniform(0, 0, 2, np.full(shape, 20, np.float32))
        for share in (0.0, 0.5, 1.0):
            result = Applier(texture=share)(source, maps, np.float32)
            assert np.abs(result - (source + 2.0 + share * 20)).max() < 1e-3


def test_one_object_serves_pictures_of_several_shapes() -> None:
    apply = Applier()
    maps = uniform(0.1, 0.1, 1)
    for height, width in ((30, 40), (64, 20), (30, 40)):
        source = texture(height, width, 3)
        assert np.array_equal(apply(source, maps), Applier()(source, maps))


def test_affine_rounds_and_clips() -> None:
    source = np.array([[[0, 100, 255]]], np.uint8)
    fields = np.full((1, 1, 3), 1.5, np.float32), np.zeros((1, 1), np.float32), np.full((1, 1, 3), -0.6, np.float32)
    assert affine(source, *fields, np.uint8).tolist() == [[[0, 149, 255]]]


def test_added_luma_keeps_colours() -> None:
    source = texture(20, 30, 3).clip(60, 180)
    result = add_luma(source, np.full((20, 30), 12.4, np.float32))
    assert np.array_equal(result, source + np.uint8(12))
    assert abs((result @ np.array(LUMA) - source @ np.array(LUMA)).mean() - 12) < 1e-6
