"""Maps for a tone-mapped picture, carried into the signal before tone mapping."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from cgtool.change.colour_space import MAPS, Samples
from cgtool.change.hdr import KNOTS, HdrMaps
from cgtool.change.planes import PlaneChange
from cgtool.pictures import Size

SIGNAL = np.linspace(0, 1, 1024)
CURVE = (np.minimum(1.2 * SIGNAL, 0.5 + 0.5 * SIGNAL)).astype(np.float32)
"""Steep in the dark, flat in the light, 1 at the end."""


def shown(level: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.interp(level, SIGNAL, CURVE), np.float64)


def changed(gray: NDArray[np.float64], maps: NDArray[np.float32], white: float) -> NDArray[np.float64]:
    """A gray ramp of 10 bits, full range, after the carried maps; 0 to 1."""
    carried = HdrMaps(CURVE, white, len(maps) // MAPS)(maps)
    plane = np.rint(gray * 1023).astype(np.uint16)
    samples = Samples("gray", 10, True, (0.2627, 0.0593))
    [luma] = PlaneChange(samples, Size(len(gray), 1), maps.shape[1:], KNOTS)([plane[None]], carried)
    return np.asarray(luma[0] / 1023, np.float64)


def uniform(*seven: float) -> NDArray[np.float32]:
    return np.tile(np.array(seven, np.float32)[:, None, None], (1, 2, 2))


@pytest.mark.parametrize("knots", [1, 4])
def test_no_change_stays_none(knots: int) -> None:
    maps = np.zeros((knots * MAPS, 3, 5), np.float32)
    assert np.abs(HdrMaps(CURVE, 0.75, knots)(maps)).max() < 1e-5


@pytest.mark.parametrize(
    "maps",
    [
        uniform(0, 0, 0, -0.3, 0, 0, 0),
        uniform(-0.2, -0.2, -0.2, 0, 0.1, 0.1, 0.1),
        np.concatenate([uniform(0, 0, 0, 0, 0.1 * k, 0.1 * k, 0.1 * k) for k in (2, 1, 0, -1)]),
    ],
)
def test_the_tone_mapped_result_is_what_the_maps_make_of_the_tone_mapped_source(maps: NDArray[np.float32]) -> None:
    gray = np.linspace(0.05, 0.95, 512)
    before, after = shown(gray), shown(changed(gray, maps, white=1.0))
    knots = len(maps) // MAPS
    x = 2 * before - 1
    at = np.linspace(-1, 1, knots) if knots > 1 else np.zeros(1)
    seven = maps[:, 0, 0].reshape(knots, MAPS)
    gain, lift, offset = (np.interp(x, at, seven[:, index]) for index in (0, 3, 4))
    wanted = np.clip(before + (gain * x + lift * x + offset) / 2, 0, 1)
    assert np.abs(after - wanted).max() < 0.02


def test_white_is_diffuse_white_unless_the_source_is_brighter() -> None:
    gray = np.linspace(0, 1, 512)
    bright = changed(gray, uniform(0, 0, 0, 0, 1, 1, 1), white=0.7)
    assert abs(bright[:300].max() - 0.7) < 0.01
    assert np.all(bright[400:] >= gray[400:] - 0.01)


def test_colours_grow_with_the_curves_slopes() -> None:
    """From the steep part to the flat one, where more signal makes as much of a difference as before."""
    maps = uniform(0, 0, 0, 0, 0.6, 0.6, 0.6)
    carried = HdrMaps(CURVE, 1.0, 1)(maps).reshape(KNOTS, MAPS, 2, 2)
    dark = KNOTS // 2
    assert np.allclose(carried[dark, :3], 1.2 / 0.5 - 1, atol=0.05)
