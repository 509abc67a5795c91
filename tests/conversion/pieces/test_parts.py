"""One clip made by several at once, and stills dealt out among them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conversion.pieces.worker import Flickering, FlickeringMaps, run
from tests.conversion.pieces.working import FRAMES, difference, ended, killed, results, start
from tests.helpers.probe import make, timestamps


@pytest.fixture(scope="module")
def lossless(source: Path) -> Path:
    """What one machine makes, without an encoder's loss."""
    target = source.with_name("single.mkv")
    ended(start(source, target, "--codec", "ffv1"))
    return target


def test_two_parts_make_one(source: Path, tmp_path: Path, lossless: Path) -> None:
    target = tmp_path / "out.mkv"
    workers = [start(source, target, "--codec", "ffv1", "--slowly", "0.02", "--part", part) for part in ("1/2", "2/2")]
    done = [ended(worker) for worker in workers]
    assert all(seen > 0 for _, _, _, seen, _, _ in done)
    assert timestamps(target) == timestamps(lossless)
    mean, most = difference(target, lossless)
    assert mean <= 1
    assert most <= 6
    assert list(tmp_path.iterdir()) == [target]


def test_one_part_is_killed_and_the_other_finishes(source: Path, tmp_path: Path, lossless: Path) -> None:
    target = tmp_path / "out.mkv"
    options = ("--codec", "ffv1", "--slowly", "0.02", "--part")
    first, other = start(source, target, *options, "1/2", "--kill-at", "8"), start(source, target, *options, "2/2")
    killed(first)
    ended(other)
    assert timestamps(target) == timestamps(lossless)
    mean, most = difference(target, lossless)
    assert mean <= 1
    assert most <= 6
    assert list(tmp_path.iterdir()) == [target]


def test_maps_warm_up_as_well(source: Path, tmp_path: Path) -> None:
    """The second half alone, then the first: it began without the state of the one before."""
    target, whole = tmp_path / "out.mkv", tmp_path / "whole.mkv"
    run(FlickeringMaps(), [str(source)], output=whole, segment=1, codec="ffv1")
    engine = FlickeringMaps()
    [result] = results(run(engine, [str(source)], output=target, segment=1, codec="ffv1", part="2/2"))
    assert result.error is None
    assert engine.frames > FRAMES, "frames were seen again"
    mean, most = difference(target, whole)
    assert mean <= 1
    assert most <= 6


def test_stills_are_dealt_out(tmp_path: Path) -> None:
    names = []
    for name in "abc":
        make(tmp_path / f"{name}.png", "-f", "lavfi", "-i", "testsrc2=size=64x48", "-frames:v", "1")
        names.append(str(tmp_path / f"{name}.png"))
    done = results(run(Flickering(), names, output=tmp_path / "out", part="1/2"))
    assert [one.status for one in done] == ["converted", "skipped", "converted"]
    assert done[1].reason == "is another part's"
    done = results(run(Flickering(), names, output=tmp_path / "out", part="2/2"))
    assert [one.status for one in done] == ["failed", "converted", "failed"], "what is there is not replaced"
