"""Steadied maps: noise goes, motion is followed, cuts are clean."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from cgtool.change.map_smoothing import MapSmoother
from cgtool.pictures import Array, Image

SIZE, CELLS, CHANNELS = (96, 160), (24, 40), 28


def scene(shift: int = 0, seed: int = 0) -> Image:
    """A picture with structure everywhere, moved to the left by some pixels."""
    height, width = SIZE
    random = np.random.default_rng(seed)
    blocks = random.integers(30, 220, (height // 8 + 1, (width + 64) // 8 + 1, 3)).astype(np.uint8)
    return np.ascontiguousarray(np.kron(blocks, np.ones((8, 8, 1), np.uint8))[:height, shift : shift + width])


def noisy(number: int) -> Array:
    return np.random.default_rng(number).normal(0.2, 0.1, (CHANNELS, *CELLS)).astype(np.float32)


def test_without_smoothing_maps_pass_untouched() -> None:
    smoother = MapSmoother(0)
    for number in range(3):
        maps = noisy(number)
        assert smoother.step(scene(number), maps, number / 25) is maps


def test_the_first_maps_pass_untouched() -> None:
    maps = noisy(0)
    assert np.array_equal(MapSmoother(0.8).step(scene(), maps, 0), maps)


def grain(number: int) -> Image:
    """The still scene with a little noise: a camera's frames are never the same."""
    return np.clip(scene() + np.random.default_rng(number).normal(0, 1, (*SIZE, 3)), 0, 255).astype(np.uint8)


def test_noise_in_a_still_scene_fades() -> None:
    smoother = MapSmoother(0.8)
    shown = [smoother.step(grain(number), noisy(number), number / 25) for number in range(30)]
    jumps = [np.abs(later - sooner).mean() for sooner, later in itertools.pairwise(shown[20:])]
    raw = np.abs(noisy(1) - noisy(0)).mean()
    assert np.mean(jumps) < 0.5 * raw
    assert np.abs(shown[-1].mean() - 0.2) < 0.02


def test_maps_move_with_the_picture() -> None:
    """Maps that belong to things stay with them: no trail of the past is left beside them."""
    smoother, pattern = MapSmoother(0.8), np.zeros((CHANNELS, CELLS[0], CELLS[1] + 16), np.float32)
    pattern[:, 8:16, 20:28] = 1
    for number in range(8):
        moved = np.ascontiguousarray(pattern[:, :, number : number + CELLS[1]])
        shown = smoother.step(scene(4 * number), moved, number / 25)
    assert np.abs(shown - moved).mean() < 0.02


def test_a_cut_is_clean() -> None:
    smoother = MapSmoother(1.0)
    for number in range(5):
        smoother.step(grain(number), noisy(number), number / 25)
    maps = noisy(99)
    assert np.array_equal(smoother.step(scene(seed=7), maps, 5 / 25), maps)


def test_a_repeated_frame_repeats_its_maps() -> None:
    smoother = MapSmoother(0.8)
    smoother.step(grain(0), noisy(0), 0.0)
    first = smoother.step(grain(1), noisy(1), 0.04)
    assert np.array_equal(smoother.step(grain(1), noisy(2), 0.08), first)


def followed(rate: float) -> float:
    """How much of a step in the maps of a small part is shown after 0.4 seconds."""
    smoother = MapSmoother(0.8)
    before = np.zeros((CHANNELS, *CELLS), np.float32)
    after = before.copy()
    after[:, 4:12, 4:12] = 0.05
    shown = smoother.step(grain(0), before, 0.0)
    for number in range(1, round(0.4 * rate) + 1):
        shown = smoother.step(grain(number), after, number / rate)
    return float(shown[:, 5:11, 5:11].mean()) / 0.05


def test_blending_follows_elapsed_time() -> None:
    assert followed(12.5) == pytest.approx(followed(50), abs=0.15)
    assert 0.5 < followed(25) < 0.95


@pytest.mark.parametrize("frames", [0, 1, 6])
def test_who_is_given_the_state_goes_on_alike(frames: int) -> None:
    whole, first, second = MapSmoother(0.8), MapSmoother(0.8), MapSmoother(0.8)
    wanted = [whole.step(grain(number), noisy(number), number / 25) for number in range(12)]
    for number in range(frames):
        first.step(grain(number), noisy(number), number / 25)
    second.restore(first.state())
    for number in range(frames, 12):
        assert np.array_equal(second.step(grain(number), noisy(number), number / 25), wanted[number])
