"""An engine that is open, and one that hands frames which it can't take to another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from cgtool.backends.base import Backend, Engine
from cgtool.backends.spec import Shapes
from cgtool.pictures import Image


@dataclass(frozen=True)
class Opened:
    """A backend that is ready, and how it came to be chosen.

    Attributes:
        backend: To be closed by the caller.
        reasons: One line for each engine that was considered: why it was refused, came later, or was chosen.
        warnings: Things that the user should know although it works.
        notes: Things that were done for it, and that would make it faster.
    """

    backend: Backend
    reasons: Sequence[str]
    warnings: Sequence[str]
    notes: Sequence[str] = ()


class WithinProfile(Engine):
    """An engine for frames of certain sizes, and another one, opened when it is needed, for all others.

    Args:
        backend: For frames within the profile.
        shapes: The profile; batches of any size are the backend's own matter.
        open_other: Opens the other.

    Attributes:
        info: Of the one that ran last; of the first before that.
    """

    def __init__(self, backend: Engine, shapes: Shapes, open_other: Callable[[], Opened]) -> None:
        self._backend = backend
        self._shapes = shapes
        self._open_other = open_other
        self._other: Backend | None = None
        self.info, self.notes, self.warnings = backend.info, backend.notes, backend.warnings

    def infer(self, frames: Image) -> NDArray[Any]:
        """Translate frames (see `cgtool.backends.base.Backend.infer`)."""
        _, height, width, _ = frames.shape
        if (self._shapes.opt[0], height, width) in self._shapes:
            self.info = self._backend.info
            return self._backend.infer(frames)
        if self._other is None:
            self._other = self._open_other().backend
        self.info = self._other.info
        return self._other.infer(frames)

    def close(self) -> None:
        """Release both."""
        self._backend.close()
        if self._other is not None:
            self._other.close()
