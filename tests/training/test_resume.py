"""Where a training begins."""

from __future__ import annotations

import dataclasses
import logging
from pathlib import Path

import pytest
import torch

from cgtool.errors import ModelError, UsageError
from cgtool.training.files.checkpoints import Checkpoints
from cgtool.training.files.warmstart import save_init
from cgtool.training.parallel import World
from cgtool.training.record import RunRecord
from cgtool.training.resume import resume
from cgtool.training.state import TrainState
from tests.training.data.toy import tiny_config
from tests.training.test_record import record


def state(**options: object) -> TrainState:
    return TrainState(tiny_config(**options), World(0, 1, torch.device("cpu")))


def saved(folder: Path, made: RunRecord) -> Checkpoints:
    checkpoints = Checkpoints(folder, 3)
    before = state()
    before.step, before.images = 5, 10
    checkpoints.save(5, {**before.state_dict(), **made.in_checkpoint()})
    return checkpoints


def test_without_anything_a_run_begins(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    made, fresh = record(), state()
    with caplog.at_level(logging.DEBUG, "cgtool"):
        assert resume(fresh, made, Checkpoints(tmp_path, 1), init=None, allow_change=False) == (made, [])
    assert fresh.step == 0
    assert "no checkpoint in" in caplog.text


def test_a_checkpoint_goes_before_a_warm_start(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    former, later = record(), state()
    checkpoints = saved(tmp_path, former)
    with caplog.at_level(logging.DEBUG, "cgtool"):
        made, warnings = resume(later, record(), checkpoints, init=Path("nowhere"), allow_change=False)
    assert (made.id, later.step, later.images, warnings) == (former.id, 5, 10, [])
    assert "step_00000005.pt" in caplog.text


def test_changes_are_refused_or_warned_of(tmp_path: Path) -> None:
    checkpoints = saved(tmp_path / "checkpoints", record())
    changed = dataclasses.replace(record(lr=0.1), processes=2)
    with pytest.raises(UsageError, match=r"at step 5.*--lr from 0.0002 to 0.1"):
        resume(state(), changed, checkpoints, init=None, allow_change=False)
    made, warnings = resume(state(), changed, checkpoints, init=None, allow_change=True)
    assert [change.option for change in made.changes] == ["--lr"]
    assert warnings == [
        "going on with --lr 0.1, which was 0.0002: not exact",
        "going on in 2 processes, where 1 were: not exact",
    ]


def test_another_architecture_names_the_checkpoint(tmp_path: Path) -> None:
    checkpoints = saved(tmp_path, record())
    with pytest.raises(ModelError, match="another architecture") as caught:
        resume(state(ngf=5), record(ngf=5), checkpoints, init=None, allow_change=True)
    assert caught.value.path == str(checkpoints.path(5))


def test_a_warm_start_brings_its_steps(tmp_path: Path) -> None:
    before = state()
    before.step, before.images = 3, 6
    save_init(tmp_path / "init", before, {"run": "x"})
    later = state()
    made, _ = resume(later, record(), Checkpoints(tmp_path / "none", 1), init=tmp_path / "init", allow_change=False)
    assert (later.step, later.images) == (3, 6)
    assert made.init is not None
    assert (made.init.step, made.init.provenance) == (3, {"run": "x"})
    done = dataclasses.replace(record(), total_steps=3)
    with pytest.raises(UsageError, match="3 steps already"):
        resume(state(), done, Checkpoints(tmp_path / "none", 1), init=tmp_path / "init", allow_change=False)
