"""A kind of engine that cgtool has never heard of: it gives the negative of its frames, whatever the network."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cgtool.backends.base import BackendInfo, Engine
from cgtool.backends.kind import Kind
from cgtool.backends.spec import Built, EngineSpec, Progress
from cgtool.backends.table import Row
from cgtool.pictures import Image


class ToyBackend(Engine):
    info = BackendInfo("toy", "cpu (toy)", "fp32", batch=2)
    notes = ("toys are fast",)

    def __init__(self, brightest: int) -> None:
        self._brightest = brightest

    def infer(self, frames: Image) -> Image:
        return np.asarray(self._brightest - frames, np.uint8)

    def close(self) -> None:
        """Nothing is held."""


class Toy(Kind):
    def problem(self, spec: EngineSpec, device: str) -> str | None:
        return "toys are not that exact" if spec.precision == "int8" else None

    def build(self, spec: EngineSpec, calibration: Sequence[Image], progress: Progress | None) -> Built:
        return Built([b"255"], {"toy": "1.0"})

    def open(self, spec: EngineSpec, contents: Sequence[bytes], device: str, *, latency: bool) -> Engine:
        return ToyBackend(int(contents[0]))

    def open_source(self, spec: EngineSpec, device: str, *, latency: bool) -> Engine:
        return ToyBackend(255)


KIND = Toy()

ROW = Row(
    name="toy",
    title="Toy",
    module=__name__,
    precisions={"cpu": ("fp32",)},
    automatic=("cpu",),
    suffixes=(".toy",),
    builds=("fp32",),
)
