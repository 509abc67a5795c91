"""Rims and invented colours, on pictures whose answers are known."""

from __future__ import annotations

import numpy as np
import pytest

from cgtool.pictures import Image
from cgtool.training.judge.change import Palette, rims, share_of_rims


def two_halves(dark: int = 60, bright: int = 180) -> Image:
    """One strong edge in the middle, flat on both sides."""
    picture = np.full((64, 64, 3), dark, np.uint8)
    picture[:, 32:] = bright
    return picture


def plain(*colour: int) -> Image:
    return np.full((32, 32, 3), colour, np.uint8)


def test_an_even_change_has_no_rims() -> None:
    source = two_halves()
    departure, change = rims(source, source + np.uint8(20)) or (None, None)
    assert departure == pytest.approx(0, abs=1e-6)
    assert change == pytest.approx(20)


def test_a_halo_is_measured_in_levels() -> None:
    """Ten levels more within 5 px of the edge, on both sides: near and far differ by just that."""
    source = two_halves()
    result = source + np.uint8(20)
    result[:, 27:37] += 10
    assert (rims(source, result) or (0, 0))[0] == pytest.approx(10, abs=1.5)
    assert share_of_rims([(source, result)]) == pytest.approx(10 / 21.6, rel=0.2)


def test_where_nothing_is_flat_beside_an_edge_nothing_is_measured() -> None:
    noise = np.random.default_rng(5).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    assert rims(noise, noise) is None
    assert share_of_rims([(noise, noise)]) == 0


def test_a_colour_is_invented_unless_the_source_or_the_domain_has_it() -> None:
    grays, reds = Palette.of([plain(90, 90, 90), plain(128, 128, 128)]), Palette.of([plain(200, 30, 30)])
    gray, red = plain(110, 110, 110), plain(200, 30, 30)
    assert grays.invented(gray, red) == 1
    assert grays.invented(red, red) == 0
    assert reds.invented(gray, red) == 0
    assert grays.invented(red, gray) == 0
