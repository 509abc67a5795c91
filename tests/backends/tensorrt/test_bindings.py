"""TensorRT's bindings: asked for versions, and listened to."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest
import torch

from cgtool.backends.tensorrt.bindings import compute_capability, load_tensorrt, log_of, tensorrt_version
from cgtool.errors import EngineError, OutOfMemoryError
from tests.backends.tensorrt.standin.scenario import Scenario

Install = Callable[[Scenario], Scenario]


def test_versions_are_told(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    install(Scenario(version="10.16.1"))
    assert tensorrt_version() == "10.16.1"
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (12, 0))
    assert compute_capability(0) == "12.0"
    with pytest.raises(EngineError, match="sees no GPU cuda:1"):
        compute_capability(1)


@pytest.mark.parametrize("version", ["8.6.1", "10.11.0.33", "12.0.0", "nightly"])
def test_other_versions_are_refused(version: str, install: Install) -> None:
    install(Scenario(version=version))
    with pytest.raises(EngineError, match=f"TensorRT {version} is not supported: 10.12 or newer and 11 are"):
        load_tensorrt()


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    with pytest.raises(EngineError, match=r"tensorrt can't be imported: .*pip install 'cgtool\[tensorrt\]'"):
        tensorrt_version()


def test_the_last_errors_are_the_reason(install: Install) -> None:
    install(Scenario())
    log = log_of(load_tensorrt())
    log.errors.extend(["no tactic", "for node /out/Conv"])
    assert str(log.failure("it failed")) == "it failed: no tactic; for node /out/Conv"
    log.errors.append("Cuda Runtime (out of memory)")
    assert isinstance(log.failure("it failed"), OutOfMemoryError)
    with pytest.raises(EngineError, match=r"^it failed: the bindings say so$"), log.translated("it failed"):
        raise ValueError("the bindings say so")
