"""Watching a folder: what is whole is taken once, what grows is waited for, and errors stop nothing."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from cgtool.conversion.events import EngineOpened, Finished
from cgtool.conversion.request import WatchRequest
from cgtool.errors import UsageError
from cgtool.tasks.watch import settled, watch
from tests.helpers.samples import numbered


def request_for(folder: Path) -> WatchRequest:
    return WatchRequest(folder, to="winter", engine="identity", output=folder.with_name("out"), settle=0, once=True)


class World:
    """A clock that waiting moves on, and what happens meanwhile."""

    def __init__(self, *happenings: Callable[[], object]) -> None:
        self.now = 0.0
        self.waited: list[float] = []
        self._happenings = iter(happenings)

    def clock(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.waited.append(seconds)
        next(self._happenings, lambda: None)()
        self.now += seconds


def names(request: WatchRequest, world: World) -> list[str]:
    return [job.source_name for job in settled(request, world.wait, world.clock)]


def test_a_file_is_taken_when_it_has_stopped_growing(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"1")
    grow = [lambda size=size: path.write_bytes(b"1" * size) for size in (2, 3)]
    request = WatchRequest(tmp_path, to="winter", output=tmp_path / "out", settle=5, once=True)
    world = World(*grow)
    [job] = settled(request, world.wait, world.clock)
    assert (job.source, job.target) == (path, tmp_path / "out" / "a.mp4")
    assert world.waited == [5, 5, 5]


def test_an_empty_file_and_one_that_has_gone_are_no_work(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.touch()
    request = WatchRequest(tmp_path, to="winter", output=tmp_path / "out", settle=5, once=True)
    assert names(request, World()) == []
    path.write_bytes(b"1")
    assert names(request, World(path.unlink)) == []


def test_what_failed_comes_again_when_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"1")
    request = WatchRequest(tmp_path, to="winter", output=tmp_path / "out", settle=0)
    world = World(lambda: None, lambda: path.write_bytes(b"12"))
    assert len(list(itertools.islice(settled(request, world.wait, world.clock), 2))) == 2
    assert len(world.waited) == 2


def test_two_files_of_one_result_are_a_failure_of_the_second(tmp_path: Path) -> None:
    for name in ("a.mp4", "a.ts"):
        (tmp_path / name).write_bytes(b"1")
    request = WatchRequest(tmp_path, to="winter", output=tmp_path / "out", settle=0, once=True)
    first, second = settled(request, World().wait, World().clock)
    assert first.error is None
    assert "as" in str(second.error)
    assert "a.mp4" in str(second.error)


def test_errors_stop_nothing_and_a_second_run_does_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    (folder / "deep").mkdir(parents=True)
    numbered(folder / "deep" / "b.mp4", 3)
    (folder / "a.mp4").write_text("no video")
    shutil.copy(folder / "deep" / "b.mp4", folder / "c.mp4")
    happened = list(watch(request_for(folder)))
    results = [event.result for event in happened if isinstance(event, Finished)]
    assert [(Path(result.input).name, result.status) for result in results] == [
        ("a.mp4", "failed"),
        ("c.mp4", "converted"),
        ("b.mp4", "converted"),
    ]
    assert sum(isinstance(event, EngineOpened) for event in happened) == 1, "it stays open"
    assert (tmp_path / "out" / "deep" / "b.mp4").is_file()
    assert sorted(path.name for path in folder.rglob("*.mp4")) == ["a.mp4", "b.mp4", "c.mp4"]
    (folder / "a.mp4").unlink()
    assert list(watch(request_for(folder))) == []


def test_what_a_container_can_not_hold_is_each_files_failure(tmp_path: Path) -> None:
    (tmp_path / "a.mov").write_bytes(b"1")
    (tmp_path / "a.ts").write_bytes(b"1")
    (tmp_path / "a.mp4").write_bytes(b"1")
    request = WatchRequest(tmp_path, to="winter", output=tmp_path / "out", codec="vp9", settle=0, once=True)
    results = [event.result for event in watch(request) if isinstance(event, Finished)]
    assert len(results) == 3
    assert {result.status for result in results} == {"failed"}
    assert any("can't hold vp9" in str(result.error) for result in results)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"inputs": "absent"}, "no such folder to watch"),
        ({"output": None}, "folder for the results"),
        ({"output": "."}, "can't take the results"),
        ({"overwrite": True}, "as they are"),
        ({"settle": -1}, "--settle -1"),
    ],
)
def test_what_can_not_be(
    options: dict[str, object], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=words):
        WatchRequest(**{"inputs": ".", "to": "winter", "output": "out", **options})  # type: ignore[arg-type]
