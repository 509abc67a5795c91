"""A clip's way in pieces: no frame lost or shown twice, wherever it is cut, and back as well as on."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from cgtool.backends.identity.backend import IdentityBackend
from cgtool.conversion.look import NEUTRAL, FullLook
from cgtool.conversion.network import Network
from cgtool.conversion.pieces.passage import Passage, Shown
from cgtool.media.reader import VideoReader
from tests.helpers.samples import numbered

STEADY = FullLook(size="native", smooth=0.8, texture=0.0, detail="resize")


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return numbered(tmp_path / "a.mp4", 20, "-g", "99")


def passage(reader: VideoReader, look: FullLook) -> Passage:
    return Passage(reader, Network(IdentityBackend(), look.size, 286), look, as_decoded=False, samples=None)


def shown(way: Passage, until: int | None) -> list[int]:
    found: list[Shown] = []
    with closing(way.pipeline(until, found.append, lambda: None).run()) as running:
        for _ in running:
            pass
    return [round(frame.pts_seconds * 10) for frame in found]


@pytest.mark.parametrize("look", [NEUTRAL, STEADY])
def test_pieces_make_the_whole(clip: Path, look: FullLook) -> None:
    with VideoReader(clip) as reader:
        tick = round(1 / reader.info.time_base / 10)
        way = passage(reader, look)
        assert shown(way, 7 * tick) == list(range(7))
        assert way.next_pts(7 * tick) is None
        assert way.next_pts(None) == 7 * tick
        assert shown(way, 7 * tick + 1) == [7]
        assert shown(way, None) == list(range(8, 20))
        assert way.next_pts(None) is None
        way.go_to(5 * tick)
        assert shown(way, 9 * tick) == [5, 6, 7, 8]
        way.go_to(15 * tick)
        assert shown(way, None) == list(range(15, 20))


def test_memory(clip: Path) -> None:
    with VideoReader(clip) as reader:
        tick = round(1 / reader.info.time_base / 10)
        plain, way = passage(reader, NEUTRAL), passage(reader, STEADY)
        assert (plain.has_memory, way.has_memory) == (False, True)
        assert (plain.state(), way.state()) == ({}, {})
        for _ in way.warm_up(3 * tick):
            pass
        state = way.state()
        assert float(state["pts_seconds"]) == pytest.approx(0.2)
        assert way.next_pts(None) == 3 * tick
        way.go_to(10 * tick)
        assert way.state() == {}
        way.go_to(10 * tick, state)
        assert way.state().keys() == state.keys()
