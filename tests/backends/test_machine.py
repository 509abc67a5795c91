"""What is found out about the machine, against made-up drivers and files."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from cgtool.backends import machine


class Pointer(Protocol):
    """What ``ctypes.byref`` gives."""

    _obj: ctypes.c_int


class Driver:
    """Answers as NVIDIA's driver library does."""

    def __init__(self, names: list[str], initialised: int = 0) -> None:
        self.names = names
        self.initialised = initialised

    def cuInit(self, flags: int) -> int:
        return self.initialised

    def cuDeviceGetCount(self, count: Pointer) -> int:
        count._obj.value = len(self.names)
        return 0

    def cuDeviceGet(self, device: Pointer, ordinal: int) -> int:
        device._obj.value = ordinal
        return 0

    def cuDeviceGetName(self, name: ctypes.Array[ctypes.c_char], size: int, device: ctypes.c_int) -> int:
        name.value = self.names[device.value].encode()
        return 0


@pytest.fixture(autouse=True)
def asked_anew() -> Iterator[None]:
    machine.cuda_devices.cache_clear()
    yield
    machine.cuda_devices.cache_clear()


def test_the_drivers_devices_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda name: Driver(["NVIDIA A", "NVIDIA B"]))
    assert machine.cuda_devices() == ("NVIDIA A", "NVIDIA B")


def test_a_driver_without_a_device_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    no_device = 100  # CUDA_ERROR_NO_DEVICE
    monkeypatch.setattr(ctypes, "CDLL", lambda name: Driver(["NVIDIA A"], initialised=no_device))
    assert machine.cuda_devices() == ()


def test_no_driver_means_no_device(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(ctypes, "CDLL", absent)
    assert machine.cuda_devices() == ()


@pytest.mark.skipif(sys.platform != "linux", reason="affinity is Linux's")
def test_affinity_limits_the_cpus() -> None:
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert machine.usable_cpus() == 1
    finally:
        os.sched_setaffinity(0, before)


@pytest.mark.parametrize(("text", "cpus"), [("150000 100000\n", 1.5), ("max 100000\n", None), ("", None)])
def test_the_containers_quota_is_read(tmp_path: Path, text: str, cpus: float | None) -> None:
    (tmp_path / "cpu.max").write_text(text)
    assert machine._cgroup_quota(tmp_path / "cpu.max") == cpus
    assert machine._cgroup_quota(tmp_path / "absent") is None


def test_the_cpu_has_a_name() -> None:
    assert machine.cpu_name()
