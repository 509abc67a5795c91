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


def absent(device: str) -> str | None:
    """Why this machine has no such device, None if it has, or if only an engine's own library can tell.

    Args:
        device: ``cpu``, ``cuda:N``, ``mps``, or a device that ONNX Runtime knows by name.
    """
    family, _, ordinal = device.partition(":")
    if family == "cuda" and int(ordinal or 0) >= len(cuda_devices()):
        seen = len(cuda_devices())
        return f"only {seen} CUDA device(s) are visible" if seen else "no CUDA device is visible"
    if family == "mps" and (sys.platform != "darwin" or platform.machine() != "arm64"):
        return "this is no Mac with Apple's own chip"
    return None


def device_name(device: str) -> str:
    """A name for what computes, by which a cache folder tells several machines apart.

    Args:
        device: As `absent` takes it.
    """
    family, _, ordinal = device.partition(":")
    if family == "cpu":
        return f"{usable_cpus()} x {cpu_name()}"
    if family == "cuda":
        gpus = cuda_devices()
        return gpus[int(ordinal or 0)] if int(ordinal or 0) < len(gpus) else "unknown GPU"
    return f"{device} of {cpu_name()}"


def driver(device: str) -> str:
    """The version of what drives a device: NVIDIA's driver, or the operating system."""
    if device.startswith("cuda"):
        try:  # Linux; elsewhere the version of CUDA that the driver offers has to do
            words = Path("/proc/driver/nvidia/version").read_text(encoding="utf-8", errors="replace").split("\n")[0]
        except OSError:
            words = ""
        return f"{words} CUDA {_cuda_version()}".strip()
    return f"{platform.system()} {platform.release()}"


@functools.cache
def cuda_devices() -> tuple[str, ...]:
    """Names of the CUDA devices that this process sees, in CUDA's order; empty without NVIDIA's driver.

    Asks the driver itself (CUDA driver API), which honours ``CUDA_VISIBLE_DEVICES``: importing torch to ask costs
    seconds.
    """
    library = _cuda()
    count = ctypes.c_int()
    if library is None or library.cuDeviceGetCount(ctypes.byref(count)) != 0:
        return ()
    return tuple(_device_name(library, ordinal) for ordinal in range(count.value))


def compute_capability(ordinal: int) -> str | None:
    """A GPU's compute capability as compilers write it, such as ``sm89``; None where the driver does not tell.

    Args:
        ordinal: Its place in `cuda_devices`.
    """
    library = _cuda()
    if library is None:
        return None
    device, numbers = ctypes.c_int(), (ctypes.c_int(), ctypes.c_int())
    failed = library.cuDeviceGet(ctypes.byref(device), ordinal)
    for number, attribute in zip(numbers, _COMPUTE_CAPABILITY, strict=True):
        failed = failed or library.cuDeviceGetAttribute(ctypes.byref(number), attribute, device)
    return None if failed else f"sm{numbers[0].value}{numbers[1].value}"


_COMPUTE_CAPABILITY = 75, 76
"""CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR and _MINOR of the CUDA driver API."""


def _cuda() -> ctypes.CDLL | None:
    """NVIDIA's driver library, ready to be asked; None without one."""
    try:
        library = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return None
    return library if library.cuInit(0) == 0 else None


def _cuda_version() -> str:
    """The newest CUDA that the driver runs, such as ``12.8``."""
    library, number = _cuda(), ctypes.c_int()
    if library is None or library.cuDriverGetVersion(ctypes.byref(number)) != 0:
        return "unknown"
    return f"{number.value // 1000}.{number.value % 1000 // 10}"


def _device_name(library: ctypes.CDLL, ordinal: int) -> str:
    device, name = ctypes.c_int(), ctypes.create_string_buffer(256)
    if library.cuDeviceGet(ctypes.byref(device), ordinal) != 0:
        return "unknown GPU"
    if library.cuDeviceGetName(name, len(name), device) != 0:
        return "unknown GPU"
    return name.value.decode(errors="replace")
