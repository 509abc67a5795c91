"""Judgements as records."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cgtool.config import DIRECTIONS
from cgtool.training.judge.judgement import Figures, Judgement, best, mean_score

IDENTITY = Figures(1.0, 0.0, 0.0, probe=0.0, kid=0.04, unchanged_probe=0.0, unchanged_kid=0.04)


def judgement(step: int, **changes: float | None) -> Judgement:
    half = dict.fromkeys(DIRECTIONS, replace(IDENTITY, **changes))  # type: ignore[arg-type]
    return Judgement(step, 1.25, half, half)


def test_the_score_rewards_what_arrives_and_what_stays() -> None:
    assert IDENTITY.score == pytest.approx(1 / 3)
    assert replace(IDENTITY, probe=1.0, kid=0.0).score == pytest.approx(1.0)
    assert replace(IDENTITY, kid=0.02).score == pytest.approx(0.5)
    assert replace(IDENTITY, kid=5.0).score == pytest.approx(0.0)
    assert replace(IDENTITY, invented=0.1).score == pytest.approx(1 / 3 - 0.1)
    assert replace(IDENTITY, probe=None).score is None


def test_both_directions_count_alike() -> None:
    half = {"A_to_B": IDENTITY, "B_to_A": replace(IDENTITY, probe=1.0)}
    assert mean_score(half) == pytest.approx(0.5)  # type: ignore[arg-type]


def test_the_best_is_the_first_of_the_highest_score() -> None:
    some = [judgement(1), judgement(2, probe=0.5), judgement(3, probe=0.5), judgement(4, kid=None)]
    assert best(some) is some[1]
    assert best([]) is None
    assert best([judgement(1, kid=None)]) is None


def test_a_line_is_read_back() -> None:
    one = judgement(7, probe=0.25)
    assert Judgement.from_json(one.to_json()) == one
    assert one.to_json()["judged"]["score"] == one.score
