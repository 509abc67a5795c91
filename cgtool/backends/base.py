"""What every engine looks like, and what it is made from. Imports no framework."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from cgtool.config import Direction, EnginePrecision

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class GeneratorSource:
    """A generator that a backend may run, described without loading it.

    A backend with a compiled engine in its cache never calls ``load``, and so never imports torch.

    Attributes:
        key: Identifies structure and weights (a SHA-256 over both): engines are cached under it.
        label: What people call it, such as ``summer2winter A_to_B``; for messages.
        stride: The network takes heights and widths that are multiples of this, in pixels.
        load: Builds the network: an ``nn.Module`` in eval mode, FP32, on the CPU, mapping float NCHW RGB
            in [-1, 1] to the same shape and range.
        direction: ``A_to_B`` or ``B_to_A`` of its model.
        places: Folders that may hold engines compiled of it, which may not exist.
    """

    key: str
    label: str
    stride: int
    load: Callable[[], nn.Module]
    direction: Direction = "A_to_B"
    places: tuple[Path, ...] = ()


@dataclass(frozen=True)
class BackendInfo:
    """What a backend says of itself.

    Attributes:
        engine: Its name, as ``--engine`` takes it.
        device: ``cpu`` or ``cuda:N``, with the device's own name in parentheses where known.
        precision: The arithmetic of the convolutions.
        output_owner: ``caller``: ``infer`` returns memory that stays valid. ``backend``: it is overwritten by the next
            ``infer``, so copy what must last.
        batch: How many frames an ``infer`` should be given for the best throughput.
    """

    engine: str
    device: str
    precision: EnginePrecision
    output_owner: Literal["caller", "backend"]
    batch: int


@runtime_checkable
class Backend(Protocol):
    """A translator of frames. Normalising, layout, padding to the network's stride and cropping back are inside."""

    @property
    def info(self) -> BackendInfo:
        """What it runs on and how."""
        ...

    def infer(self, frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Translate frames.

        Args:
            frames: RGB, uint8, shape (batch, height, width, 3), any height and width of at least 1, any batch of at
                least 1, C-contiguous.

        Returns:
            The same shape and dtype, values rounded (not truncated) from the network's [-1, 1].

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
