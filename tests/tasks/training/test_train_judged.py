"""A training that is judged, and keeps the best."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from cgtool.config import DIRECTIONS
from cgtool.models.folder import read_model_folder
from cgtool.models.weights import save_model_folder
from cgtool.tasks.train import train
from cgtool.training.build import build_networks
from cgtool.training.files.metrics import read_judgements, read_metrics
from cgtool.training.judge import features
from cgtool.training.judge.judge import LEAST_TESTS, Judge
from cgtool.training.judge.judgement import Figures, Judgement, best
from tests.tasks.test_train import assert_equal, last_checkpoint, losses_of, request, run
from tests.training.data.toy import BLUE, RED, shapes, tiny_config
from tests.training.judge.test_judgement import judgement

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


def a_teacher(root: Path) -> Path:
    """A model with weights by chance."""
    nets = build_networks(tiny_config(seed=5), torch.device("cpu"))
    folder = root / "teacher"
    save_model_folder(folder, nets.generators, domains=("red", "blue"), training_scale=36, provenance={})
    return folder


@pytest.mark.parametrize(
    ("options", "losses"),
    [
        ({"gan_loss": "relativistic", "r1_weight": 0.1, "r1_every": 2}, {"G_A_to_B", "D_A", "r1_A"}),
        ({"gan_weight": 0.0, "cycle_weight": 0.0, "distill_weight": 1.0}, {"distillation_A"}),
    ],
    ids=["relativistic", "distilled"],
)
def test_a_judge_who_looks_keeps_the_best_whatever_the_losses(
    tmp_path: Path, data: Path, tests: tuple[Path, Path], options: dict[str, Any], losses: set[str]
) -> None:
    """With these seeds the last step is the best of the first training, and not of the second."""
    pytest.importorskip(features.PACKAGES[1], reason="cgtool[projected] is not installed")
    teacher = {"distill": str(a_teacher(tmp_path))} if "distill_weight" in options else {}
    config = {"steps": 8, **options, **teacher}
    wanted = request(tmp_path, data, test_folders=tests, judge_every=4, export_every=4, sample_every=0, config=config)
    run(wanted)
    assert losses <= {name for line in read_metrics(wanted.run_folder / "metrics.jsonl") for name in line}
    told = read_judgements(wanted.run_folder / "metrics.jsonl")
    assert [one.step for one in told] == [4, 8]
    kept = best(told)
    assert kept is not None
    model = read_model_folder(wanted.model_folder)
    about: dict[str, Any] = dict(model.provenance)
    assert (about["steps"], about["score"]) == (kept.step, kept.score)
    assert {direction: Figures(**about["judged"][direction]) for direction in DIRECTIONS} == kept.reporting
    each = {step: read_model_folder(wanted.run_folder / "models" / f"toy.{step}").weights for step in (4, 8)}
    assert model.weights == each[kept.step]
    assert each[4] != each[8]


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
