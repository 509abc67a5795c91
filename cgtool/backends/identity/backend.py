"""An engine without a network: shows what a file's way through the media layers does to it."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from cgtool.backends.base import BackendInfo, Engine
from cgtool.pictures import Image


class IdentityBackend(Engine):
    """Returns copies of the frames that it is given."""

    info = BackendInfo(engine="identity", device="cpu", precision="fp32", batch=1)

    def infer(self, frames: Image) -> NDArray[Any]:
        """Return the frames."""
        copied: Image = frames.copy()
        return copied

    def close(self) -> None:
        """Nothing is held."""
