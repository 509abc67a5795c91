"""Streams that change their size: one size, the commonest, and no picture squashed."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from cgtool.conversion.events import Finished
from cgtool.frame import PlanarFrame
from cgtool.media.reader import VideoReader
from cgtool.media.shape import sizes
from cgtool.media.shape.sizes import Raster, inner_size, usual_raster
from cgtool.pictures import Size
from tests.conversion.pieces.worker import Flickering, run
from tests.helpers.probe import make
from tests.helpers.samples import numbered
from tests.media.shape.clips import joined

LOOKS = pytest.mark.parametrize("counted", [True, False])


@LOOKS
@pytest.mark.parametrize(
    ("parts", "wanted"),
    [
        ((("64x48", 4), ("96x64", 40)), Size(96, 64)),
        ((("96x64", 40), ("64x48", 4)), Size(96, 64)),
        ((("64x48", 12), ("48x64", 30), ("64x48", 9)), Size(48, 64)),
    ],
)
def test_the_commonest_size_is_everyones(
    tmp_path: Path, parts: tuple[tuple[str, int], ...], wanted: Size, counted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sizes, "_SMALL_BYTES", 32_000_000 if counted else 0)
    path = joined(tmp_path / "parts.ts", *parts)
    with VideoReader(path) as reader:
        assert (reader.info.width, reader.info.height) == wanted
        frames = [frame.pixels for frame in reader.frames()]
    assert len(frames) == sum(count for _, count in parts)
    assert {frame.shape for frame in frames} == {(wanted.height, wanted.width, 3)}


def test_of_sizes_that_are_equally_common_it_is_the_first(tmp_path: Path) -> None:
    with VideoReader(joined(tmp_path / "parts.ts", ("64x48", 10), ("48x64", 10))) as reader:
        assert (reader.info.width, reader.info.height) == (64, 48)


def test_a_cut_has_its_own_commonest_size(tmp_path: Path) -> None:
    path = joined(tmp_path / "parts.ts", ("64x48", 10), ("48x64", 30))
    with VideoReader(path, end=Fraction("0.9")) as reader:
        assert (reader.info.width, reader.info.height) == (64, 48)


def test_another_shape_gets_black_borders(tmp_path: Path) -> None:
    path = joined(tmp_path / "parts.ts", ("128x72", 20), ("72x128", 10), ("64x36", 5))
    with VideoReader(path) as reader:
        frames = [frame.planes for frame in reader.planar_frames()]
        assert reader.warnings == [
            "some frames have another size, 72x128: letterboxed to 128x72",
            "some frames have another size, 64x36: scaled to 128x72",
        ]
    luma, *chroma = frames[25]
    columns = luma.mean(axis=0)
    # 72x128 within 72 lines is 40.5 wide: 40 columns of picture, level 20 + 4 * 5, from the 44th on.
    assert luma.shape == (72, 128)
    assert np.flatnonzero(columns > 30).tolist() == list(range(44, 84))
    assert columns[46:82] == pytest.approx(40, abs=1)
    assert set(np.unique(columns[:43])) == {16}
    assert all(np.abs(plane.astype(int) - 128).max() <= 1 for plane in chroma)
    assert np.abs(frames[31][0].astype(int) - 24).max() <= 1, "the same shape fills the frame"


def test_pixels_that_are_not_square_count(tmp_path: Path) -> None:
    """A broadcast that goes from wide standard definition to square pixels keeps its whole frame."""
    wide = Raster(Size(720, 576), Fraction(64, 45))
    assert inner_size(wide, Raster(Size(1920, 1080), Fraction(1))) == Size(1920, 1080)
    assert inner_size(Raster(Size(1920, 1080), None), wide) == Size(720, 576)
    assert inner_size(Raster(Size(720, 576), Fraction(16, 15)), Raster(Size(1920, 1080), None)) == Size(1440, 1080)


@LOOKS
def test_nothing_is_looked_at_where_one_size_is_stated(
    tmp_path: Path, counted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sizes, "_SMALL_BYTES", 32_000_000 if counted else 0)
    assert usual_raster(numbered(tmp_path / "a.mp4", 5), 0, None, None) is None
    assert usual_raster(numbered(tmp_path / "a.mkv", 5), 0, None, None) == Raster(Size(64, 48), Fraction(1))


def test_a_span_of_a_file_is_looked_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = numbered(tmp_path / "a.mkv", 5)
    found = usual_raster(source, 0, None, None)
    monkeypatch.setattr(sizes, "open_container", None)
    assert usual_raster(source, 0, None, None) == found == Raster(Size(64, 48), Fraction(1))
    monkeypatch.undo()
    numbered(source, 6, size="32x24")
    assert usual_raster(source, 0, None, None) == Raster(Size(32, 24), Fraction(1))


def test_a_video_call_that_sharpens_is_made_in_segments_as_in_one_piece(tmp_path: Path) -> None:
    """VP8 says nothing of its pixels' shape."""
    parts = [tmp_path / "small.webm", tmp_path / "large.webm"]
    for part, size, frames in zip(parts, ("80x44", "160x88"), (8, 22), strict=True):
        picture = f"testsrc2=size={size}:rate=10:duration={frames / 10}"
        make(part, "-f", "lavfi", "-i", picture, "-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8")
    (tmp_path / "list").write_text("".join(f"file '{part}'\n" for part in parts))
    call = make(tmp_path / "call.mkv", "-f", "concat", "-safe", "0", "-i", tmp_path / "list", "-c", "copy")
    results = [tmp_path / "pieces.mp4", tmp_path / "whole.mp4"]
    for result, segment in zip(results, (1, 0), strict=True):
        happened = run(Flickering(), [str(call)], output=result, segment=segment, strength=0)
        [done] = [event.result for event in happened if isinstance(event, Finished)]
        assert done.error is None
        assert done.warnings == ("some frames have another size, 80x44: scaled to 160x88",)
    in_pieces, whole = (np.stack([frame.planes[0] for frame in planar(result)]) for result in results)
    assert in_pieces.shape == whole.shape == (30, 88, 160)
    assert np.abs(in_pieces.astype(int) - whole).mean() < 2


def planar(path: Path) -> list[PlanarFrame]:
    with VideoReader(path) as reader:
        return list(reader.planar_frames())
