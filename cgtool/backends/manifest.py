"""The JSON manifest beside every engine file: what the engine is, where it runs and how good it is.

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
from typing import Any, cast

from cgtool.backends.base import GeneratorSource
from cgtool.backends.sample import Promise, Sample
from cgtool.backends.spec import SUFFIX, EngineSpec, Shape, Shapes, Target
from cgtool.backends.table import KINDS, titles
from cgtool.config import DIRECTIONS, ENGINE_PRECISIONS, EnginePrecision
from cgtool.errors import EngineError

FORMAT_VERSION = 1
_LARGEST = 16384
_EXPORT_HINT = "Run cgtool export --force"


@dataclass(frozen=True)
class Manifest:
    """All that is known of a compiled engine.

    Attributes:
        model: The model's name.
        direction: ``A_to_B`` or ``B_to_A``.
        domains: (source, target).
        key: `GeneratorSource.key`: structure, weights and graph. An engine of another key is out of date.
        weights_sha256: Of the safetensors file that it was made from.
        training_scale: Short side in pixels that the network was trained at.
        format: The kind of engine: a key of `cgtool.backends.table.KINDS`.
        precision: The arithmetic of the convolutions.
        shapes: None for any size and batch.
        files: SHA-256 by file name, in the manifest's folder; the first is the one to open.
        versions: Of cgtool, and of what built it.
        hardware: What it was built on: ``cpu``, or ``gpu``, ``compute_capability``, ``hardware_compatible``.
        parity: Figures of the comparison with the PyTorch generator (`cgtool.backends.proof.Parity`).
        build_seconds: How long it took.
        measured: Milliseconds per megapixel by machine, as `cgtool.backends.timings.hardware` names machines.
        sample: A small frame and its right result, for the proof on first use (`cgtool.backends.trial`).
    """

    model: str
    direction: str
    domains: tuple[str, str]
    key: str
    weights_sha256: str
    training_scale: int
    format: str
    precision: EnginePrecision
    shapes: Shapes | None
    files: Mapping[str, str]
    versions: Mapping[str, str]
    hardware: Mapping[str, Any]
    parity: Mapping[str, Any] = field(default_factory=dict)
    build_seconds: float = 0.0
    measured: Mapping[str, float] = field(default_factory=dict)
    sample: Sample | None = None

    def to_json(self) -> str:
        """The text of the manifest."""
        return json.dumps({"format_version": FORMAT_VERSION, **asdict(self)}, indent=2, ensure_ascii=False) + "\n"


@dataclass(frozen=True)
class EngineFile:
    """An engine on the disk.

    Attributes:
        manifest_path: Its manifest.
        manifest: The manifest's contents.
    """

    manifest_path: Path
    manifest: Manifest

    @property
    def name(self) -> str:
        """Its name in messages: that of its manifest."""
        return self.manifest_path.name.removesuffix(SUFFIX)

    @property
    def paths(self) -> list[Path]:
        """Its files; the first is the one to open."""
        return [self.manifest_path.parent / name for name in self.manifest.files]

    @property
    def promise(self) -> Promise:
        """What its files should be, and give."""
        return Promise(self.manifest.sample, tuple(self.manifest.files.values()))

    @property
    def size_bytes(self) -> int:
        """Bytes on the disk; missing files have none."""
        return sum(path.stat().st_size for path in self.paths if path.is_file())

    def spec(self, source: GeneratorSource) -> EngineSpec:
        """The engine as one of a generator, which must be the one that it was made from."""
        return EngineSpec(
            source,
            self.manifest.format,
            self.manifest.precision,
            self.manifest.shapes,
            Target(self.manifest.hardware, self.manifest.versions),
            folder=self.manifest_path.parent,
        )

    def read(self) -> list[bytes]:
        """The files' contents, verified.

        Raises:
            EngineError: A file is missing, can't be read or is not the one in the manifest.
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


def find_engines(folder: Path) -> Iterator[EngineFile | EngineError]:
    """Every engine in a folder, in the order of their names; an error for each manifest that can't be read."""
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
    shapes, sample = data.pop("shapes"), data.pop("sample", None)
    source, target = data.pop("domains")
    if data["direction"] not in DIRECTIONS or data["format"] not in KINDS or data["precision"] not in ENGINE_PRECISIONS:
        raise ValueError(f"{data['direction']!r}, {data['format']!r} in {data['precision']!r} is unknown")
    row = KINDS[data["format"]]
    _check_files(data["files"], row.suffixes)
    if (shapes is not None) is not row.shaped:
        shaped = titles([row for row in KINDS.values() if row.shaped])
        raise ValueError(f"shapes are for {shaped} alone, and these have them all")
    for key in ("versions", "hardware", "parity", "measured"):
        if not isinstance(data[key], dict):
            raise ValueError(f"{key} is no object")
    if not all(isinstance(value, (int, float)) for value in data["parity"].values()):
        raise ValueError("parity's figures are not numbers")
    if not all(isinstance(value, (int, float)) and value > 0 for value in data["measured"].values()):
        raise ValueError("measured milliseconds are not positive numbers")
    return Manifest(
        domains=(source, target),
        shapes=None if shapes is None else _shapes(shapes),
        sample=None if sample is None else _sample(sample),
        **data,
    )


def _sample(data: Mapping[str, Any]) -> Sample:
    if not all(isinstance(data[key], int) and 1 <= data[key] <= _LARGEST for key in ("width", "height")):
        raise ValueError("its sample has no size")
    if not all(isinstance(data[key], str) for key in ("frame", "picture")):
        raise ValueError("its sample is no text")
    return Sample(**data)


def _check_files(files: object, suffixes: tuple[str, ...]) -> None:
    if not suffixes or not isinstance(files, dict) or [Path(name).suffix for name in files] != [*suffixes]:
        raise ValueError(f"its files are not {' and '.join(suffixes)}")
    for name, sha256 in files.items():
        if not re.fullmatch(r"[\w-][\w.-]*", name) or not re.fullmatch(r"[0-9a-f]{64}", str(sha256)):
            raise ValueError(f"the file {name!r} has no plain name or no SHA-256")


def _shapes(data: Mapping[str, list[int]]) -> Shapes:
    low, best, high = (cast(Shape, tuple(int(size) for size in data[key])) for key in ("min", "opt", "max"))
    try:
        return Shapes(low, best, high)
    except EngineError as error:
        raise ValueError(error.message) from error
