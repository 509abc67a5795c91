"""What is found out about a clock, and how much of the file is read for it."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

from cgtool.media.input import survey
from cgtool.media.input.survey import Survey, look_through
from tests.helpers.probe import make
from tests.media.input.recordings import LENGTH, joined, recording


def look(path: Path) -> Survey:
    survey._look.cache_clear()
    with av.open(str(path)) as container:
        return look_through(path, container.streams.video[0])


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A recording, and one of an hour later."""
    path = tmp_path_factory.mktemp("parts") / "clip.ts"
    return recording(path), recording(path, begin="3600")


def test_a_clock_that_jumps(parts: tuple[Path, Path], tmp_path: Path) -> None:
    found = look(joined(tmp_path / "joined.ts", *parts))
    assert not found.seeks
    assert found.runs is not None
    assert found.frames == 2 * LENGTH


def test_a_clock_that_does_not(parts: tuple[Path, Path]) -> None:
    assert look(parts[0]) == Survey(frames=LENGTH)


def test_a_clock_that_wraps_goes_on(parts: tuple[Path, Path], tmp_path: Path) -> None:
    wrapped = make(tmp_path / "wrapped.ts", "-i", parts[0], "-c", "copy", "-output_ts_offset", "95441.2")
    assert look(wrapped) == Survey(frames=LENGTH)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi"])
def test_clocks_that_can_not_jump_are_not_looked_at(
    parts: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    monkeypatch.setattr(survey, "open_container", None)
    assert look(make(tmp_path / f"clip{suffix}", "-i", parts[0], "-c:v", "copy", "-an")) == Survey()


def test_a_file_is_looked_at_once(parts: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    found = look(parts[0])
    monkeypatch.setattr(survey, "_all_times", None)
    with av.open(str(parts[0])) as container:
        assert look_through(parts[0], container.streams.video[0]) == found


@pytest.fixture
def all_are_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of any size are looked at in places first, some kilobytes apart."""
    monkeypatch.setattr(survey, "_SMALL_BYTES", 0)
    monkeypatch.setattr(survey, "_BYTES_PER_PLACE", 4000)


@pytest.mark.usefixtures("all_are_large")
def test_of_a_large_file_some_places_are_enough(
    parts: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(survey, "_all_times", None)
    assert look(parts[0]) == Survey()


@pytest.mark.usefixtures("all_are_large")
@pytest.mark.parametrize("order", [(0, 1), (1, 0), (0, 0), (0, 0, 0, 1)])
def test_jumps_of_a_large_file_are_found(parts: tuple[Path, Path], tmp_path: Path, order: tuple[int, ...]) -> None:
    found = look(joined(tmp_path / "joined.ts", *(parts[number] for number in order)))
    assert found.runs is not None
    assert len(found.runs.moved) == len(order)
