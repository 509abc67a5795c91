"""What is told of a conversion: ``--json`` prints a result's attributes, which scripts rely on."""

from __future__ import annotations

import json
from dataclasses import asdict, fields

from cgtool.conversion.events import Outcome, Result


def test_the_fields_of_a_result() -> None:
    row = json.loads(json.dumps(asdict(Result("a.mp4", "b.mp4", "skipped", reason="exists already"))))
    assert list(row) == [
        *("input", "output", "status", "frames", "seconds", "fps", "engine", "device", "precision", "size"),
        *("busy_seconds", "warnings", "earlier_frames", "reason", "error"),
    ]
    assert row["warnings"] == []


def test_all_of_an_outcome_becomes_part_of_the_result() -> None:
    assert {one.name for one in fields(Outcome)} <= {one.name for one in fields(Result)}
