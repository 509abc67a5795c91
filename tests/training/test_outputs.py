"""The outputs of a run; what a whole training leaves is in tests/tasks/test_train.py."""

from __future__ import annotations

import errno
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from cgtool.errors import CgtoolError, UsageError
from cgtool.models.folder import read_model_folder
from cgtool.training.data.check import look_at_data
from cgtool.training.files.loggers import DEFAULT_LOGGERS, LOGGERS
from cgtool.training.files.metrics import StepMetrics
from cgtool.training.outputs import Outputs
from cgtool.training.parallel import World
from cgtool.training.state import TrainState
from tests.training.data.toy import tiny_config, write_domains
from tests.training.files.test_loggers import ToyLogger
from tests.training.test_record import record


def outputs(root: Path, *, loggers: Sequence[str] = DEFAULT_LOGGERS, **options: object) -> Outputs:
    images = write_domains(root / "data")
    folders, tests = ((images / f"{kind}A", images / f"{kind}B") for kind in ("train", "test"))
    data = look_at_data(folders, ("red", "blue"), tests, workers=1)
    state = TrainState(tiny_config(**options), World(0, 1, torch.device("cpu")))
    places = root / "runs" / "toy", root / "engines" / "toy"
    return Outputs(*places, record(**options), state, data, loggers=loggers)


def test_a_run_begins_with_its_record(tmp_path: Path) -> None:
    with outputs(tmp_path):
        pass
    content = json.loads((tmp_path / "runs" / "toy" / "run.json").read_text())
    assert (tmp_path / "runs" / "toy" / "data.jpg").is_file()
    assert (content["name"], content["config"]["generator"]) == ("toy", "resnet6")


def test_hours_are_those_of_the_steps(tmp_path: Path) -> None:
    with outputs(tmp_path) as made:
        for step in (1, 2):
            made.log.write(StepMetrics(step, 0, 0.1, 1800.0, 0.0, {"D_A": 1.0}))
        made.log.sync()
        assert made.provenance()["hours"] == 1.0
        made.export()
        made.write_report()
    model = read_model_folder(tmp_path / "engines" / "toy")
    assert model.provenance["hours"] == 1.0
    assert read_model_folder(tmp_path / "runs" / "toy" / "models" / "toy.0").provenance == model.provenance
    assert "D_A" in made.report.read_text()


def test_the_loggers_that_were_asked_for_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    toy = ToyLogger(fails_at=2)
    monkeypatch.setattr(
        "cgtool.training.files.loggers.LOGGERS", {**LOGGERS, "toy": LOGGERS["wandb"]._replace(opens=lambda run: toy)}
    )
    with outputs(tmp_path, loggers=["toy"]) as made:
        made.log.write(StepMetrics(1, 0, 0.1, 1.0, 0.0, {"D_A": 1.0}))
        made.sample()
        made.log.write(StepMetrics(2, 0, 0.1, 1.0, 0.0, {"D_A": 1.0}))
    assert [told[:2] for told in toy.told] == [(1, {"loss/D_A": 1.0, "learning_rate": 0.1}), (0, "samples"), ("sync",)]
    assert [warning for warning in made.warnings if "--logger toy failed" in warning]
    assert not (tmp_path / "runs" / "toy" / "tensorboard").exists()


def test_a_disk_that_is_full_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with outputs(tmp_path) as made:
        made.sample()
        before = made.report.read_bytes()
        monkeypatch.setattr("os.fsync", full)
        with pytest.raises(CgtoolError, match=r"report\.html: can't be written: No space left on device\. Make room"):
            made.write_report()
    assert made.report.read_bytes() == before
    assert not list((tmp_path / "runs").rglob("*.part"))


def test_a_folder_that_can_not_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(UsageError, match="run folder can't be written"):
        outputs(tmp_path)
