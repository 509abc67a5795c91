"""The work folder: what it keeps, what it says has changed, what is found of it later."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from cgtool.conversion.pieces.segments import Plan
from cgtool.conversion.pieces.unfinished import Segment, WorkFolder, fingerprint, unfinished
from cgtool.errors import MediaError

PLAN = Plan((0, 100, 200), Fraction(1, 50))
STATE = {"shown": np.arange(12, dtype=np.uint8).reshape(2, 2, 3), "pts_seconds": np.asarray(1.5)}
SEGMENT = Segment(50, 0, ("dark",), {"infer": 1.5})


@pytest.fixture
def work(tmp_path: Path) -> WorkFolder:
    folder = WorkFolder(tmp_path / "a.mp4")
    assert folder.find({"--crf": 18}) is None
    folder.begin(PLAN, {"--crf": 18}, tmp_path / "source.mp4")
    return folder


def finish(work: WorkFolder, number: int) -> None:
    work.file(number).touch()
    work.keep(number, SEGMENT, STATE)


def test_it_is_found_again(work: WorkFolder) -> None:
    assert work.path.name == ".a.mp4.cgtool"
    finish(work, 0)
    again = WorkFolder(work.target)
    assert again.find({"--crf": 18}) == []
    assert (again.plan, again.source, again.done()) == (PLAN, work.source, {0: SEGMENT})
    state = again.state_after(0)
    assert state is not None
    assert {name: (array.dtype, array.tolist()) for name, array in state.items()} == {
        name: (array.dtype, array.tolist()) for name, array in STATE.items()
    }


def test_what_is_kept_is_said(work: WorkFolder) -> None:
    assert work.kept() is None
    finish(work, 1)
    assert work.kept() == "1 of 3 segments are kept: the same command goes on from there"


def test_what_has_changed_is_said(work: WorkFolder) -> None:
    assert WorkFolder(work.target).find({"--crf": 20}) == ["--crf: 18 before, 20 now"]
    assert WorkFolder(work.target).find({"--crf": 18, "the model": "x"}) == ["the model"]


def test_only_the_states_that_are_needed_are_kept(work: WorkFolder) -> None:
    for number in (0, 2, 1):
        finish(work, number)
    assert [work.state_after(number) for number in (0, 1, 2)] == [None, None, None]
    assert len(work.pieces()) == 3


def test_damage_means_making_it_again(work: WorkFolder) -> None:
    finish(work, 0)
    finish(work, 1)
    (work.path / "00000.json").write_text("{")
    work.file(1).unlink()
    (work.path / "00001.npz").write_bytes(b"rubbish")
    assert work.done() == {}
    assert work.state_after(1) is None
    (work.path / "plan.json").write_text("[]")
    assert WorkFolder(work.target).find({}) is None


def test_it_is_listed_and_removed(work: WorkFolder, tmp_path: Path) -> None:
    finish(work, 0)
    lease = work.take(1)
    assert lease is not None
    assert work.take(1) is None
    [found] = unfinished(tmp_path)
    assert (found.folder, found.output, found.source) == (work.path, work.target, tmp_path / "source.mp4")
    assert (found.done, found.segments) == (1, 3)
    assert found.nbytes > 0
    assert found.worker is not None
    lease.release()
    assert unfinished(tmp_path)[0].worker is None
    work.remove()
    assert work.is_gone
    assert unfinished(tmp_path) == []
    assert work.take(1) is None, "there is nothing to be done"


def test_a_source_is_known_by_its_content(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"one")
    before = fingerprint(file)
    assert fingerprint(file) == before
    file.write_bytes(b"two")
    assert fingerprint(file) != before
    with pytest.raises(MediaError, match="can't be read"):
        fingerprint(tmp_path / "absent")
