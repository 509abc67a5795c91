"""What lies beside every engine file: a JSON manifest that says what it is, where it runs and how good it is.

::

    A_to_B-onnx-fp16.onnx                                     any machine, any size
    A_to_B-onnx-fp16.engine.json                              its manifest
    A_to_B-openvino-bf16.xml, .bin                            any CPU; run in bf16
    A_to_B-tensorrt-fp16-1x286x508-sm89-trt11.4.engine        that GPU, that TensorRT, frames around that size

Imports no framework.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, cast, get_args

from cgtool.config import DIRECTIONS, ENGINE_PRECISIONS, EnginePrecision
from cgtool.errors import EngineError

Format = Literal["tensorrt", "openvino", "onnx"]
FORMATS: tuple[Format, ...] = get_args(Format)
SUFFIXES: Mapping[Format, tuple[str, ...]] = {
    "tensorrt": (".engine",),
    "openvino": (".xml", ".bin"),
    "onnx": (".onnx",),
}
"""Of each format's files; the first is the one to open."""

SUFFIX = ".engine.json"
FORMAT_VERSION = 1

Shape = tuple[int, int, int]
"""Frames of a call, height and width in pixels."""


@dataclass(frozen=True)
class Shapes:
    """The shapes that an engine takes: TensorRT's optimisation profile.

    Attributes:
        min: The smallest of each dimension.
        opt: What it is fastest at.
        max: The largest of each dimension.
    """

    min: Shape
    opt: Shape
    max: Shape

    def __post_init__(self) -> None:
        for low, best, high in zip(self.min, self.opt, self.max, strict=True):
            if not 1 <= low <= best <= high:
                raise EngineError(f"shapes {self.min}, {self.opt}, {self.max} are not in order: min, opt, max")

    def __contains__(self, shape: object) -> bool:
        if not isinstance(shape, tuple) or len(shape) != len(self.min):
            return False
        return all(low <= size <= high for low, size, high in zip(self.min, shape, self.max, strict=True))

    def __str__(self) -> str:
        if self.min == self.max:
            return "x".join(map(str, self.opt))
        return " to ".join("x".join(map(str, shape)) for shape in (self.min, self.max))


@dataclass(frozen=True)
class Manifest:
    """All that is known of an engine.

    Attributes:
        model: The model's name.
        direction: ``A_to_B`` or ``B_to_A``.
        domains: (source, target).
        key: `GeneratorSource.key`: structure, weights and graph. An engine of another key is out of date.
        weights_sha256: Of the safetensors file that it was made from.
        training_scale: Short side in pixels that the network was trained at.
        format: What opens it.
        precision: The arithmetic of the convolutions.
        shapes: None for any size and batch.
        files: SHA-256 by file name, in the manifest's folder; the first is the one to open.
        versions: Of cgtool, and of what built it.
        hardware: What it was built on: ``cpu``, or ``gpu``, ``compute_capability``, ``hardware_compatible``.
        parity: Figures of the comparison with the PyTorch generator (`cgtool.tasks.parity`).
        build_seconds: How long it took.
        measured: Milliseconds a megapixel by machine, as `cgtool.backends.timings.hardware` names machines.
    """

    model: str
    direction: str
    domains: tuple[str, str]
    key: str
    weights_sha256: str
    training_scale: int
    format: Format
    precision: EnginePrecision
    shapes: Shapes | None
    files: Mapping[str, str]
    versions: Mapping[str, str]
    hardware: Mapping[str, Any]
    parity: Mapping[str, Any] = field(default_factory=dict)
    build_seconds: float = 0.0
    measured: Mapping[str, float] = field(default_factory=dict)

    @property
    def stem(self) -> str:
        """What the engine's file names begin with."""
        parts: list[str] = [self.direction, self.format, self.precision]
        if self.shapes is not None:
            parts.append("x".join(map(str, self.shapes.opt)))
        if self.format == "tensorrt":
            parts.append("sm" + str(self.hardware["compute_capability"]).replace(".", ""))
            parts.append("trt" + ".".join(str(self.versions["tensorrt"]).split(".")[:2]))
        return "-".join(parts)

    def to_json(self) -> str:
        """The text of the manifest."""
        return json.dumps({"format_version": FORMAT_VERSION, **asdict(self)}, indent=2, ensure_ascii=False) + "\n"


