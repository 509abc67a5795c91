"""A training that is judged, and keeps the best."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from PIL import Image

from cgtool.models.folder import read_model_folder
from cgtool.tasks.train import train
from cgtool.training.files.metrics import read_judgements
from cgtool.training.judge import features
from cgtool.training.judge.judge import LEAST_TESTS, Judge
from cgtool.training.judge.judgement import Judgement
from tests.tasks.test_train import assert_equal, last_checkpoint, losses_of, request, run
from tests.training.judge.test_judgement import judgement
from tests.training.toy import BLUE, RED, shapes

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def tests(tmp_path_factory: pytest.TempPathFactory, data: Path) -> tuple[Path, Path]:
    root = tmp_path_factory.mktemp("tests")
    for letter, color in (("A", RED), ("B", BLUE)):
        (root / letter).mkdir()
        for seed in range(LEAST_TESTS):
            Image.fromarray(shapes(5000 + seed, color)).save(root / letter / f"{seed}.png")
    return root / "A", root / "B"


def test_judging_leaves_a_training_as_it_is(tmp_path: Path, data: Path, tests: tuple[Path, Path]) -> None:
    pytest.importorskip(features.PACKAGES[1], reason="cgtool[projected] is not installed")
    judged, alone = (
        request(
            tmp_path / str(every), data, test_folders=tests, judge_every=every, config={"dropout": True}, sample_every=0
        )
        for every in (10, 0)
    )
    events = list(train(judged))
    run(alone)
    told = [event for event in events if isinstance(event, Judgement)]
    assert [judgement.step for judgement in told] == [10, 20]
    assert read_judgements(judged.run_folder / "metrics.jsonl") == [
        dataclasses.replace(judgement, seconds=round(judgement.seconds, 2)) for judgement in told
    ]
    assert losses_of(judged) == losses_of(alone)
    one, other = last_checkpoint(judged), last_checkpoint(alone)
    assert one.pop("id") != other.pop("id")
    assert_equal(one, other)
    assert not read_judgements(alone.run_folder / "metrics.jsonl")


def scripted(step: int) -> Judgement:
    """Step 12 is the best."""
    return judgement(step, probe=1 - abs(step - 12) / 100)


@pytest.mark.parametrize(("keep_best", "steps"), [(True, 12), (False, 20)])
def test_the_best_that_was_judged_is_the_model(
    tmp_path: Path, data: Path, tests: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, keep_best: bool, steps: int
) -> None:
    monkeypatch.setattr(Judge, "judge", lambda self, step, generators: scripted(step))
    wanted = request(
        tmp_path, data, test_folders=tests, judge_every=4, keep_best=keep_best, export_every=12, sample_every=0
    )
    run(dataclasses.replace(wanted, stop_after=14))
    run(wanted)
    run(wanted)  # judges no step again
    assert [one.step for one in read_judgements(wanted.run_folder / "metrics.jsonl")] == [4, 8, 12, 16, 20]
    model = read_model_folder(wanted.model_folder)
    assert (model.name, model.provenance["steps"]) == ("toy", steps)
    then = read_model_folder(wanted.run_folder / "models" / f"toy.{steps}")
    assert model.weights == then.weights
    assert ("score" in model.provenance) is keep_best


def test_ten_judgements_are_made_where_there_are_test_pictures(
    tmp_path: Path, data: Path, tests: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Judge, "judge", lambda self, step, generators: scripted(step))
    wanted = request(tmp_path, data, test_folders=tests, sample_every=0)
    run(wanted)
    assert len(read_judgements(wanted.run_folder / "metrics.jsonl")) == 10


def test_without_features_it_is_said_what_is_missing(
    tmp_path: Path, data: Path, tests: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(features, "available", lambda: False)
    monkeypatch.setattr(Judge, "judge", lambda self, step, generators: judgement(step, kid=None))
    wanted = request(tmp_path, data, test_folders=tests, config={"steps": 2}, sample_every=0)
    prepared, _, _ = run(wanted)
    assert any("without probe and KID" in line and "cgtool[projected]" in line for line in prepared.warnings)
    assert read_model_folder(wanted.model_folder).provenance["steps"] == 2
