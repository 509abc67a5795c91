"""TensorRT for RTX among the kinds of engines: one file for all RTX GPUs, compiled without any.

Builder and runtime are those of `cgtool.backends.tensorrt`; what differs is in its ``library`` module.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
from collections.abc import Sequence

from cgtool.backends import machine
from cgtool.backends.base import Engine
from cgtool.backends.kind import Kind
from cgtool.backends.spec import AMPERE_AND_NEWER, RTX_GPUS, BuildOptions, Built, EngineSpec, Progress, Target
from cgtool.backends.tensorrt.kind import built, opened
from cgtool.backends.tensorrt.library import TENSORRT_RTX
from cgtool.config import cache_dir
from cgtool.errors import EngineError
from cgtool.extras import installed
from cgtool.pictures import Image

_NAME = "tensorrt-rtx"
_MISSING = "tensorrt-rtx is not installed; run pip install 'cgtool[tensorrt-rtx]'"


class TensorRTForRTX(Kind):
    """TensorRT for RTX 1.7 or newer."""

    def missing(self, device: str) -> str | None:
        """Data centre GPUs since Hopper are not RTX."""
        capability = machine.compute_capability(int(device.removeprefix("cuda:")))
        if capability is None or capability in RTX_GPUS:
            return None
        return f"{machine.device_name(device)} ({capability}) is no RTX GPU; use --engine tensorrt"

    def problem(self, spec: EngineSpec, device: str) -> str | None:
        """An engine fits the GPUs that it was compiled for and the library's version."""
        absent = machine.absent(device) or self.missing(device)
        if absent is not None:
            return absent
        if not installed("tensorrt_rtx"):
            return _MISSING
        built, here = str(spec.target.versions.get(_NAME)), _version()
        if built != here:
            return f"built with TensorRT for RTX {built}, here is {here}; run cgtool export again"
        gpus = spec.target.hardware.get("gpus", ())
        capability = machine.compute_capability(int(device.removeprefix("cuda:")))
        if capability is not None and capability not in gpus:
            return f"built for {', '.join(gpus)}, here is {capability}; run cgtool export --gpus {capability}"
        return None

    def outdated(self, there: EngineSpec, wanted: EngineSpec) -> str | None:
        """The version counts; no GPU has to be here."""
        built, here = there.target.versions.get(_NAME), wanted.target.versions.get(_NAME)
        return None if built == here else f"built with TensorRT for RTX {built}, here is {here}"

    def provable(self, spec: EngineSpec) -> bool:
        """On a machine with such a GPU alone."""
        return self.problem(spec, "cuda:0") is None

    def target(self, options: BuildOptions) -> Target:
        """The GPUs that are named."""
        if not installed("tensorrt_rtx"):
            raise EngineError(_MISSING.split(";")[0], hint="Run: pip install 'cgtool[tensorrt-rtx]'")
        version, named = _version(), options.gpus
        return Target(
            hardware={"gpus": list(named)},
            versions={_NAME: version},
            tags=(*(() if named == AMPERE_AND_NEWER else named), f"rtx{'.'.join(version.split('.')[:2])}"),
        )

    def build(self, spec: EngineSpec, calibration: Sequence[Image], progress: Progress | None) -> Built:
        """Compile the ONNX graph (see `cgtool.backends.kind.Kind.build`)."""
        return built(TENSORRT_RTX, spec, spec.options, progress)

    def open(self, spec: EngineSpec, contents: Sequence[bytes], device: str, *, latency: bool) -> Engine:
        """Load an engine (see `cgtool.backends.kind.Kind.open`)."""
        which = hashlib.sha256(contents[0] + f"{machine.device_name(device)} {machine.driver(device)}".encode())
        cache = cache_dir() / _NAME / f"{which.hexdigest()[:16]}.kernels"
        return opened(TENSORRT_RTX, spec, contents, device, cache)


def _version() -> str:
    """Of the installed package, which is not imported: its libraries are hundreds of megabytes."""
    for package in ("tensorrt_rtx_cu12", "tensorrt_rtx_cu13", "tensorrt_rtx"):
        try:
            return importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return "unknown"


KIND = TensorRTForRTX()
