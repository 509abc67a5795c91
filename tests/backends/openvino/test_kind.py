"""OpenVINO among the kinds of engines: what this CPU can compute in."""

from __future__ import annotations

import pytest

from cgtool.backends.base import GeneratorSource
from cgtool.backends.openvino import backend
from cgtool.backends.openvino.kind import KIND
from cgtool.backends.spec import EngineSpec
from cgtool.config import EnginePrecision
from cgtool.errors import EngineError, UsageError

SOURCE = GeneratorSource("key", "label", 4, lambda: pytest.fail("loaded"))


def problem(precision: EnginePrecision) -> str | None:
    return KIND.problem(EngineSpec(SOURCE, "openvino", precision), "cpu")


@pytest.mark.parametrize("best", ["fp32", "bf16"])
def test_the_cpu_decides(best: EnginePrecision, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend, "default_precision", lambda: best)
    assert (problem("fp32"), problem("int8"), problem("fp16")) == (None, None, "this CPU has no fp16")
    assert problem("bf16") == (None if best == "bf16" else "this CPU has no bf16")
    assert (KIND.arithmetic("cpu", "auto"), KIND.arithmetic("cpu", "int8")) == (best, best)
    assert KIND.arithmetic("cpu", "fp32") == "fp32"
    assert KIND.compiled_in("fp16") == best, "the weights are FP16, the arithmetic is the CPU's best"
    if best == "fp32":
        with pytest.raises(UsageError, match="this CPU has no bf16"):
            KIND.compiled_in("bf16")


def test_an_openvino_that_is_broken_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise EngineError("openvino can't be imported: libtbb.so.12", hint="Run: pip install openvino")

    monkeypatch.setattr(backend, "default_precision", broken)
    assert (
        problem("fp32") == KIND.missing("cpu") == "openvino can't be imported: libtbb.so.12. Run: pip install openvino"
    )
