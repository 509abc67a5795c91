"""A file that a cluster converts; the cluster's tasks are done here, one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from cgtool.backends.opening import Opened
from cgtool.conversion.events import Advanced, Event, Finished, Note, Result
from cgtool.conversion.pieces import cluster as module
from cgtool.conversion.pieces.cluster import Answer, Order, Parcel, carry_out
from cgtool.conversion.pieces.unfinished import WorkFolder
from cgtool.conversion.request import ConvertRequest
from cgtool.errors import ClusterError, EngineError
from cgtool.tasks import convert as task
from tests.conversion.pieces.test_cluster import Handle
from tests.conversion.pieces.worker import Flickering, model
from tests.helpers.samples import numbered, numbers


class Here:
    """A cluster of this process: tasks are done when somebody looks, one per look."""

    width = 2
    losing: frozenset[int] = frozenset()

    def __init__(self, address: str, *, gpus: bool, send_files: bool) -> None:
        assert (address, gpus) == ("here", True)
        self.send_files = send_files
        self.handle = Handle()
        self.waiting: list[tuple[Order, object]] = []
        self.made: list[int] = []

    def __enter__(self) -> Here:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def share(self, work: object) -> object:
        return work

    def send(self, path: Path) -> Parcel:
        return Parcel((path.read_bytes(),), path.stat().st_mtime_ns)

    def submit(self, order: Order, work: object) -> object:
        return order, work

    def finished(self, tasks: Sequence[object]) -> list[object]:
        return list(tasks)[:1]

    def answer(self, given: tuple[Order, Any]) -> Answer:
        order, work = given
        if order.number in self.losing:
            raise ClusterError("the Ray cluster has lost it: the node died")
        return carry_out(order, work, self.handle)

    def progress(self, key: str) -> dict[int, Advanced]:
        return self.handle.board.read(key)

    def cancel(self, tasks: Sequence[object]) -> None:
        pass

    def clean(self, key: str) -> None:
        module.forget(key)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "machine").mkdir()
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path / "machine"))
    monkeypatch.setattr(module, "_fetched", lambda chunk: chunk)
    monkeypatch.setattr(task, "Cluster", Here)
    monkeypatch.setattr("cgtool.conversion.pieces.spread._POLL_SECONDS", 0)
    monkeypatch.setattr("cgtool.conversion.request.require", lambda *_: None)
    task._Share._opened.clear()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return numbered(tmp_path / "a.mp4", 40)


def run(inputs: Sequence[Path], engine: Flickering | None = None, **options: object) -> list[Event]:
    request = ConvertRequest(inputs, ray="here", model=model(maps=False), segment=1, **options)  # type: ignore[arg-type]
    task._Share._opened.clear()
    opened = Opened(engine or Flickering(), [], ["slow here"])
    return list(task.convert(task.lay_out(request), opener=lambda *_: opened))


def results(happened: Sequence[Event]) -> list[Result]:
    return [event.result for event in happened if isinstance(event, Finished)]


def notes(happened: Sequence[Event]) -> list[str]:
    return [event.text for event in happened if isinstance(event, Note)]


@pytest.mark.parametrize("sent", [False, True])
def test_a_batch(source: Path, tmp_path: Path, sent: bool) -> None:
    """Videos in segments and whole ones, of which one fails, in order."""
    other, bad = numbered(tmp_path / "b.avi", 5), tmp_path / "c.mp4"
    bad.write_text("no video")
    happened = run([source, bad, other], output=tmp_path / "out", strength=0, ray_send_files=sent)
    first, failed, whole = results(happened)
    assert (first.status, first.frames, first.earlier_frames, first.engine) == ("converted", 40, 0, "fake")
    assert numbers(tmp_path / "out" / "a.mp4") == list(range(40))
    assert (failed.status, failed.input) == ("failed", str(bad))
    assert str(bad) in str(failed.error)
    assert (whole.status, whole.frames) == ("converted", 5)
    assert numbers(tmp_path / "out" / "b.avi") == list(range(5))
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.mp4", "b.avi"]
    assert list((tmp_path / "machine").iterdir()) == []
    assert notes(happened) == ["slow here"], "the engine is opened once"
    advanced = [event for event in happened if isinstance(event, Advanced) and event.segments]
    assert {event.segments for event in advanced} == {4}
    assert [event.frames for event in advanced] == sorted(event.frames for event in advanced)


@pytest.mark.parametrize("sent", [False, True])
def test_what_is_lost_too_often_goes_on_later(
    source: Path, tmp_path: Path, sent: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "out.mp4"
    options: dict[str, Any] = {"output": target, "ray_send_files": sent, "strength": 0}
    with monkeypatch.context() as patch:
        patch.setattr(Here, "losing", frozenset({2}))
        [result] = results(run([source], **options))
    assert result.error == ("the Ray cluster has lost it: the node died. "
                            "2 of 4 segments are kept: the same command goes on from there")  # fmt: skip
    assert not target.exists()
    assert list((tmp_path / "machine").iterdir()) == []
    happened = run([source], **options)
    assert f"{target}: going on; 2 of 4 segments are done" in notes(happened)
    [result] = results(happened)
    assert (result.status, result.frames, result.earlier_frames) == ("converted", 40, 20)
    assert numbers(target) == list(range(40))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "machine", "out.mp4"]


@pytest.mark.parametrize("sent", [False, True])
def test_changed_options_begin_anew(source: Path, tmp_path: Path, sent: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    options: dict[str, Any] = {"output": tmp_path / "out.mp4", "ray_send_files": sent}
    with monkeypatch.context() as patch:
        patch.setattr(Here, "losing", frozenset({2}))
        run([source], **options)
    happened = run([source], strength=0, **options)
    assert any("begun anew" in note and "--strength: 1.0 before, 0 now" in note for note in notes(happened))
    [result] = results(happened)
    assert (result.status, result.frames, result.earlier_frames) == ("converted", 40, 0)
    assert numbers(tmp_path / "out.mp4") == list(range(40))


def test_an_engine_that_fails_is_told(source: Path, tmp_path: Path) -> None:
    class Broken(Flickering):
        def infer(self, frames: Any) -> Any:  # noqa: ANN401
            raise EngineError("the device fell off")

    [result] = results(run([source], Broken(), output=tmp_path / "out.mp4"))
    assert result.error == "the device fell off"
    assert result.status == "failed"


def test_a_machine_that_would_make_it_otherwise_is_told(source: Path, tmp_path: Path) -> None:
    """Engines differ: a segment of another one would not fit the others."""

    class Other(Flickering):
        pass

    Other.info = replace(Flickering.info, engine="another")
    engines: list[Flickering] = [Flickering(), Other()]

    def opener(*_: object) -> Opened:
        return Opened(engines.pop(0), [], [])

    class Forgetful(Here):
        def answer(self, given: tuple[Order, Any]) -> Answer:
            task._Share._opened.clear()  # as on another machine
            return super().answer(given)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(task, "Cluster", Forgetful)
        request = ConvertRequest([source], ray="here", model=model(maps=False), segment=1, output=tmp_path / "out.mp4")
        [result] = results(list(task.convert(task.lay_out(request), opener=opener)))
    assert result.error is not None
    assert "would be made otherwise on this machine (--engine: 'fake' before, 'another' now)" in result.error


def test_what_is_stopped_leaves_nothing_on_the_machines(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    request = ConvertRequest([source, numbered(tmp_path / "b.mp4", 40)], ray="here", ray_send_files=True, segment=1,
                             model=model(maps=False), output=tmp_path / "out")  # fmt: skip
    running = task.convert(task.lay_out(request), opener=lambda *_: Opened(Flickering(), [], []))
    for event in running:
        if isinstance(event, Advanced) and event.frames:
            break
    assert list((tmp_path / "machine").iterdir()) != []
    cast(Any, running).close()
    assert list((tmp_path / "machine").iterdir()) == []
    assert WorkFolder(tmp_path / "out" / "a.mp4").find({}) is not None
    assert not target.exists()
