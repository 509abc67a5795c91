"""An engine for frames of certain sizes, and another one for all others."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cgtool.backends.identity.backend import IdentityBackend
from cgtool.backends.opening import Opened, WithinProfile
from cgtool.backends.spec import Shapes

SHAPES = Shapes((1, 32, 32), (2, 64, 48), (4, 128, 128))


class Counting(IdentityBackend):
    """Counts what is asked of it."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, ...]] = []
        self.closed = 0

    def infer(self, frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
        self.seen.append(frames.shape[:3])
        return frames

    def close(self) -> None:
        self.closed += 1


def test_the_other_engine_is_opened_when_it_is_needed() -> None:
    first, second, openings = Counting(), Counting(), []

    def open_other() -> Opened:
        openings.append(second)
        return Opened(second, [], [])

    with WithinProfile(first, SHAPES, open_other) as backend:
        for height in (64, 128, 31):
            frames = np.zeros((9, height, 48, 3), np.uint8)
            assert backend.infer(frames).shape == frames.shape
        backend.infer(np.zeros((1, 64, 129, 3), np.uint8))
    assert first.seen == [(9, 64, 48), (9, 128, 48)], "a batch of any size is the engine's own matter"
    assert second.seen == [(9, 31, 48), (1, 64, 129)]
    assert (len(openings), first.closed, second.closed) == (1, 1, 1)


def test_the_first_ones_notes_and_warnings_are_told() -> None:
    first = Counting()
    first.notes, first.warnings = ["prepared"], ["slow"]
    backend = WithinProfile(first, SHAPES, lambda: Opened(Counting(), [], []))
    first.warnings.append("slower")
    assert (list(backend.notes), list(backend.warnings)) == (["prepared"], ["slow", "slower"])
