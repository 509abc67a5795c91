"""This machine: its processors, their abilities and its GPUs, found out without a framework."""

from __future__ import annotations

import ctypes
import functools
import math
import os
import platform
import sys
from pathlib import Path


def usable_cpus() -> int:
    """How many CPUs this process may keep busy: its affinity, and its container's quota where that is less."""
    count = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    quota = _cgroup_quota(Path("/sys/fs/cgroup/cpu.max"))
    return count if quota is None else max(1, min(count, math.ceil(quota)))


def _cgroup_quota(cpu_max: Path) -> float | None:
    """CPUs that cgroup v2 grants (``docker run --cpus``), None without a limit."""
    try:
        quota, period = cpu_max.read_text().split()
        return int(quota) / int(period)
    except (OSError, ValueError):  # no cgroup v2, or "max 100000"
        return None


@functools.cache
def cpu_name() -> str:
    """The processor's name, such as ``AMD EPYC 9755``."""
    return _cpuinfo().get("model name") or platform.processor() or platform.machine()


@functools.cache
def cpu_has_bf16() -> bool:
    """Whether the CPU multiplies bfloat16 in hardware; False where that can't be told, for emulation is slow."""
    return not {"avx512_bf16", "amx_bf16"}.isdisjoint(_cpuinfo().get("flags", "").split())


@functools.cache
def _cpuinfo() -> dict[str, str]:
    """The first processor's entries of ``/proc/cpuinfo``."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    pairs = (line.partition(":") for line in text.split("\n\n", 1)[0].splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}


@functools.cache
def cuda_devices() -> tuple[str, ...]:
    """Names of the CUDA devices that this process sees, in CUDA's order; empty without NVIDIA's driver.

    Asks the driver itself (CUDA driver API), which honours ``CUDA_VISIBLE_DEVICES``: importing torch to ask costs
    seconds.
    """
    try:
        driver = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return ()
    count = ctypes.c_int()
    if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0:
        return ()
    return tuple(_device_name(driver, ordinal) for ordinal in range(count.value))


def _device_name(driver: ctypes.CDLL, ordinal: int) -> str:
    device, name = ctypes.c_int(), ctypes.create_string_buffer(256)
    if driver.cuDeviceGet(ctypes.byref(device), ordinal) != 0:
        return "unknown GPU"
    if driver.cuDeviceGetName(name, len(name), device) != 0:
        return "unknown GPU"
    return name.value.decode(errors="replace")
