"""The maths of the quality figures, against slow references and known answers."""

from __future__ import annotations

import itertools

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from cgtool.pictures import Image
from cgtool.training.judge.measures import Vectors, bootstrap, fit_probe, kid, mean, structure


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(7)


@pytest.fixture
def picture(random: np.random.Generator) -> Image:
    small = random.integers(0, 256, (12, 16, 3)).astype(np.uint8)
    return np.asarray(cv2.resize(small, (64, 48), interpolation=cv2.INTER_CUBIC), np.uint8)


def slow_kid(x: Vectors, y: Vectors) -> float:
    """Binkowski et al. 2018, pair by pair."""

    def k(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
        return float((one @ other / len(one) + 1) ** 3)

    within_x = np.mean([k(a, b) for a, b in itertools.permutations(x, 2)])
    within_y = np.mean([k(a, b) for a, b in itertools.permutations(y, 2)])
    return float(within_x + within_y - 2 * np.mean([k(a, b) for a, b in itertools.product(x, y)]))


def test_kid_is_the_papers(random: np.random.Generator) -> None:
    x, y = random.normal(size=(7, 5)), random.normal(0.5, 1, size=(9, 5))
    assert kid(x, y)(np.ones(7), np.ones(9)) == pytest.approx(slow_kid(x, y), abs=1e-12)


def test_kid_is_unbiased(random: np.random.Generator) -> None:
    """Sets of one distribution are at distance 0 on average, however small they are."""
    sets = random.normal(size=(3000, 2, 4, 5))
    values = [kid(x, y)(np.ones(4), np.ones(4)) for x, y in sets]
    assert abs(np.mean(values)) < 3 * np.std(values) / np.sqrt(len(values))


def test_weights_are_copies_that_are_not_paired(random: np.random.Generator) -> None:
    x, y = random.normal(size=(4, 5)), random.normal(size=(3, 5))
    weights = np.array([2.0, 0, 1, 1])
    copies = x[[0, 0, 2, 3]]
    pairs = [(i, j) for i, j in itertools.permutations(range(4), 2) if {i, j} != {0, 1}]
    within_x = np.mean([(copies[i] @ copies[j] / 5 + 1) ** 3 for i, j in pairs])
    within_y = np.mean([(a @ b / 5 + 1) ** 3 for a, b in itertools.permutations(y, 2)])
    across = np.mean([(a @ b / 5 + 1) ** 3 for a, b in itertools.product(copies, y)])
    assert kid(x, y)(weights, np.ones(3)) == pytest.approx(within_x + within_y - 2 * across, abs=1e-12)


def test_bootstrap_of_a_mean_is_as_wide_as_theory_says(random: np.random.Generator) -> None:
    values = random.normal(3, 2, size=60)
    figure = bootstrap(mean(values), 60)
    error = values.std() / np.sqrt(60)
    assert figure.value == pytest.approx(values.mean())
    assert figure.low == pytest.approx(values.mean() - 1.96 * error, abs=0.25 * error)
    assert figure.high == pytest.approx(values.mean() + 1.96 * error, abs=0.25 * error)
    assert bootstrap(mean(values), 60) == figure


def test_bootstrap_of_kid_is_centred_on_it(random: np.random.Generator) -> None:
    """Copies in a sample would raise it by a bias as large as the distance itself."""
    x, y = random.normal(size=(60, 20)), random.normal(0.1, 1, size=(60, 20))
    figure = bootstrap(kid(x, y), 60, 60, draws=500)
    assert figure.low < figure.value < figure.high
    assert (figure.low + figure.high) / 2 == pytest.approx(figure.value, abs=0.25 * (figure.high - figure.low))


def test_probe_weighs_domains_alike(random: np.random.Generator) -> None:
    """Of two overlapping domains, the one with ten times the pictures does not take the other's."""
    a, b = random.normal(-0.5, 1, size=(2000, 2)) * [1, 100], random.normal(0.5, 1, size=(200, 2)) * [1, 100]
    probe = fit_probe(a, b)
    # Errors of the ideal boundary between such domains, at the middle: 1 - Phi(sqrt(0.5)).
    assert probe.takes_for_b(a).mean() == pytest.approx(0.24, abs=0.05)
    assert probe.takes_for_b(b).mean() == pytest.approx(0.76, abs=0.07)


def test_structure_knows_contrast_from_content(picture: Image, random: np.random.Generator) -> None:
    half = (picture // 2 + 60).astype(np.uint8)
    assert structure(picture, picture) == pytest.approx(1)
    assert structure(picture, half) > 0.99
    assert structure(picture, 255 - picture) == pytest.approx(-1, abs=1e-3)
    noise = random.integers(0, 256, picture.shape).astype(np.uint8)
    assert abs(structure(picture, noise)) < 0.1
    assert structure(picture, np.full_like(picture, 9)) == 0
    assert structure(picture, np.asarray(np.roll(picture, 3, axis=1))) < 0.9
