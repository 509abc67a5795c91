"""Interlaced footage: progressive in the result, or called what it is."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from cgtool.media.encoders import choose_encoder
from cgtool.media.reader import VideoReader
from cgtool.media.shape.interlacing import NOTE, Deinterlace, field_order, keep_fields
from tests.conversion.test_clip import run
from tests.helpers.probe import describe, make, timestamps
from tests.media.shape.clips import interlaced


def luma(path: Path, deinterlace: Deinterlace, start: int | None = None) -> tuple[list[np.ndarray], VideoReader]:
    with VideoReader(path, deinterlace=deinterlace) as reader:
        if start is not None:
            reader.begin_at(start)
        return [frame.planes[0].copy() for frame in reader.planar_frames()], reader


def combs(picture: np.ndarray) -> float:
    """How much neighbouring lines differ, beside lines that are two apart."""
    lines = picture.astype(float)
    return float(np.abs(np.diff(lines, axis=0)).mean() - np.abs(lines[2:] - lines[:-2]).mean())


def bar(picture: np.ndarray) -> int:
    """Where the bar begins, in pixels from the left."""
    return int(np.argmax(picture[24:72].mean(axis=0) > 125))


@pytest.mark.parametrize("order", ["tff", "bff"])
def test_flagged_frames_become_progressive_by_their_field_order_at_the_same_times(tmp_path: Path, order: str) -> None:
    path = interlaced(tmp_path / "fields.ts", order=order)
    combed, _ = luma(path, "off")
    frames, reader = luma(path, "auto")
    assert min(map(combs, combed[1:-1])) > 1
    assert max(map(combs, frames[1:-1])) < 0.5
    # Of each frame, the field that comes first is shown: the wrong order would be 2 pixels later.
    assert [bar(frame) for frame in frames[1:-1]] == pytest.approx([4 + 4 * n for n in range(1, 19)], abs=1)
    assert reader.warnings == [NOTE]
    assert reader.info.field_order is None
    with VideoReader(path) as reader:
        assert [frame.pts_seconds for frame in reader.frames()] == timestamps(path)[0]


def test_progressive_footage_is_left_alone_unless_told_otherwise(tmp_path: Path) -> None:
    """As many a capture card's, whose flags are missing."""
    path = interlaced(tmp_path / "unflagged.mkv", "-vf", "setfield=prog", "-c:v", "ffv1")
    off, auto, on = (luma(path, mode) for mode in ("off", "auto", "on"))
    assert [reader.warnings for _, reader in (off, auto, on)] == [[], [], [NOTE]]
    assert all(np.array_equal(a, b) for a, b in zip(off[0], auto[0], strict=True))
    assert max(map(combs, on[0][1:-1])) < 0.5
    assert len(on[0]) == 20


@pytest.mark.parametrize("first", ["progressive", "interlaced"])
def test_frames_are_the_same_wherever_reading_begins(tmp_path: Path, first: str) -> None:
    """So that a run that goes on makes what one run would have made."""
    flags = "tff" if first == "interlaced" else "prog"
    filters = f"setfield={flags}"
    parts = [
        interlaced(tmp_path / "a.mkv", "-vf", filters, "-c:v", "ffv1", seconds=1.6),
        interlaced(tmp_path / "b.mkv", "-c:v", "ffv1", seconds=1.6),
    ]
    (tmp_path / "list").write_text("".join(f"file '{part}'\n" for part in parts))
    path = make(tmp_path / "both.mkv", "-f", "concat", "-safe", "0", "-i", tmp_path / "list", "-c", "copy")
    whole, reader = luma(path, "auto")
    assert len(whole) == 80
    assert reader.warnings == [NOTE]
    for number in (20, 40, 41, 60):
        pts = round(Fraction(number, 25) / reader.info.time_base)
        later, _ = luma(path, "auto", pts)
        assert len(later) == 80 - number
        assert all(np.array_equal(a, b) for a, b in zip(later, whole[number:], strict=True)), number


@pytest.mark.parametrize("order", ["tff", "bff"])
@pytest.mark.parametrize(("suffix", "codec"), [(".mp4", "h264"), (".mkv", "ffv1"), (".mov", "prores")])
def test_what_stays_interlaced_says_so(tmp_path: Path, suffix: str, codec: str, order: str) -> None:
    source, target = interlaced(tmp_path / "fields.ts", order=order), tmp_path / f"result{suffix}"
    outcome = run(source, target, deinterlace="off", codec=codec)
    assert not any("interlaced" in warning for warning in outcome.warnings)
    with av.open(str(target)) as container:
        frames = list(container.decode(video=0))
    assert len(frames) == 20
    assert {field_order(frame) for frame in frames} == {order}
    name = {"tff": "top", "bff": "bottom"}[order]
    assert f"{name} first" in describe(target) or f"{name} coded first" in describe(target)


def test_what_can_not_say_it_is_named(tmp_path: Path) -> None:
    source = interlaced(tmp_path / "fields.ts")
    outcome = run(source, tmp_path / "result.webm", deinterlace="off", preset="8")
    words = "its frames stay interlaced, which libvpx-vp9's can't say; h264, prores and ffv1 can"
    assert words in outcome.warnings


def test_arguments_of_encoders() -> None:
    encoder = choose_encoder("prores", 64, 48)
    assert keep_fields(encoder, "bff")[0].arguments[-2:] == ("-flags:{n}", "+ildct")
    assert keep_fields(choose_encoder("h264", 64, 48), "bff")[0].arguments[-2:] == ("-x264-params", "bff=1")


def test_the_field_order_of_progressive_frames_is_none(tmp_path: Path) -> None:
    with VideoReader(interlaced(tmp_path / "unflagged.mkv", "-vf", "setfield=prog", "-c:v", "ffv1")) as reader:
        assert field_order(reader.first) is None
