"""The kinds of engines, a row each: the facts that cost no import, and the module that knows the rest.

To add a backend, write a folder with a `cgtool.backends.kind.Kind` in it and add its row here. Options of the command
line, checks of requests, manifests, selection and export follow from the row.

The order is the one in which ``--engine auto`` prefers them where nothing was measured, the GPU's before the CPU's.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, cast, get_args

from cgtool.config import ENGINE_PRECISIONS, EnginePrecision

if TYPE_CHECKING:
    from cgtool.backends.kind import Kind

Device = Literal["cuda", "mps", "directml", "coreml", "webgpu", "openvino", "nv-tensorrt-rtx", "mlx", "cpu"]

DEVICES: tuple[Device, ...] = get_args(Device)
"""The choices of ``--device``, besides ``auto`` and ``cuda:N``: GPUs first."""

COMMON: tuple[Device, ...] = ("cuda", "cpu")
"""Those that ``auto`` means. The others have to be named."""


@dataclass(frozen=True)
class Row:
    """A kind of engine, as far as it is known without importing anything.

    Attributes:
        name: As ``--engine``, ``--format`` and manifests call it.
        title: Its maker's name for it.
        module: The module whose ``KIND`` is its `cgtool.backends.kind.Kind`.
        precisions: The arithmetic that ``--precision`` may ask of it, by device.
        automatic: The devices on which ``--engine auto`` considers it.
        from_source: Whether it runs a generator that was not compiled for it: ``always``, only when it is ``asked`` for
            by name, or ``never``.
        live: How it runs a generator from its source, in words.
        neutral: It changes nothing, so that neither ``--device`` nor any wish for a look matters.
        package: The module that it needs besides the base install, if any.
        extra: The extra of cgtool that brings the package.
        advice: What would be faster than this kind, by device.
        suffixes: Of a compiled engine's files; the first is the one to open. Empty for what is never compiled.
        builds: The arithmetic that ``cgtool export`` may ask of it; the first is the default.
        options: The options of ``cgtool export`` that are meant for it and for few others.
        reader: Another kind that reads its files, for machines without the package.
        shaped: Its engines take frames of certain sizes only.
    """

    name: str
    title: str
    module: str
    precisions: Mapping[Device, tuple[EnginePrecision, ...]]
    automatic: tuple[Device, ...] = ()
    from_source: Literal["always", "asked", "never"] = "always"
    live: str = "compiled on the fly"
    neutral: bool = False
    package: str | None = None
    extra: str = ""
    advice: Mapping[str, str] = field(default_factory=dict)
    suffixes: tuple[str, ...] = ()
    builds: tuple[EnginePrecision, ...] = ()
    options: tuple[str, ...] = ()
    reader: str | None = None
    shaped: bool = False

    @property
    def devices(self) -> tuple[Device, ...]:
        """The devices that it runs on, its own first."""
        return tuple(self.precisions)

    def home(self, cuda_device: str = "cuda:0") -> str:
        """The device that its compiled engines are made for: ``cpu``, or the GPU that is given."""
        return cuda_device if self.devices[0] == "cuda" else "cpu"

    def kind(self) -> Kind:
        """Its behaviour. Imports its module, and no framework yet."""
        return cast("Kind", importlib.import_module(self.module).KIND)


_BUILDER = ("--min", "--opt", "--max", "--workspace", "--timing-cache", "--hardware-compatible", "--version-compatible")
_FLOATS: tuple[EnginePrecision, ...] = ("fp32", "bf16", "fp16")

KINDS: dict[str, Row] = {
    row.name: row
    for row in (
        Row(
            name="tensorrt",
            title="TensorRT",
            module="cgtool.backends.tensorrt.kind",
            precisions={"cuda": _FLOATS},
            automatic=("cuda",),
            from_source="never",
            package="tensorrt",
            extra="tensorrt",
            suffixes=(".engine",),
            builds=("fp16", "fp32"),
            options=_BUILDER,
            shaped=True,
        ),
        Row(
            name="tensorrt-rtx",
            title="TensorRT for RTX",
            module="cgtool.backends.tensorrt_rtx.kind",
            precisions={"cuda": _FLOATS},
            automatic=("cuda",),
            from_source="never",
            package="tensorrt_rtx",
            extra="tensorrt-rtx",
            suffixes=(".engine",),
            builds=("fp16", "fp32"),
            options=("--min", "--opt", "--max", "--workspace", "--gpus"),
            shaped=True,
        ),
        Row(
            name="openvino",
            title="OpenVINO",
            module="cgtool.backends.openvino.kind",
            precisions={"cpu": ("fp32", "bf16", "int8")},
            automatic=("cpu",),
            suffixes=(".xml", ".bin"),
            builds=("fp16", "fp32", "bf16", "int8"),  # fp16 is how the weights are kept
        ),
        Row(
            name="torch",
            title="PyTorch",
            module="cgtool.backends.torch.kind",
            precisions={"cpu": ("fp32", "bf16"), "cuda": _FLOATS, "mps": ("fp32", "fp16")},
            automatic=("cuda", "cpu"),
            live="PyTorch itself",
            package="torch",
            extra="train",
            advice={"cuda": "pip install 'cgtool[tensorrt]' and cgtool export --fp16 would make this faster"},
        ),
        Row(
            name="onnx",
            title="ONNX Runtime",
            module="cgtool.backends.onnx.kind",
            precisions={"cpu": _FLOATS, **{device: _FLOATS for device in DEVICES if device not in ("cpu", "mps")}},
            automatic=("cpu",),
            from_source="asked",
            package="onnxruntime",
            extra="onnxruntime",
            suffixes=(".onnx",),
            builds=("fp16", "fp32"),
            reader="openvino",
        ),
        Row(
            name="identity",
            title="none",
            module="cgtool.backends.identity.kind",
            precisions={"cpu": _FLOATS},
            from_source="asked",
            live="no network",
            neutral=True,
        ),
    )
}

ENGINES: tuple[str, ...] = ("auto", *KINDS)
"""The choices of ``--engine``."""

FORMATS: tuple[str, ...] = tuple(name for name, row in KINDS.items() if row.suffixes)
"""The kinds that can be compiled: the choices of ``--format`` besides ``auto``."""

PRECISIONS: tuple[str, ...] = (
    "auto",
    *(p for p in ENGINE_PRECISIONS if any(p in own for row in KINDS.values() for own in row.precisions.values())),
)
"""The choices of ``--precision``."""


def titles(rows: Sequence[Row]) -> str:
    """Kinds as text: ``OpenVINO and TensorRT``."""
    return " and ".join(row.title for row in rows)