@dataclass(frozen=True)
class EngineFile:
    """An engine on the disk.

    Attributes:
        manifest_path: Its manifest.
        manifest: What that says.
    """

    manifest_path: Path
    manifest: Manifest

    @property
    def name(self) -> str:
        """As people call it."""
        return self.manifest_path.name.removesuffix(SUFFIX)

    @property
    def paths(self) -> list[Path]:
        """Its files; the first is the one to open."""
        return [self.manifest_path.parent / name for name in self.manifest.files]

    @property
    def size_bytes(self) -> int:
        """Bytes on the disk; missing files have none."""
        return sum(path.stat().st_size for path in self.paths if path.is_file())

    def read(self) -> list[bytes]:
        """The files' contents, verified.

        Raises:
            EngineError: A file is missing, can't be read or is not what the manifest says.
        """
        contents = []
        for path, sha256 in zip(self.paths, self.manifest.files.values(), strict=True):
            try:
                data = path.read_bytes()
            except OSError as error:
                raise EngineError(f"can't be read: {error.strerror}", path=path, hint=_EXPORT_HINT) from error
            if hashlib.sha256(data).hexdigest() != sha256:
                raise EngineError("is damaged: not what its manifest says", path=path, hint=_EXPORT_HINT)
            contents.append(data)
        return contents


_EXPORT_HINT = "Run cgtool export --force"


def find_engines(folder: Path) -> Iterator[EngineFile | EngineError]:
    """Every engine in a folder, in the order of their names; what is wrong with manifests that can't be read."""
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        try:
            yield EngineFile(path, read_manifest(path))
        except EngineError as error:
            yield error


def read_manifest(path: Path) -> Manifest:
    """Read and check a manifest; the engine's files are not looked at.

    Raises:
        EngineError: It can't be read, is damaged or of a newer format.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        return _parse(data)
    except OSError as error:
        raise EngineError(f"can't be read: {error.strerror}", path=path, hint=_EXPORT_HINT) from error
    except (ValueError, OverflowError, TypeError, KeyError, RecursionError) as error:
        raise EngineError(f"not a manifest that this cgtool reads: {error}", path=path, hint=_EXPORT_HINT) from error


def _parse(data: Any) -> Manifest:  # noqa: ANN401  # JSON
    if not isinstance(data, dict) or data.pop("format_version", None) != FORMAT_VERSION:
        raise ValueError(f"its format version is not {FORMAT_VERSION}")
    shapes = data.pop("shapes")
    source, target = data.pop("domains")
    files = data["files"]
    if (
        data["direction"] not in DIRECTIONS
        or data["format"] not in FORMATS
        or data["precision"] not in ENGINE_PRECISIONS
    ):
        raise ValueError(f"{data['direction']!r}, {data['format']!r} in {data['precision']!r} is unknown")
    if not isinstance(files, dict) or [Path(name).suffix for name in files] != [*SUFFIXES[data["format"]]]:
        raise ValueError(f"its files are not {' and '.join(SUFFIXES[data['format']])}")
    if (shapes is None) is (data["format"] == "tensorrt"):
        raise ValueError("shapes are TensorRT's, and TensorRT's alone")
    for name, sha256 in files.items():
        if not re.fullmatch(r"[\w-][\w.-]*", name) or not re.fullmatch(r"[0-9a-f]{64}", str(sha256)):
            raise ValueError(f"the file {name!r} has no plain name or no SHA-256")
    for key in ("versions", "hardware", "parity", "measured"):
        if not isinstance(data[key], dict):
            raise ValueError(f"{key} is no object")
    if not all(isinstance(value, (int, float)) for value in data["parity"].values()):
        raise ValueError("parity's figures are not numbers")
    if not all(isinstance(value, (int, float)) and value > 0 for value in data["measured"].values()):
        raise ValueError("measured milliseconds are not positive numbers")
    return Manifest(domains=(source, target), shapes=None if shapes is None else _shapes(shapes), **data)


def _shapes(data: Mapping[str, list[int]]) -> Shapes:
    low, best, high = (cast(Shape, tuple(int(size) for size in data[key])) for key in ("min", "opt", "max"))
    try:
        return Shapes(low, best, high)
    except EngineError as error:
        raise ValueError(error.message) from error
