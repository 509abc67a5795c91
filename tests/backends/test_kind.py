"""The words of a kind that has nothing to say of its own."""

from __future__ import annotations

import numpy as np
import pytest

from cgtool.backends import machine
from cgtool.backends.base import GeneratorSource
from cgtool.backends.kind import Kind
from cgtool.backends.spec import BuildOptions, EngineSpec

SPEC = EngineSpec(GeneratorSource("key", "label", 4, lambda: pytest.fail("loaded")), "plain", "fp32")


def test_it_runs_anywhere_in_what_is_asked_for() -> None:
    kind = Kind()
    assert kind.missing("cpu") is None
    assert kind.problem(SPEC, "cuda:0") is None
    assert (kind.arithmetic("cpu", "auto"), kind.arithmetic("cpu", "bf16")) == ("fp32", "bf16")
    assert kind.compiled_in("fp16") == "fp16"


def test_its_engines_are_for_this_cpu() -> None:
    target = Kind().target(BuildOptions())
    assert target.hardware == {"cpu": machine.cpu_name(), "bf16": machine.cpu_has_bf16()}
    assert (target.versions, target.tags) == ({}, ())


def test_it_neither_compiles_nor_opens_by_itself() -> None:
    with pytest.raises(NotImplementedError, match="plain engines are not compiled"):
        Kind().build(SPEC, [np.zeros((8, 8, 3), np.uint8)], None)
    with pytest.raises(NotImplementedError, match="plain engines are not compiled"):
        Kind().open(SPEC, [b""], "cpu", latency=False)
    with pytest.raises(NotImplementedError, match="plain engines have to be compiled"):
        Kind().open_source(SPEC, "cpu", latency=False)
