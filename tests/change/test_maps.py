from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from cgtool.change.maps import Maps
from cgtool.pictures import Size


def test_maps_know_their_size_and_stay_as_they_are() -> None:
    maps = Maps(np.zeros((3, 5, 3), np.float32), np.zeros((3, 5), np.float32), np.zeros((3, 5, 3), np.float32))
    assert maps.size == Size(5, 3)
    assert maps.texture is None
    with pytest.raises(dataclasses.FrozenInstanceError):
        maps.gain = maps.offset  # type: ignore[misc]
