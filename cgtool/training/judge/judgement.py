"""The figures of a judgement, and their score: records alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from cgtool.config import DIRECTIONS, Direction

SCORE = (
    "The score is the mean of both directions' probe, KID's fall (1 at KID 0, 0 at the KID of unchanged pictures) and "
    "structure, less the share of invented colour."
)


@dataclass(frozen=True)
class Figures:
    """One direction's translations of one set of test pictures, as conversion shows them.

    Attributes:
        structure: Correlation of luma's gradients with the source's, mean; -1 to 1.
        invented: Share, 0 to 1, of the pixels with a colour that neither the source nor the target's domain has.
        cycle: Mean absolute difference between a picture and its translation there and back, in levels.
        probe: Share, 0 to 1, that a linear probe takes for the target's domain; None without features.
        kid: Kernel inception distance to real pictures of the target's domain; None without features.
        unchanged_probe, unchanged_kid: The same of the pictures before they were translated.
    """

    structure: float
    invented: float
    cycle: float
    probe: float | None = None
    kid: float | None = None
    unchanged_probe: float | None = None
    unchanged_kid: float | None = None

    @property
    def score(self) -> float | None:
        """See `SCORE`; None without features."""
        if self.probe is None or self.kid is None or not self.unchanged_kid:
            return None
        fall = min(1.0, max(-1.0, 1 - self.kid / abs(self.unchanged_kid)))
        return (self.probe + fall + self.structure) / 3 - self.invented


Half = Mapping[Direction, Figures]
"""Both directions' figures of one half of the test pictures."""


@dataclass(frozen=True)
class Judgement:
    """What the generators of one step are worth.

    Attributes:
        step: Steps done.
        seconds: How long judging took.
        choosing: Of the half of the test pictures that chooses the best step.
        reporting: Of the other half, which chose nothing.
    """

    step: int
    seconds: float
    choosing: Half
    reporting: Half

    @property
    def score(self) -> float | None:
        """What the best step is chosen by; None without features."""
        return mean_score(self.choosing)

    def to_json(self) -> dict[str, Any]:
        """A line of `metrics.jsonl`; `from_json` reads it."""
        halves = {
            name: {direction: asdict(half[direction]) for direction in DIRECTIONS}
            for name, half in (("choosing", self.choosing), ("reporting", self.reporting))
        }
        return {"step": self.step, "judged": {"score": self.score, "seconds": round(self.seconds, 2), **halves}}

    @classmethod
    def from_json(cls, line: Mapping[str, Any]) -> Judgement:
        """The judgement of a line of `metrics.jsonl`."""
        judged = line["judged"]
        choosing, reporting = (
            {direction: Figures(**judged[name][direction]) for direction in DIRECTIONS}
            for name in ("choosing", "reporting")
        )
        return cls(line["step"], judged["seconds"], choosing, reporting)


def mean_score(half: Half) -> float | None:
    """The mean of both directions' scores; None without features."""
    scores = [half[direction].score for direction in DIRECTIONS]
    known = [score for score in scores if score is not None]
    return sum(known) / len(known) if len(known) == len(scores) else None


def best(judgements: list[Judgement]) -> Judgement | None:
    """The one of the highest score, the earliest of several; None if none has a score."""
    scored = [judgement for judgement in judgements if judgement.score is not None]
    return max(scored, key=lambda judgement: judgement.score if judgement.score is not None else 0.0, default=None)
