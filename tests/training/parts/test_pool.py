"""The image pool's bookkeeping and statistics."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from torch import Tensor

from cgtool.training.parts.pool import ImagePool


def image(number: int) -> Tensor:
    return torch.full((1, 1, 1, 1), float(number))


def run(pool: ImagePool, first: int, count: int, rng: torch.Generator) -> list[int]:
    return [int(pool.query(image(number), rng).item()) for number in range(first, first + count)]


def test_a_pool_of_none_gives_what_it_gets() -> None:
    batch = torch.rand(3, 3, 4, 4)
    assert ImagePool(0).query(batch, torch.Generator()) is batch


def test_a_filling_pool_keeps_and_returns_every_image() -> None:
    pool = ImagePool(50)
    assert run(pool, 0, 50, torch.Generator()) == list(range(50))
    assert len(pool) == 50


def test_a_full_pool_loses_and_doubles_nothing() -> None:
    pool, rng = ImagePool(50), torch.Generator().manual_seed(0)
    given = run(pool, 0, 3000, rng)
    images = pool.state_dict()["images"]
    # The first 50 were given out and kept; from then on an image is either given out or kept.
    assert Counter(given) + Counter(images.flatten().int().tolist()) == Counter(range(3000)) + Counter(range(50))


def test_a_full_pools_statistics() -> None:
    """Half of the images are past ones, and those have waited for a mean of 2 * size queries, all places alike."""
    size, count = 10, 20_000
    pool, rng = ImagePool(size), torch.Generator().manual_seed(1)
    run(pool, 0, size, rng)
    given = run(pool, size, count, rng)
    ages = [number - shown for number, shown in enumerate(given, size) if shown != number]
    assert len(ages) / count == pytest.approx(0.5, abs=4 * 0.5 / count**0.5)
    # A place is exchanged with probability 1 / (2 size) a query: a geometric distribution.
    mean = 2 * size
    deviation = (mean * (mean - 1)) ** 0.5
    assert sum(ages) / len(ages) == pytest.approx(mean, abs=5 * deviation / len(ages) ** 0.5)
    assert sum(age == 1 for age in ages) / len(ages) == pytest.approx(1 / mean, rel=0.2)


def test_a_batch_goes_image_by_image() -> None:
    one, other = ImagePool(3), ImagePool(3)
    singles = torch.cat(
        [one.query(image(number), rng) for rng in [torch.Generator().manual_seed(2)] for number in range(12)]
    )
    rng = torch.Generator().manual_seed(2)
    batches = [other.query(torch.cat([image(n) for n in range(k, k + 4)]), rng) for k in (0, 4, 8)]
    assert torch.equal(singles, torch.cat(batches))


def test_state_goes_through_a_dictionary() -> None:
    pool, other = ImagePool(3), ImagePool(3)
    run(pool, 0, 7, torch.Generator().manual_seed(0))
    other.load_state_dict(pool.state_dict(), torch.device("cpu"))
    assert run(pool, 7, 9, torch.Generator().manual_seed(5)) == run(other, 7, 9, torch.Generator().manual_seed(5))
    empty = ImagePool(3)
    empty.load_state_dict(ImagePool(3).state_dict(), torch.device("cpu"))
    assert len(empty) == 0
