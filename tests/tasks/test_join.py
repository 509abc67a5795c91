"""Joining what several machines have made."""

from __future__ import annotations

import shutil
from fractions import Fraction
from pathlib import Path

import pytest

from cgtool.conversion.pieces.unfinished import WorkFolder
from cgtool.errors import MediaError, OutputExistsError
from cgtool.media.joining import Joiner
from cgtool.tasks.join import join
from tests.conversion.pieces.worker import Flickering, run
from tests.helpers.samples import numbered, numbers


@pytest.fixture
def unjoined(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An output whose segments are all made, but whose maker was stopped before it joined them."""
    source = numbered(tmp_path / "a.mp4", 40, sound="sine=440")

    def stopped(self: Joiner) -> None:
        raise MediaError("stopped")

    with monkeypatch.context() as patch:
        patch.setattr(Joiner, "join", stopped)
        target = tmp_path / "b.mp4"
        run(Flickering(), [str(source)], output=target, segment=1, start=Fraction(1), strength=0, no_audio=True)
    assert not target.exists()
    return target


def test_joining(unjoined: Path) -> None:
    joined = join(unjoined)
    assert (joined.frames, joined.segments, joined.warnings) == (30, 3, ())
    assert numbers(unjoined) == list(range(10, 40))
    assert sorted(path.name for path in unjoined.parent.iterdir()) == ["a.mp4", "b.mp4"]


def test_what_can_not_be_joined(unjoined: Path, tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="no segments of it are kept here"):
        join(tmp_path / "other.mp4")
    work = WorkFolder(unjoined)
    held = work.take(None)
    assert held is not None
    with pytest.raises(MediaError, match="is joining it already"):
        join(unjoined)
    held.release()
    unjoined.touch()
    with pytest.raises(OutputExistsError):
        join(unjoined)
    record = work.path / "00001.json"
    shutil.move(record, tmp_path / "kept")
    with pytest.raises(MediaError, match="1 of its 3 segments are missing"):
        join(unjoined)
    shutil.move(tmp_path / "kept", record)
    (tmp_path / "a.mp4").touch()
    with pytest.raises(MediaError, match="has changed since its segments were made"):
        join(unjoined, overwrite=True)
