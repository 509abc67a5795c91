"""Broken files of every kind: no traceback, no hang, nothing left behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.campaign import Findings, run
from tests.fuzz.corpus import KINDS, make_corpus


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fuzz") / "corpus"
    make_corpus(folder)
    return folder


def check(findings: Findings, inputs: int) -> None:
    assert findings.faults == []
    assert findings.inputs == inputs
    for kind in KINDS:
        assert findings.outcomes[f"{kind} refused"] > 0, "nothing was broken"
    assert findings.outcomes["video converted"] > 0, "nothing got beyond its header"


def test_broken_files_are_refused_or_survived(corpus: Path, tmp_path: Path) -> None:
    check(run(corpus, tmp_path, inputs=120), 120)


@pytest.mark.slow
def test_two_thousand_broken_files(corpus: Path, tmp_path: Path) -> None:
    check(run(corpus, tmp_path, inputs=2000, seed=1), 2000)


def test_the_campaign_tells_hangs_crashes_and_errors(tmp_path: Path) -> None:
    findings = run(tmp_path, tmp_path, inputs=5, hang_seconds=2, worker="tests.fuzz.faulty")
    assert findings.inputs == 5
    hang, crash, error = findings.faults
    assert hang == "still input 1 (a.png): takes more than 2 seconds"
    assert crash.startswith("still input 2 (a.png): crashes")
    assert error == "still input 3 (a.png): ValueError: oh"
