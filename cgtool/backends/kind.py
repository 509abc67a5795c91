"""The words that every kind of engine speaks. Its facts are in `cgtool.backends.table`, its behaviour is here.

A kind's module imports no framework at its top: it is loaded to ask questions such as "why can't this run here?".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from cgtool.backends import machine
from cgtool.backends.base import Engine
from cgtool.backends.spec import BuildOptions, Built, EngineSpec, Progress, Target
from cgtool.backends.table import KINDS
from cgtool.config import EnginePrecision
from cgtool.pictures import Image


class Kind:
    """A kind of engine: whether it runs here, how it is built and opened.

    A kind that is compiled has `build` and `open`, one that runs generators from their source has `open_source`.
    """

    def missing(self, device: str) -> str | None:
        """Why nothing of this kind can run here, besides the device and the package that its row names."""
        return None

    def driver(self, device: str) -> str:
        """The versions of all that an engine needs on a device: with others it is proven anew."""
        return machine.driver(device)

    def problem(self, spec: EngineSpec, device: str) -> str | None:
        """Why this engine can't run on a device of this machine, in one line; None if it can, as far as is known."""
        return None

    def arithmetic(self, device: str, asked: EnginePrecision | Literal["auto"]) -> EnginePrecision:
        """The arithmetic in which a generator runs from its source when ``--precision`` asks for ``asked``.

        It differs from ``asked`` where the kind has no choice: the engine is then refused for that.
        """
        return "fp32" if asked == "auto" else asked

    def compiled_in(self, asked: EnginePrecision) -> EnginePrecision:
        """The arithmetic of an engine that ``cgtool export`` makes when it is asked for ``asked``.

        Raises:
            UsageError: This machine can't have it.
        """
        return asked

    def target(self, options: BuildOptions) -> Target:
        """The machine and the software that an engine built here is for.

        Raises:
            EngineError: None can be built here.
        """
        return Target({"cpu": machine.cpu_name(), "bf16": machine.cpu_has_bf16()})

    def outdated(self, there: EngineSpec, wanted: EngineSpec) -> str | None:
        """Why a compiled engine is not the one that ``cgtool export`` would make here; None if it is.

        Args:
            there: The engine that is there.
            wanted: The engine that is asked for.
        """
        return self.problem(there, KINDS[there.format].home())

    def provable(self, spec: EngineSpec) -> bool:
        """Whether an engine that was just built can be opened here, to be compared."""
        return True

    def build(self, spec: EngineSpec, calibration: Sequence[Image], progress: Progress | None) -> Built:
        """Compile an engine; takes seconds to minutes.

        Args:
            spec: The engine.
            calibration: Pictures at the network's size to measure ranges on, for 8-bit integers.
            progress: Hears of every step, where the kind tells them, and may cancel.

        Raises:
            EngineError: It can't be built.
            ModelError: The source can't be loaded.
        """
        raise NotImplementedError(f"{spec.format} engines are not compiled")

    def open(self, spec: EngineSpec, contents: Sequence[bytes], device: str, *, latency: bool) -> Engine:
        """Open a compiled engine.

        Args:
            spec: The engine.
            contents: Its files.
            device: ``cpu`` or ``cuda:N``.
            latency: Frames come one at a time: all cores should work on one frame, where the kind can choose.

        Raises:
            EngineError: It can't be opened; another may be.
        """
        raise NotImplementedError(f"{spec.format} engines are not compiled")

    def open_source(self, spec: EngineSpec, device: str, *, latency: bool) -> Engine:
        """Run a generator that was not compiled for this kind; arguments as for `open`.

        Raises:
            EngineError: It can't be run; another kind may.
            ModelError: The source can't be loaded.
        """
        raise NotImplementedError(f"{spec.format} engines have to be compiled")
