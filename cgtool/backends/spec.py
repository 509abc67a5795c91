"""One engine: of which generator, in which format and arithmetic, for which frames. All else follows from that.

Imports no framework.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cgtool.backends.base import GeneratorSource, Origin
from cgtool.config import EnginePrecision
from cgtool.errors import EngineError, UsageError
from cgtool.pictures import Size

SUFFIX = ".engine.json"
"""Of every engine's manifest."""

Shape = tuple[int, int, int]
"""Frames per call, height and width in pixels, as arrays have them."""

Progress = Callable[[str, int, int], bool]
"""Called with a phase's name, how many of its steps are done and how many it has; returns False to cancel. It is called
from a builder's threads, and phases nest."""


RTX_GPUS = ("sm75", "sm80", "sm86", "sm89", "sm120", "sm121")
"""Compute capabilities that TensorRT for RTX compiles for: Turing, Ampere (A100 and GeForce 30), Ada, Blackwell. Not
Hopper (sm90: H100, H200), which is TensorRT's own."""

AMPERE_AND_NEWER = RTX_GPUS[1:]
"""Those that one engine is built for unless told otherwise."""


@dataclass(frozen=True)
class Shapes:
    """The shapes that an engine takes: TensorRT's optimization profile.

    Attributes:
        min: The smallest of each dimension.
        opt: The shape that it is fastest at.
        max: The largest of each dimension.
    """

    min: Shape
    opt: Shape
    max: Shape

    def __post_init__(self) -> None:
        for low, best, high in zip(self.min, self.opt, self.max, strict=True):
            if not 1 <= low <= best <= high:
                sizes = ", ".join(str(_size(shape)) for shape in (self.min, self.opt, self.max))
                raise EngineError(f"the sizes {sizes} are not in order: min, opt, max")

    def __contains__(self, shape: object) -> bool:
        if not isinstance(shape, tuple) or len(shape) != len(self.min):
            return False
        return all(low <= size <= high for low, size, high in zip(self.min, shape, self.max, strict=True))

    def __str__(self) -> str:
        sizes, batches = _range(_size(self.min), _size(self.max)), _range(self.min[0], self.max[0])
        return f"{sizes}, {batches} per batch"


def _size(shape: Shape) -> Size:
    return Size(shape[2], shape[1])


def _range(low: object, high: object) -> str:
    return f"{low}" if low == high else f"{low} to {high}"


@dataclass(frozen=True)
class BuildOptions:
    """Wishes about how an engine is built. Formats that have no use for one refuse it (`cgtool.backends.table`).

    Attributes:
        workspace_mb: Limit of the memory for a layer's intermediate results, in MiB; None for all of the GPU's.
        timing_cache: File that keeps the builder's measurements, so that a similar build takes seconds; None for one
            beside the engines.
        optimization_level: 0 (quick to build) to 5 (searches longest).
        hardware_compatible: Runs on other GPUs too, somewhat slower: all since Ampere if built on one of these, else
            all of the same compute capability.
        version_compatible: Runs on newer TensorRT of the same major version too. Such an engine holds host code.
        gpus: Of TensorRT for RTX: the compute capabilities to compile for, of `RTX_GPUS`.

    Raises:
        UsageError: A number is out of range, or a GPU is unknown.
    """

    workspace_mb: int | None = None
    timing_cache: Path | None = None
    optimization_level: int = 3
    hardware_compatible: bool = False
    version_compatible: bool = False
    gpus: tuple[str, ...] = AMPERE_AND_NEWER

    def __post_init__(self) -> None:
        foreign = [gpu for gpu in self.gpus if gpu not in RTX_GPUS]
        if foreign or not self.gpus:
            words = f"TensorRT for RTX does not compile for {foreign[0]}" if foreign else "--gpus names no GPU"
            raise UsageError(words, hint=f"Use all (Ampere and newer) or some of {','.join(RTX_GPUS)}")
        if self.workspace_mb is not None and self.workspace_mb < 1:
            raise UsageError(f"--workspace {self.workspace_mb} is no size in MB", hint="Use 1 or more")
        if not 0 <= self.optimization_level <= 5:
            raise UsageError(f"TensorRT has no optimization level {self.optimization_level}", hint="Use 0 to 5")


@dataclass(frozen=True)
class Target:
    """The machine and the software that an engine is compiled for, in its kind's own words.

    Attributes:
        hardware: ``cpu``; or ``gpu``, ``compute_capability``, ``hardware_compatible``, ``version_compatible``; or
            ``gpus``.
        versions: Of what the engine is tied to.
        tags: The parts of this that its file's name tells.
    """

    hardware: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Built:
    """A compiled engine that is in memory only.

    Attributes:
        contents: Its files' bytes, in the order of its kind's suffixes.
        versions: Of all that had a part in it.
    """

    contents: list[bytes]
    versions: dict[str, str]


@dataclass(frozen=True)
class EngineSpec:
    """One engine, compiled or not. Key, names and manifest derive from it.

    Attributes:
        source: The generator.
        format: The kind of engine: a key of `cgtool.backends.table.KINDS`.
        precision: The arithmetic of the convolutions.
        shapes: The frames that it takes; None for any size and batch.
        target: What it is compiled for; empty for what is not compiled.
        options: How it is built.
        folder: Where its files are; None for what is not compiled.
    """

    source: GeneratorSource
    format: str
    precision: EnginePrecision
    shapes: Shapes | None = None
    target: Target = field(default_factory=Target)
    options: BuildOptions = field(default_factory=BuildOptions)
    folder: Path | None = None

    @property
    def origin(self) -> Origin:
        """The model that the generator belongs to."""
        assert self.source.origin is not None, "bare checkpoints are not exported"
        return self.source.origin

    @property
    def label(self) -> str:
        """Its name in messages."""
        source, target = self.origin.domains
        return f"{self.origin.model} {source} to {target}: {self.format} {self.precision}"

    @property
    def stem(self) -> str:
        """The beginning of its files' names. Sizes in it are shapes: batch, height, width."""
        parts = [self.source.direction, self.format, self.precision]
        if self.shapes is not None:
            parts.append("x".join(map(str, self.shapes.opt)))
        return "-".join([*parts, *self.target.tags])

    @property
    def size(self) -> Size:
        """The size at which it is proven and timed."""
        return self.origin.size if self.shapes is None else _size(self.shapes.opt)

    def path(self, suffix: str) -> Path:
        """A file of its own, beside the weights or where the user wants it."""
        assert self.folder is not None, "only what is compiled has files"
        return self.folder / f"{self.stem}{suffix}"
