"""Random numbers that depend on the seed and on what they are for, and on nothing that was drawn before.

An interrupted training has no generator states to restore, and neither the number of workers nor that of processes
changes what an image looks like.
"""

from __future__ import annotations

import random
from enum import IntEnum

import numpy as np
import torch


class Use(IntEnum):
    """What random numbers are for."""

    INIT = 0
    ORDER_A = 1
    ORDER_B = 2
    AUGMENT_A = 3
    AUGMENT_B = 4
    STEP = 5
    POOL_A = 6
    POOL_B = 7


def seed_for(seed: int, use: Use, *numbers: int) -> int:
    """A 63-bit seed out of the training's seed, a use and further numbers, such as the step."""
    low, high = np.random.SeedSequence((seed, use, *numbers)).generate_state(2, np.uint32)
    return int(low) | (int(high) & 0x7FFFFFFF) << 32


def numpy_generator(seed: int, use: Use, *numbers: int) -> np.random.Generator:
    """A generator for one use."""
    return np.random.default_rng(seed_for(seed, use, *numbers))


def torch_generator(seed: int, use: Use, *numbers: int) -> torch.Generator:
    """A CPU generator for one use."""
    return torch.Generator().manual_seed(seed_for(seed, use, *numbers))


def seed_globally(seed: int, use: Use, *numbers: int) -> None:
    """Seed all global generators that a network or library may draw from: torch's on all devices, NumPy's, Python's."""
    number = seed_for(seed, use, *numbers)
    torch.manual_seed(number)
    random.seed(number)
    np.random.seed(number & 0xFFFFFFFF)
