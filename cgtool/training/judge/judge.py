"""A judge who looks at a training's translations of test pictures now and then, and touches nothing of the training.

Figures are those of `tests/benchmarks/models/quality.py`, of fewer pictures: up to 64 test pictures of each domain,
their middle at 256 x 256. Every other one chooses the best step, the rest report what that step is worth. The probe is
fitted on, and KID is measured to, up to 128 training pictures of each domain.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from cgtool.config import DIRECTIONS, Direction
from cgtool.models.generator import Generator
from cgtool.pictures import Image
from cgtool.training.config import TrainConfig
from cgtool.training.data.images import Domain, middle
from cgtool.training.files.model import settings_of
from cgtool.training.judge.change import Palette
from cgtool.training.judge.features import FeatureNetwork, available
from cgtool.training.judge.judgement import Figures, Judgement
from cgtool.training.judge.measures import Probe, Statistic, Vectors, difference, fit_probe, kid, structure
from cgtool.training.judge.showing import evaluating, show

LEAST_TESTS = 8
"""Test pictures of each domain: fewer tell nothing."""
_TESTS, _REAL, _COLOURS, _SIDE = 64, 128, 50, 256


@dataclass(frozen=True)
class _Real:
    """Real pictures of one domain.

    Attributes:
        tests: Pictures to translate, RGB, uint8, (256, 256, 3).
        palette: How colourful the domain is.
        features: Of training pictures, None without a network for them.
        of_tests: Of the test pictures.
    """

    tests: list[Image]
    palette: Palette
    features: Vectors | None
    of_tests: Vectors | None


class Judge:
    """Judges generators. Test pictures are read when it first does.

    Args:
        domains: A and B.
        tests: Test pictures of A and of B, at least `LEAST_TESTS` each.
        config: The training's, settled.
        device: Where the generators are.
    """

    def __init__(
        self,
        domains: tuple[Domain, Domain],
        tests: tuple[Sequence[Path], Sequence[Path]],
        config: TrainConfig,
        device: torch.device,
    ) -> None:
        self._domains, self._paths, self._config, self._device = domains, tests, config, device
        self._network = FeatureNetwork(device) if available() else None

    def judge(self, step: int, generators: Mapping[Direction, Generator]) -> Judgement:
        """Judge both generators as of a step; the mode they are in (training or evaluation) is kept.

        Raises:
            MediaError: A picture can no longer be read.
        """
        begin = time.perf_counter()
        with evaluating(generators.values()):
            choosing, reporting = zip(*(self._direction(d, generators) for d in DIRECTIONS), strict=True)
        halves = (dict(zip(DIRECTIONS, half, strict=True)) for half in (choosing, reporting))
        return Judgement(step, time.perf_counter() - begin, *halves)

    def _direction(self, direction: Direction, generators: Mapping[Direction, Generator]) -> tuple[Figures, Figures]:
        """The figures of both halves of the pictures that one generator translates."""
        source, target = self._real if direction == "A_to_B" else self._real[::-1]
        (back,) = (other for other in DIRECTIONS if other != direction)
        shown = self._show(generators[direction], source.tests)
        again = self._show(generators[back], shown)
        pairs = list(zip(source.tests, shown, strict=True))
        each = np.array([
            [structure(*pair) for pair in pairs],
            [target.palette.invented(*pair) for pair in pairs],
            [difference(*pair) for pair in zip(source.tests, again, strict=True)],
        ])  # fmt: skip
        features = None if self._network is None else self._network(shown)
        first, second = (
            Figures(
                *map(float, each[:, half].mean(1)),
                *self._by_features(direction, features, half),
                *self._by_features(direction, source.of_tests, half),
            )
            for half in (slice(0, None, 2), slice(1, None, 2))
        )
        return first, second

    def _by_features(
        self, direction: Direction, features: Vectors | None, half: slice
    ) -> tuple[float, float] | tuple[None, None]:
        """Probe and KID."""
        if features is None or self._probe is None:
            return None, None
        some, (a, b) = features[half], self._real
        real = b.features if direction == "A_to_B" else a.features
        assert real is not None
        taken_for_b = float(self._probe.takes_for_b(some).mean())
        distance: Statistic = kid(some, real)
        probe = taken_for_b if direction == "A_to_B" else 1 - taken_for_b
        return probe, distance(np.ones(len(some)), np.ones(len(real)))

    def _show(self, net: Generator, pictures: Sequence[Image]) -> list[Image]:
        return show(net, pictures, settings_of(self._config), self._config.precision, self._device)

    @cached_property
    def _real(self) -> tuple[_Real, _Real]:
        a, b = (self._look_at(domain, paths) for domain, paths in zip(self._domains, self._paths, strict=True))
        return a, b

    @cached_property
    def _probe(self) -> Probe | None:
        a, b = self._real
        return None if a.features is None or b.features is None else fit_probe(a.features, b.features)

    def _look_at(self, domain: Domain, tests: Sequence[Path]) -> _Real:
        real, pictures = _middles(domain.paths, _REAL), _middles(tests, _TESTS)
        features, of_tests = (None if self._network is None else self._network(some) for some in (real, pictures))
        return _Real(pictures, Palette.of(real[:: max(1, len(real) // _COLOURS)]), features, of_tests)


def _middles(paths: Sequence[Path], most: int) -> list[Image]:
    """The middle of so many pictures, evenly spread."""
    count = min(most, len(paths))
    some = (paths[number * len(paths) // count] for number in range(count))
    return [np.array(middle(path, _SIDE, _SIDE), np.uint8) for path in some]
