"""Alpha: only what is really there is spoken of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cgtool.conversion.events import Finished
from cgtool.media.reader import VideoReader
from cgtool.media.shape.alpha import Transparency, has_alpha
from tests.conversion.pieces.worker import FlickeringMaps, run
from tests.helpers.probe import make

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


@pytest.mark.parametrize("strength", [0, 1])
def test_prores_4444_keeps_its_alpha_where_colours_change(tmp_path: Path, strength: float) -> None:
    """Untouched, and with a model that gives maps."""
    picture = f"{OPAQUE},format=yuva444p10le,geq=lum='lum(X,Y)':cb='cb(X,Y)':cr='cr(X,Y)':a='16*X'"
    how = ("-c:v", "prores_ks", "-profile:v", "4444", "-pix_fmt", "yuva444p10le")
    source, target = make(tmp_path / "a.mov", "-f", "lavfi", "-i", picture, *how), tmp_path / "b.mov"
    happened = run(FlickeringMaps(), [str(source)], output=target, codec="prores", strength=strength)
    [done] = [event.result for event in happened if isinstance(event, Finished)]
    assert (done.error, done.warnings) == (None, ())
    before, after = (decoded(path) for path in (source, target))
    assert len(before) == len(after) == 5
    for old, new in zip(before, after, strict=True):
        assert np.abs(old[3].astype(int) - new[3]).max() <= 8, "of 4095, two encodings apart"
    moved = float(np.abs(before[0][0].astype(int) - after[0][0]).mean())
    assert moved > 40 if strength else moved < 10


def decoded(path: Path) -> list[tuple[np.ndarray, ...]]:
    with VideoReader(path) as reader:
        assert reader.info.pixel_format == "yuva444p12le"
        return [tuple(plane.copy() for plane in frame.planes) for frame in reader.planar_frames()]
