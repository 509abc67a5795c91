"""The engine without a network is chosen like any other, and asks for nothing."""

from __future__ import annotations

import pytest

from cgtool.backends import machine
from cgtool.backends.base import GeneratorSource
from cgtool.backends.identity.backend import IdentityBackend
from cgtool.backends.selection import EngineRequest, open_backend
from cgtool.config import EnginePrecision

SOURCE = GeneratorSource("key", "label", 4, lambda: pytest.fail("the network was loaded"))


@pytest.mark.parametrize("device", ["auto", "cpu", "cuda", "cuda:7"])
@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_any_device_and_arithmetic_will_do(
    device: str, precision: EnginePrecision, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "cuda_devices", lambda: ())
    request = EngineRequest("identity", device, precision)
    opened = open_backend(SOURCE, request)
    assert request.neutral
    assert isinstance(opened.backend, IdentityBackend)
    assert opened.reasons == [f"identity cpu {precision}: chosen, never measured here"]


def test_others_are_not_neutral() -> None:
    assert not EngineRequest().neutral
    assert not EngineRequest("torch").neutral
