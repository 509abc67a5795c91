"""An engine without a network: shows what a file's way through the media layers does to it."""

from __future__ import annotations

from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from cgtool.backends.base import BackendInfo


class IdentityBackend:
    """Returns the frames that it is given, the array itself."""

    info = BackendInfo(engine="identity", device="cpu", precision="fp32", output_owner="caller", batch=1)

    def infer(self, frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return ``frames``."""
        return frames

    def close(self) -> None:
        """Nothing is held."""

    def __enter__(self) -> IdentityBackend:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
