"""What breaks files is the same for the same seed."""

from __future__ import annotations

import json
import random

from tests.fuzz.mutator import broken


def test_the_same_seed_breaks_alike() -> None:
    data, other = bytes(range(256)) * 20, b"other" * 100
    made = [[broken(data, random.Random(f"{seed}"), other) for seed in range(50)] for _ in range(2)]
    assert made[0] == made[1]
    assert len(set(made[0])) > 40
    assert sum(one == data for one in made[0]) < 10


def test_records_stay_json_but_say_something_else() -> None:
    record = {"name": "model", "sizes": [1, 2], "more": {"a": None}}
    made = [broken(json.dumps(record).encode(), random.Random(f"{seed}"), b"") for seed in range(50)]
    changed = [one for one in made if _is_json(one) and json.loads(one) != record]
    assert len(changed) > 25


def _is_json(data: bytes) -> bool:
    try:
        json.loads(data)
    except ValueError:
        return False
    return True
