"""Maps as factors: the curve of luma, and quantities that depend on it."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from cgtool.change.colour_space import MAPS, Samples
from cgtool.change.plane.recipe import HALF, ChromaRecipe, Recipe
from cgtool.pictures import LUMA

NUMBERS = np.random.default_rng(0).normal(0, 0.2, (4, MAPS))


def wanted(luma: float, samples: Samples, maps: NDArray[np.float64]) -> float:
    """The network's own formula for a gray pixel."""
    x = 2 * (luma - samples.black) / samples.span - 1
    at = (x + 1) / 2 * (len(maps) - 1)
    weights = [max(0.0, 1 - abs(at - knot)) for knot in range(len(maps))] if len(maps) > 1 else [1.0]
    mixed = np.asarray(weights) @ maps
    result = x + float(np.array(LUMA) @ (mixed[:3] * x + mixed[3] * x + mixed[4:]))
    return (result + 1) / 2 * samples.span + samples.black


@pytest.mark.parametrize("knots", [1, 2, 4])
@pytest.mark.parametrize("samples", [Samples(), Samples(depth=10, full_range=True)], ids=["8 bits", "10 bits, full"])
def test_the_curve_is_the_formula_for_gray(knots: int, samples: Samples) -> None:
    recipe = Recipe(samples, knots, strength=1, preserve_color=False)
    given = np.append(NUMBERS[:knots].ravel(), 1)
    curve, level = recipe.curve @ given, float((recipe.level @ given)[0]) - HALF
    rises, bends = (curve[::2], curve[1::2]) if knots > 1 else (curve, np.zeros(1))
    for luma in np.linspace(samples.black, samples.white, 12):
        result = level
        for rise, bend, dark, bright in zip(rises, bends, recipe.ends[:-1], recipe.ends[1:], strict=True):
            part = min(max(luma - dark, 0), bright - dark)
            result += part * (rise + bend * part / (bright - dark))
        assert result == pytest.approx(wanted(luma, samples, NUMBERS[:knots]), abs=0.2)  # knots are whole levels


def test_strength_is_a_share_of_the_maps() -> None:
    half = Recipe(Samples(), 4, strength=0.5, preserve_color=False)
    full = Recipe(Samples(), 4, strength=1, preserve_color=False)
    given = NUMBERS.ravel()
    np.testing.assert_allclose(half.curve @ np.append(given, 1), full.curve @ np.append(given / 2, 1))


def test_only_other_matrices_than_the_network_s_have_a_tint() -> None:
    assert not ChromaRecipe(Samples(), 4, strength=1, preserve_color=False).has_tint
    assert ChromaRecipe(Samples(luma_weights=(0.2126, 0.0722)), 4, strength=1, preserve_color=False).has_tint


def test_kept_colours_need_no_rows_for_chroma() -> None:
    kept = ChromaRecipe(Samples(), 4, strength=1, preserve_color=True)
    assert len(kept.mixing) == 2 * 4
