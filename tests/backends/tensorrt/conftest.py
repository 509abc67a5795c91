"""TensorRT and a GPU that are not there."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable

import pytest
import torch

from tests.backends.tensorrt.standin.recording import stand_in
from tests.backends.tensorrt.standin.scenario import Scenario


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Callable[[Scenario], Scenario]:
    """Puts the stand-in for TensorRT and a GPU of compute capability 8.9 in place."""

    def put(scenario: Scenario) -> Scenario:
        monkeypatch.setitem(sys.modules, "tensorrt", stand_in(scenario))
        monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (8, 9))
        monkeypatch.setattr(torch.cuda, "device", lambda device: contextlib.nullcontext())
        return scenario

    return put
