"""OpenVINO's core: one, and without telemetry."""

from __future__ import annotations

import sys

import pytest

from cgtool.errors import EngineError
from cgtool.openvino_core import core, import_openvino


def test_there_is_one_core() -> None:
    assert core() is core()
    assert "CPU" in core().available_devices


def test_telemetry_is_not_importable() -> None:
    import_openvino()
    assert sys.modules["openvino_telemetry"] is None


def test_without_openvino_an_error_says_what_to_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(EngineError, match="openvino can't be imported") as caught:
        import_openvino()
    assert caught.value.hint == "Run: pip install openvino"


def test_ctrl_c_while_it_is_imported_stays_ctrl_c(monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted:
        def find_spec(self, name: str, *_: object) -> None:
            if name == "openvino":
                raise ImportError("its bindings failed") from KeyboardInterrupt()

    monkeypatch.delitem(sys.modules, "openvino")
    monkeypatch.setattr(sys, "meta_path", [Interrupted(), *sys.meta_path])
    with pytest.raises(KeyboardInterrupt):
        import_openvino()
