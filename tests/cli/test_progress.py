"""`--progress json`: every line fits the schema, speed and time left are true of what happened."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from cgtool.backends.identity.backend import IdentityBackend
from cgtool.backends.opening import Opened
from cgtool.cli.progress import SCHEMA, ProgressLines
from cgtool.cli.screen import Screen
from cgtool.conversion.events import Advanced, EngineOpened, Finished, Note, Result, Started
from cgtool.conversion.jobs import Job
from tests.helpers.samples import numbered

README = Path(__file__).parents[2] / "README.md"
VALIDATOR = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))
STARTED = Started(Job(Path("a.mp4"), Path("b.mp4")), 0, 2)


def parsed(lines: list[str]) -> list[dict[str, Any]]:
    """Lines as objects, each of which fits the schema."""
    objects = [json.loads(line) for line in lines]
    for one in objects:
        VALIDATOR.validate(one)
    return objects


class Clock:
    """A clock that is set by hand."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(VALIDATOR.schema)


@pytest.mark.parametrize(
    "wrong",
    [
        {"event": "started", "elapsed_seconds": 0},
        {"event": "summary", "elapsed_seconds": -1, "converted": 1, "skipped": 0, "failed": 0},
        {"event": "summary", "elapsed_seconds": 1, "converted": 1, "skipped": 0},
        {"event": "nonsense", "elapsed_seconds": 1},
    ],
)
def test_the_schema_refuses_what_is_wrong(wrong: dict[str, object]) -> None:
    assert not VALIDATOR.is_valid(wrong)


def test_the_readmes_line_fits_the_schema() -> None:
    [line] = [line for line in README.read_text(encoding="utf-8").splitlines() if line.startswith('{"event"')]
    assert parsed([line])[0]["event"] == "progress"


def test_one_line_per_second_with_speed_and_time_left(clock: Clock) -> None:
    lines: list[str] = []
    progress = ProgressLines(lines.append, clock)
    progress.show(STARTED)
    for tenth in range(60):
        clock.now = 100 + tenth / 10
        progress.show(Advanced(tenth, 90, {"decode": tenth * 0.01, "infer": tenth * 0.03}))
    started, *rest = parsed(lines)
    assert started == {
        "event": "started",
        "elapsed_seconds": 0.0,
        "input": "a.mp4",
        "output": "b.mp4",
        "number": 1,
        "files": 2,
    }
    assert [line["frames"] for line in rest] == [10, 20, 30, 40, 50]
    assert [line["fps"] for line in rest] == [pytest.approx(10)] * 5
    assert rest[-1]["eta_seconds"] == pytest.approx(4)
    assert rest[-1]["stages"] == {"decode": 0.25, "infer": 0.75}


def test_speed_follows_a_change_and_a_wrong_guess_is_no_negative_time(clock: Clock) -> None:
    lines: list[str] = []
    progress = ProgressLines(lines.append, clock)
    progress.show(STARTED)
    frames = 0
    for second in range(60):
        clock.now = 100 + second
        frames += 100 if second < 30 else 1
        progress.show(Advanced(frames, 50))
    *_, last = parsed(lines)
    assert last["fps"] == pytest.approx(1)
    assert (last["estimated_frames"], last["eta_seconds"]) == (frames, 0)


def test_what_others_have_made_is_no_speed(clock: Clock) -> None:
    """200 of 300 frames are kept of an earlier run; another machine makes 50 beside; ten per second are ours."""
    lines: list[str] = []
    progress = ProgressLines(lines.append, clock)
    progress.show(STARTED)
    progress.show(Note("b.mp4: going on; 2 of 3 segments are done"))
    for second in range(6):
        clock.now = 100 + second
        earlier = 200 if second < 3 else 250
        progress.show(Advanced(earlier + 10 * second, 300, segment=0, segments=3, earlier_frames=earlier))
    _, note, *rest = parsed(lines)
    assert (note["event"], note["text"]) == ("note", "b.mp4: going on; 2 of 3 segments are done")
    assert note["input"] == "a.mp4"
    assert [line["fps"] for line in rest] == [pytest.approx(10)] * 5
    assert [line["eta_seconds"] for line in rest[:2]] == [pytest.approx(9), pytest.approx(8)]
    assert [line["earlier_frames"] for line in rest] == [200, 200, 250, 250, 250]
    assert {(line["segment"], line["segments"]) for line in rest} == {(1, 3)}


def test_the_bar_does_not_take_them_for_speed_either(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", io.StringIO())
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    screen = Screen(as_json=False, quiet=False, verbose=False, results_to_stderr=False)
    screen.show(STARTED)
    assert screen._progress is not None
    now = 0.0
    monkeypatch.setattr(screen._progress, "get_time", lambda: now)
    for second in range(1, 6):
        now = float(second)
        screen.show(Advanced(1000 + 10 * second, 2000, earlier_frames=1000))
    [_, task] = screen._progress.tasks
    assert (task.completed, task.total) == (1050, 2000)
    assert task.speed == pytest.approx(10)


def test_what_is_not_known_is_null(clock: Clock) -> None:
    lines: list[str] = []
    progress = ProgressLines(lines.append, clock)
    progress.show(Started(Job(None, None), 0, 1))
    clock.now += 2
    progress.show(Advanced(0, None))
    clock.now += 2
    progress.show(Advanced(5, None))
    started, *rest = parsed(lines)
    assert (started["input"], started["output"]) == ("-", "-")
    assert [(line["estimated_frames"], line["eta_seconds"]) for line in rest] == [(None, None)] * 2


def test_engine_end_and_summary(clock: Clock) -> None:
    lines: list[str] = []
    progress = ProgressLines(lines.append, clock)
    progress.show(STARTED)
    progress.show(EngineOpened(Opened(IdentityBackend(), ["identity: asked for"], ["slow"], ["prepared"])))
    progress.show(Finished(Result("a.mp4", "b.mp4", "failed", error="a.mp4: holds no video", warnings=("odd",))))
    progress.summarize({"converted": 0, "skipped": 0, "failed": 1})
    _, engine, finished, summary = parsed(lines)
    assert (engine["engine"], engine["reasons"], engine["notes"]) == ("identity", ["identity: asked for"], ["prepared"])
    assert (finished["status"], finished["error"], finished["number"]) == ("failed", "a.mp4: holds no video", 1)
    assert summary["failed"] == 1


def test_standard_error_holds_objects_only_and_standard_output_stays(tmp_path: Path) -> None:
    clip = numbered(tmp_path / "a.mp4", 5)
    (tmp_path / "bad.mp4").write_text("no video")
    command = [
        sys.executable,
        "-m",
        "cgtool",
        "convert",
        clip.name,
        "bad.mp4",
        "--engine",
        "identity",
        "--to",
        "winter",
    ]
    done = subprocess.run(
        [*command, "--progress", "json", "--json"], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    told = parsed(done.stderr.splitlines())
    assert [one["event"] for one in told] == ["started", "engine", "finished", "started", "finished", "summary"]
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["status"] for row in rows] == [one["status"] for one in told if one["event"] == "finished"]
    assert [row["frames"] for row in rows] == [5, 0]
    assert "bad.mp4" in told[-2]["error"]
