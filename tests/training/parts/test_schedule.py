"""The learning rate's course."""

from __future__ import annotations

import itertools

import pytest

from cgtool.training.parts.schedule import learning_rate_factor


def test_the_papers_schedule() -> None:
    """Constant for the first half, then linear to 0."""
    factors = [learning_rate_factor(step, 200, 0.5) for step in range(201)]
    assert factors[:101] == [1.0] * 101
    assert factors[150] == pytest.approx(0.5)
    assert factors[199] == pytest.approx(0.01)
    assert factors[200] == 0
    falls = [before - after for before, after in itertools.pairwise(factors[100:])]
    assert falls == pytest.approx([0.01] * 100)


def test_no_decay_is_constant() -> None:
    assert {learning_rate_factor(step, 10, 0.0) for step in range(20)} == {1.0}


def test_decay_from_the_start() -> None:
    assert [learning_rate_factor(step, 4, 1.0) for step in range(6)] == [1.0, 0.75, 0.5, 0.25, 0.0, 0.0]
