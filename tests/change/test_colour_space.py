"""A frame's samples and the curve of its luma."""

from __future__ import annotations

import numpy as np
import pytest

from cgtool.change.colour_space import Samples, hinges


def test_limits_follow_depth_and_range() -> None:
    limited, full = Samples(depth=10), Samples(depth=10, full_range=True)
    assert (limited.black, limited.white, limited.gray, limited.chroma_limits) == (64, 940, 512, (64, 960))
    assert (full.black, full.white, full.gray, full.chroma_limits) == (0, 1023, 512, (0, 1023))
    assert (limited.dtype, Samples().dtype) == (np.uint16, np.uint8)


def test_knots_are_spread_from_black_to_white() -> None:
    assert Samples().knots(4) == pytest.approx([16, 89, 162, 235])


def test_unknown_siting_is_refused() -> None:
    with pytest.raises(ValueError, match="no chroma planes"):
        Samples(step=(4, 1))


def test_hinges_go_through_the_values_at_knots() -> None:
    knots, values = [16.0, 89.0, 162.0, 235.0], np.array([1.0, -2.0, 5.0, 4.0])
    constant, *slopes = hinges(knots) @ values
    for knot, value in zip(knots, values, strict=True):
        curve = constant + sum(s * max(knot, k) for s, k in zip(slopes, knots, strict=False))
        assert curve == pytest.approx(value)
