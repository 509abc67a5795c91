"""PyTorch among the kinds of engines: the arithmetic that fits a device."""

from __future__ import annotations

import sys

import pytest

from cgtool.backends import machine
from cgtool.backends.base import GeneratorSource
from cgtool.backends.spec import EngineSpec
from cgtool.backends.torch.kind import KIND
from cgtool.errors import EngineError

SOURCE = GeneratorSource("key", "label", 4, lambda: pytest.fail("loaded"))


@pytest.mark.parametrize("has_bf16", [False, True])
def test_the_device_decides_unless_somebody_else_does(has_bf16: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "cpu_has_bf16", lambda: has_bf16)
    assert KIND.arithmetic("cpu", "auto") == ("bf16" if has_bf16 else "fp32")
    assert KIND.arithmetic("cuda:1", "auto") == "fp16"
    assert KIND.arithmetic("cpu", "bf16") == "bf16"
    assert KIND.arithmetic("cuda:0", "fp32") == "fp32"


def test_fp16_is_for_gpus() -> None:
    spec = EngineSpec(SOURCE, "torch", "fp16")
    assert KIND.problem(spec, "cpu") == "CPUs have no fast fp16"
    assert KIND.problem(spec, "cuda:0") is None


def test_a_torch_that_is_broken_is_an_engine_that_can_not_be_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "cgtool.backends.torch.backend", raising=False)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(EngineError, match="torch can't be imported"):
        KIND.open_source(EngineSpec(SOURCE, "torch", "fp32"), "cpu", latency=False)
