"""Synthetic motion: small, reproducible, and an error that only inconsistent translations have."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from cgtool.training.parts.motion import random_motion, with_noise


def smooth_picture(batch: int = 2, side: int = 64) -> Tensor:
    torch.manual_seed(3)
    return F.interpolate(torch.rand(batch, 3, 5, 5) * 1.6 - 0.8, (side, side), mode="bicubic").clamp(-1, 1)


def test_moves_by_some_pixels_but_not_far() -> None:
    picture = smooth_picture()
    torch.manual_seed(0)
    motion = random_motion(picture)
    still = F.affine_grid(torch.eye(2, 3).expand(2, 2, 3), [2, 1, 64, 64], align_corners=False)
    pixels = (motion.grid - still).norm(dim=3) * 32
    assert 0.5 < pixels.mean() < 12
    assert pixels.max() < 24
    assert motion.inside.mean() > 0.6
    assert (motion(picture) - picture).abs().mean() > 0.01


def test_is_drawn_from_torchs_global_generator() -> None:
    picture = smooth_picture()
    torch.manual_seed(1)
    first = random_motion(picture)
    torch.manual_seed(1)
    again = random_motion(picture)
    assert torch.equal(first.grid, again.grid)
    assert torch.equal(first.exposure, again.exposure)
    assert not torch.equal(first.grid, random_motion(picture).grid)


def test_a_consistent_translation_has_no_error() -> None:
    picture = smooth_picture()
    torch.manual_seed(0)
    motion = random_motion(picture)

    def darker(images: Tensor) -> Tensor:
        return (images + 1) * 0.7 - 1

    assert motion.error(darker(picture), darker(motion(picture))) < 1e-5


@pytest.mark.parametrize("level", [-1.0, 1.0])
def test_black_and_white_stay_what_they_are_in_any_light(level: float) -> None:
    picture = torch.full((4, 3, 64, 64), level)
    torch.manual_seed(0)
    motion = random_motion(picture)
    seen = motion(picture).clamp(-1, 1)
    assert (motion.exposure > 1.01).any()
    assert (motion.exposure < 0.99).any()
    assert motion.error(picture, seen) < 1e-5


def test_a_translation_that_ignores_the_motion_has_one() -> None:
    picture = smooth_picture()
    torch.manual_seed(0)
    motion = random_motion(picture)
    pattern = torch.linspace(0, 40, 64).sin().expand(2, 3, 64, 64) * 0.3  # sticks to the screen
    assert motion.error(picture + pattern, motion(picture) + pattern) > 0.05


def test_what_came_from_outside_does_not_count() -> None:
    picture = smooth_picture()
    torch.manual_seed(0)
    motion = random_motion(picture)
    moved = motion(picture)
    spoiled = torch.where(motion.inside.bool(), moved, torch.ones_like(moved))
    assert (spoiled != moved).any()
    assert motion.error(picture, spoiled) < 1e-6


def test_noise_is_faint_and_in_range() -> None:
    picture = smooth_picture()
    noisy = with_noise(picture)
    assert 0 < (noisy - picture).std() < 3 / 127.5
    assert noisy.abs().max() <= 1
