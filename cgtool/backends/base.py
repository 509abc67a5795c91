"""The face that every engine shows, and the generator that it runs. Imports no framework."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, runtime_checkable

from numpy.typing import NDArray

from cgtool.backends.sample import Promise
from cgtool.config import Direction, EnginePrecision
from cgtool.errors import EngineError, OutOfMemoryError
from cgtool.grid import MAPS
from cgtool.pictures import Image, Size

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Origin:
    """The model that a generator belongs to, as far as its engines name it.

    Attributes:
        model: The model's name.
        domains: (source, target) of this generator.
        weights_sha256: Of the safetensors file.
        training_scale: Short side in pixels that the network was trained at.
        size: The size at which the network sees a 16:9 frame unless told otherwise.
    """

    model: str
    domains: tuple[str, str]
    weights_sha256: str
    training_scale: int
    size: Size


@dataclass(frozen=True)
class MapGrid:
    """The maps that a map network gives instead of a picture.

    Attributes:
        stride: Side of a cell, in pixels of what the network sees.
        knots: Brightness knots; there are 7 maps for each.
    """

    stride: int
    knots: int

    @property
    def channels(self) -> int:
        """How many maps there are: 7 for each knot."""
        return MAPS * self.knots

    def shape_of(self, frames: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of the maps of frames of shape (batch, height, width, 3)."""
        batch, height, width, _ = frames
        return batch, self.channels, -(-height // self.stride), -(-width // self.stride)


@dataclass(frozen=True)
class GeneratorSource:
    """A generator that a backend may run, described without loading it.

    A backend with a compiled engine in its cache never calls ``load``, and so never imports torch.

    Attributes:
        key: Identifies structure and weights (a SHA-256 over both): engines are cached under it.
        label: Its name in messages, such as ``summer2winter A_to_B``.
        stride: The network takes heights and widths that are multiples of this, in pixels.
        load: Builds the network: an ``nn.Module`` in eval mode, FP32, on the CPU, mapping float NCHW RGB
            in [-1, 1] to the same shape and range.
        direction: ``A_to_B`` or ``B_to_A`` of its model.
        places: Folders that may hold engines compiled of it, which may not exist; a model's own folder comes first.
        origin: Its model; None for a bare checkpoint, of which no engines are exported.
        maps: The maps that it gives; None if it gives pictures.
    """

    key: str
    label: str
    stride: int
    load: Callable[[], nn.Module]
    direction: Direction = "A_to_B"
    places: tuple[Path, ...] = ()
    origin: Origin | None = None
    maps: MapGrid | None = None

    @property
    def cell(self) -> int | None:
        """Side of a cell of the maps, in pixels; None for pictures."""
        return None if self.maps is None else self.maps.stride

    def shape_of(self, frames: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of what an engine gives for frames of shape (batch, height, width, 3)."""
        return frames if self.maps is None else self.maps.shape_of(frames)


@dataclass(frozen=True)
class BackendInfo:
    """A backend's description of itself.

    Attributes:
        engine: Its name, as ``--engine`` takes it.
        device: ``cpu`` or ``cuda:N``, with the device's own name in parentheses where known.
        precision: The arithmetic of the convolutions.
        batch: How many frames an ``infer`` should be given for the best throughput.
    """

    engine: str
    device: str
    precision: EnginePrecision
    batch: int


@runtime_checkable
class Backend(Protocol):
    """A translator of frames. Normalizing, layout, padding to the network's stride and cropping back are inside."""

    @property
    def info(self) -> BackendInfo:
        """Which engine runs, on which device and how."""
        ...

    def infer(self, frames: Image) -> NDArray[Any]:
        """Translate frames.

        Args:
            frames: RGB, uint8, shape (batch, height, width, 3), any height and width of at least 1, any batch of at
                least 1, C-contiguous.

        Returns:
            The same shape and dtype, values rounded (not truncated) from the network's [-1, 1]. Of a map network:
            its maps, float32, shape (batch, knots * 7, h, w), knot by knot from dark to bright; h and w are height and
            width over the side of a cell, rounded up. It belongs to the caller: no later call writes into it.

        Raises:
            OutOfMemoryError: The device's memory does not hold this batch.
            EngineError: The engine failed otherwise.
        """
        ...

    def close(self) -> None:
        """Release the device's memory. Closing twice is allowed."""
        ...

    def __enter__(self) -> Backend: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


_Self = TypeVar("_Self", bound="Engine")


class Engine(ABC):
    """A `Backend` that a kind of engine opens.

    Attributes:
        info: Which engine runs, on which device and how.
        notes: Things that were done to open it.
        warnings: Things that the user should know although it works.
        promise: Of the file whose graph was compiled on the fly to make it, if there is one.
    """

    info: BackendInfo
    notes: Sequence[str] = ()
    warnings: Sequence[str] = ()
    promise: Promise | None = None

    @abstractmethod
    def infer(self, frames: Image) -> NDArray[Any]:
        """Translate frames (see `Backend.infer`)."""

    @abstractmethod
    def close(self) -> None:
        """Release all that is held. Closing twice is allowed."""

    def __enter__(self: _Self) -> _Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def counted(shape: tuple[int, ...]) -> str:
    """An array's shape (batch, height, width, ...) for people: ``2 frames of 1280x720``."""
    count, height, width = shape[:3]
    return f"{count} frame{'' if count == 1 else 's'} of {Size(width, height)}"


def last_words(error: BaseException) -> str:
    """The last line of an error: runtimes put the places in their own source first."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


def out_of_memory(message: str) -> OutOfMemoryError:
    """The error of an engine whose device ran out of memory."""
    return OutOfMemoryError(message, hint="A smaller --batch or --size needs less")


def closed(engine: str) -> EngineError:
    """The error of an engine that is asked for frames after it was closed."""
    return EngineError(f"{engine}: the backend is closed")
