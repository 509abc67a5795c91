"""Random numbers for a use."""

from __future__ import annotations

import random

import numpy as np
import torch

from cgtool.training.chance import Use, numpy_generator, seed_for, seed_globally, torch_generator


def test_seeds_differ_by_everything_that_they_are_made_of() -> None:
    made = {seed_for(seed, use, step) for seed in (0, 1) for use in Use for step in range(50)}
    assert len(made) == 2 * len(Use) * 50
    assert all(0 <= seed < 2**63 for seed in made)
    assert seed_for(3, Use.STEP, 4, 1) == seed_for(3, Use.STEP, 4, 1) != seed_for(3, Use.STEP, 1, 4)


def test_the_same_use_draws_the_same_whatever_was_drawn_before() -> None:
    drawn: list[tuple[float, ...]] = []
    for _ in range(2):
        random.random()
        np.random.rand()
        torch.rand(3)
        seed_globally(1, Use.STEP, 7)
        drawn.append((random.random(), np.random.rand(), torch.rand(1).item()))
        drawn.append(
            (
                numpy_generator(1, Use.ORDER_A).random(),
                torch.rand(1, generator=torch_generator(1, Use.POOL_A, 2)).item(),
            )
        )
    assert drawn[:2] == drawn[2:]
