"""Checkpoints under damage."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from cgtool.errors import ModelError
from cgtool.training.files.checkpoints import Checkpoints


def test_the_last_ones_are_kept(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path / "made", keep=2)
    assert checkpoints.load_last() == (None, [])
    for step in (5, 10, 15):
        checkpoints.save(step, {"step": step, "weight": torch.arange(step)})
    assert checkpoints.steps() == [10, 15]
    content, warnings = checkpoints.load_last()
    assert content is not None
    assert content["step"] == 15
    assert torch.equal(content["weight"], torch.arange(15))
    assert not warnings
    assert sorted(path.name for path in checkpoints.folder.iterdir()) == ["step_00000010.pt", "step_00000015.pt"]


def test_a_damaged_one_is_named_and_the_one_before_is_used(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, keep=3)
    for step in (1, 2):
        checkpoints.save(step, {"step": step})
    newest = checkpoints.path(2)
    newest.write_bytes(newest.read_bytes()[:-200])
    content, warnings = checkpoints.load_last()
    assert content is not None
    assert content["step"] == 1
    assert str(newest) in warnings[0]
    checkpoints.path(1).write_bytes(b"no checkpoint")
    with pytest.raises(ModelError, match="damaged"):
        checkpoints.load_last()


def test_a_write_that_fails_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoints = Checkpoints(tmp_path, keep=1)
    checkpoints.save(1, {"step": 1})

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(ModelError, match="No space left"):
        checkpoints.save(2, {"step": 2})
    assert [path.name for path in tmp_path.iterdir()] == ["step_00000001.pt"]


def test_a_checkpoint_can_not_run_code(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (tmp_path / "ran",)

    checkpoints = Checkpoints(tmp_path, keep=1)
    torch.save({"format": 1, "step": 1, "evil": Evil()}, checkpoints.path(1))
    with pytest.raises(ModelError):
        checkpoints.load_last()
    assert not (tmp_path / "ran").exists()
