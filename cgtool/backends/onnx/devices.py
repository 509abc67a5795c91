"""The hardware that ONNX Runtime leads to: CPUs, NVIDIA's GPUs, and what its other packages and plugins open.

ONNX Runtime finds devices itself. Here are only their names, and the package to install for each. Nothing but CPUs has
run: what an engine does on such a device is proven on its first use (`cgtool.backends.trial`).
"""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cgtool.backends import machine
from cgtool.errors import EngineError
from cgtool.extras import installed


@dataclass(frozen=True)
class Door:
    """A way to hardware.

    Attributes:
        package: What pip has to install.
        provider: ONNX Runtime's name for it, where it is built in; plugins tell their own.
        plugin: The module that finds the plugin's library; empty where there is none.
        whole: A package that has the provider built in, instead of onnxruntime and the plugin.
        refusing: What the plugin turns away and the whole package takes, in words.
        options: The provider's, where it is built in.
    """

    package: str
    provider: str = ""
    plugin: str = ""
    whole: str = ""
    refusing: str = ""
    options: Mapping[str, str] = field(default_factory=dict, hash=False)


DOORS = {
    "cpu": Door("onnxruntime", "CPUExecutionProvider"),
    "cuda": Door("onnxruntime-gpu", "CUDAExecutionProvider"),
    "directml": Door("onnxruntime-directml", "DmlExecutionProvider"),
    "coreml": Door("onnxruntime", "CoreMLExecutionProvider"),
    "webgpu": Door("onnxruntime-ep-webgpu", plugin="onnxruntime_ep_webgpu"),
    "openvino": Door(
        "onnxruntime-ep-openvino",
        "OpenVINOExecutionProvider",
        "onnxruntime_ep_openvino",
        whole="onnxruntime-openvino",
        refusing="CPUs that are not Intel's",
        options={"device_type": "CPU"},
    ),
    "nv-tensorrt-rtx": Door("onnxruntime-ep-nv-tensorrt-rtx-cu12", plugin="onnxruntime_ep_nv_tensorrt_rtx"),
    "mlx": Door("onnxruntime-ep-mlx", plugin="onnxruntime_ep_mlx"),
}
"""By the names that ``--device`` takes."""

_PREFERRED = ("GPU", "CPU", "NPU")
"""What a plugin may offer, the best first: NPUs want frames of one size."""


def missing(device: str) -> str | None:
    """Why a device can't be reached, as far as is known without ONNX Runtime; None if it may be."""
    door = DOORS[_family(device)]
    if door.plugin and not installed(door.plugin) and _version(door.whole) is None:
        return f"{door.package} is not installed; run pip install {door.package}"
    return None


def versions(device: str) -> str:
    """Of ONNX Runtime and of what it is told to load for a device: what drives it, besides the system."""
    door = DOORS[_family(device)]
    there = {package: _version(package) for package in ("onnxruntime", door.package, door.whole)}
    return " ".join(f"{package} {version}" for package, version in there.items() if version is not None)


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package) if package else None
    except importlib.metadata.PackageNotFoundError:  # or it is another package of the same module
        return None


def _family(device: str) -> str:
    return device.partition(":")[0]


def opened(runtime: Any, onnx: bytes, options: Any, device: str) -> tuple[Any, str]:  # noqa: ANN401  # it has no types
    """A session on a device, and the device's own name.

    Args:
        runtime: The module onnxruntime.
        onnx: The graph.
        options: The session's; a plugin's device is added to them.
        device: A key of `DOORS`, or ``cuda:N``.

    Raises:
        EngineError: There is no such device.
        Exception: ONNX Runtime refuses the graph; its exceptions have no common class.
    """
    door = DOORS[_family(device)]
    if door.plugin and door.provider not in runtime.get_available_providers():
        found = _offered(runtime, door, device)
        options.add_provider_for_devices([found], {})
        session = runtime.InferenceSession(onnx, options)
        provider, name = found.ep_name, f"{found.device.vendor} {found.device.type.name}".strip()
    else:
        provider, name = door.provider, _own_name(device)
        if provider not in runtime.get_available_providers():
            raise EngineError(f"onnx: this onnxruntime has no {device}", hint=f"Run: pip install {door.package}")
        ordinal = {"device_id": device.partition(":")[2]} if device.startswith("cuda:") else {}
        session = runtime.InferenceSession(onnx, options, providers=[(provider, {**door.options, **ordinal})])
    if provider not in session.get_providers():
        raise EngineError(f"onnx: {device} can't be used by this onnxruntime", hint="See its own warnings above")
    return session, name


def _own_name(device: str) -> str:
    return machine.device_name(device) if device.startswith("cuda") else machine.cpu_name()


def _offered(runtime: Any, door: Door, device: str) -> Any:  # noqa: ANN401  # it has no types
    """The best of the devices that a plugin finds here."""
    names = _registered(runtime, door)
    found = [own for own in runtime.get_ep_devices() if own.ep_name in names]
    for kind in _PREFERRED:
        for own in found:
            if own.device.type.name == kind:
                return own
    problem, hint = f"onnx: {door.package} finds no device for {device} on this machine", "Use --device cpu"
    if door.whole:
        hint = f"Run: pip uninstall onnxruntime {door.package} && pip install {door.whole}; or use --engine auto"
        problem += f"; it refuses {door.refusing}, {door.whole} does not"
    raise EngineError(problem, hint=hint)


@functools.cache
def _registered(runtime: Any, door: Door) -> tuple[str, ...]:  # noqa: ANN401  # it has no types
    """The names of what a plugin brings, which stays loaded."""
    try:
        plugin = importlib.import_module(door.plugin)
        runtime.register_execution_provider_library(door.plugin, plugin.get_library_path())
        return tuple(plugin.get_ep_names())
    except Exception as error:  # a plugin's own, and those of ONNX Runtime, which have no common class
        hint = f"Run: pip install --upgrade {door.package} onnxruntime"
        raise EngineError(f"onnx: {door.package} can't be loaded: {error}", hint=hint) from error
