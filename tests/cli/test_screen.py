"""A conversion's events as lines and as JSON, where there is no terminal."""

from __future__ import annotations

import json

import pytest

from cgtool.cli.convert import convert
from cgtool.cli.screen import Screen
from cgtool.conversion.events import Advanced, Finished, Note, Result
from cgtool.media.encoders import ENCODERS

GOOD = Result(
    "a.mp4",
    "a.winter.mp4",
    "converted",
    frames=50,
    seconds=2.0,
    fps=25.0,
    engine="onnx",
    precision="fp32",
    size="342x192",
    warnings=("chapters are left out",),
    busy_seconds={"infer": 1.25},
)
SKIPPED = Result("b.mp4", "b.winter.mp4", "skipped", reason="it is there already")
BAD = Result("c.mp4", None, "failed", error="c.mp4: holds no video frame that can be decoded")


def screen(*, as_json: bool = False, quiet: bool = False, verbose: bool = False) -> Screen:
    return Screen(as_json=as_json, quiet=quiet, verbose=verbose, results_to_stderr=False)


def shown(screen: Screen) -> None:
    with screen:
        for event in (Note("deinterlaced"), Advanced(10, 50), Finished(GOOD), Finished(SKIPPED), Finished(BAD)):
            screen.show(event)
    screen.summarize()


def test_a_line_per_file_and_a_summary(capsys: pytest.CaptureFixture[str]) -> None:
    batch = screen(verbose=True)
    shown(batch)
    out, err = capsys.readouterr()
    first, second, summary = out.splitlines()
    assert first.startswith("a.mp4 -> a.winter.mp4: 50 frames in 2.0 s, 25.0 fps")
    assert first.endswith("; busy infer 1.2 s")
    assert second.endswith("it is there already")
    assert summary == "1 converted, 1 skipped, 1 failed"
    assert err.splitlines() == [
        "note: deinterlaced",
        "warning: a.mp4: chapters are left out",
        "error: c.mp4: holds no video frame that can be decoded",
    ]
    assert batch.failed == 1


def test_json_is_one_object_per_file_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    shown(screen(as_json=True))
    objects = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(one["input"], one["status"]) for one in objects] == [
        ("a.mp4", "converted"),
        ("b.mp4", "skipped"),
        ("c.mp4", "failed"),
    ]
    assert objects[0]["busy_seconds"] == {"infer": 1.25}


def test_quiet_tells_errors_alone(capsys: pytest.CaptureFixture[str]) -> None:
    shown(screen(quiet=True))
    out, err = capsys.readouterr()
    assert (out, err) == ("", "error: c.mp4: holds no video frame that can be decoded\n")


def test_every_encoder_can_be_chosen() -> None:
    choices = next(parameter.type for parameter in convert.params if parameter.name == "codec")
    assert set(getattr(choices, "choices", ())) == set(ENCODERS)
