"""The table of figures: filled where an engine runs, with the reason where it does not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cgtool.backends import machine
from tests.backends.tensorrt.figures import HEAD, lines
from tests.helpers.compiled import quick_exports


def test_engines_that_run_have_figures(compiled: Path) -> None:
    with quick_exports():
        head, row = lines(("onnx",), (str(compiled),))
    assert head == HEAD
    assert {text.count("|") for text in (*head.splitlines(), row)} == {9}
    fields = [field.strip() for field in row.strip("|").split("|")]
    assert fields[0] == "`onnx`"
    assert fields[2] == "dusk A_to_B"
    assert float(fields[3]) >= 40
    assert float(fields[4]) >= 60
    assert all(re.fullmatch(r"\d+(\.\d+)?", field) for field in fields[3:])


def test_what_cannot_run_says_why(compiled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "cuda_devices", lambda: ())
    _, row = lines(("tensorrt",), (str(compiled),))
    assert "no NVIDIA GPU is visible" in row
    assert row.count("|") == 9
