"""Alpha: only what is really there is spoken of."""

from __future__ import annotations

from pathlib import Path

import pytest

from cgtool.media.reader import VideoReader
from cgtool.media.shape.alpha import Transparency, has_alpha
from tests.media.probe import make

OPAQUE = "testsrc=size=64x48:rate=10:duration=0.5,format=rgba"
HOLE = f"{OPAQUE},geq=r='r(X,Y)':g='g(X,Y)':b='b(X,Y)':a='if(lt(X,8),0,255)'"
HOLE_LATER = f"{OPAQUE},geq=r='r(X,Y)':g='g(X,Y)':b='b(X,Y)':a='if(gt(N,2)*lt(X,8),0,255)'"


@pytest.mark.parametrize(
    ("suffix", "arguments"),
    [
        (".gif", ("-filter_complex", "split[a][b];[a]palettegen=reserve_transparent=1[p];[b][p]paletteuse")),
        (".mov", ("-c:v", "prores_ks", "-pix_fmt", "yuva444p10le")),
        (".mkv", ("-c:v", "ffv1", "-pix_fmt", "bgra")),
    ],
)
def test_a_loss_is_told_only_where_a_frame_is_not_opaque(
    tmp_path: Path, suffix: str, arguments: tuple[str, ...]
) -> None:
    for picture, warnings in ((OPAQUE, []), (HOLE, ["its alpha channel is dropped: the result is opaque"])):
        path = make(tmp_path / f"a{suffix}", "-f", "lavfi", "-i", picture, *arguments)
        with VideoReader(path) as reader:
            assert has_alpha(reader.first)
            assert len(list(reader.frames())) == 5
            assert reader.warnings == warnings


def test_the_first_frame_that_is_not_opaque_is_found_once(tmp_path: Path) -> None:
    path = make(tmp_path / "a.mkv", "-f", "lavfi", "-i", HOLE_LATER, "-c:v", "ffv1", "-pix_fmt", "bgra")
    watch = Transparency()
    with VideoReader(path) as reader:
        assert [watch.look(frame) for frame in reader._shaper.frames()] == [False, False, True, False]
    assert watch.is_seen
