"""What happens when the stand-in for TensorRT is driven, and what has happened; and what it is made of."""

from __future__ import annotations

import enum
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.backends.tensorrt.standin.gpu import Gpu

Dims = tuple[int, ...]
Profile = tuple[Dims, Dims, Dims]
INPUT, OUTPUT = "frames", "translated"
TENSORRTS = (
    "BuilderFlag",
    "DataType",
    "MemoryPoolType",
    "HardwareCompatibilityLevel",
    "ExecutionContextAllocationStrategy",
    "ILogger",
    "IProgressMonitor",
)
"""Names of this module that TensorRT has too."""


@dataclass
class Scenario:
    """What happens, and what has happened.

    Attributes:
        gpu: Where engines run; only the runtime needs it.
        version: Of the stand-in.
        parser_errors: What the parser finds: (node's number, name, operator, description).
        inputs: Names and types of the parsed network's inputs.
        phases: What the builder goes through: (name, steps).
        build_errors: What the logger hears before the build fails; with none it succeeds.
        foreign_cache: A timing cache that is refused.
        plan_errors: What the logger hears before a plan is refused; with none it is accepted.
        raised: An exception by the call that raises it, such as ``Builder``.
        failing: Calls that return None or False after the logger heard these lines.
        calls: What was called, in order; with ``~`` what was released.
    """

    gpu: Gpu | None = None
    version: str = "11.4.0.106"
    parser_errors: list[tuple[int, str, str, str]] = field(default_factory=list)
    inputs: list[tuple[str, str]] = field(default_factory=lambda: [(INPUT, "UINT8")])
    phases: list[tuple[str, int]] = field(default_factory=lambda: [("Tactics", 3)])
    build_errors: list[str] = field(default_factory=list)
    foreign_cache: bytes = b"foreign"
    plan_errors: list[str] = field(default_factory=list)
    raised: dict[str, Exception] = field(default_factory=dict)
    failing: dict[str, list[str]] = field(default_factory=dict)
    calls: list[tuple[Any, ...]] = field(default_factory=list)

    def call(self, name: str, *arguments: object) -> None:
        self.calls.append((name, *arguments))
        if name in self.raised:
            raise self.raised[name]

    def names(self) -> list[str]:
        return [call[0] for call in self.calls]

    def arguments(self, name: str) -> list[tuple[Any, ...]]:
        return [call[1:] for call in self.calls if call[0] == name]


def plan(profile: Profile, **changes: object) -> bytes:
    """An engine file, as the stand-in's builder writes it."""
    return json.dumps({"profile": profile, "names": [INPUT, OUTPUT], "type": "UINT8", **changes}).encode()


class Recorded:
    """Base of what TensorRT makes: attributes are only those of its class, and setting one is recorded."""

    _scenario: Scenario

    def __setattr__(self, name: str, value: object) -> None:
        if not name.startswith("_"):
            if not hasattr(type(self), name):
                raise AttributeError(f"{type(self).__name__} has no {name}")
            self._scenario.call(f"{type(self).__name__}.{name}", value)
        object.__setattr__(self, name, value)


class BuilderFlag(enum.IntEnum):
    TF32 = 5
    VERSION_COMPATIBLE = 9


class DataType(enum.IntEnum):
    FLOAT = 0
    UINT8 = 5


class MemoryPoolType(enum.IntEnum):
    WORKSPACE = 0


class HardwareCompatibilityLevel(enum.IntEnum):
    NONE = 0
    AMPERE_PLUS = 1
    SAME_COMPUTE_CAPABILITY = 2


class ExecutionContextAllocationStrategy(enum.IntEnum):
    STATIC = 0
    USER_MANAGED = 2


class ILogger:
    class Severity(enum.IntEnum):
        INTERNAL_ERROR = 0
        ERROR = 1
        WARNING = 2

    def log(self, severity: Severity, msg: str) -> None:
        raise NotImplementedError


class IProgressMonitor:
    def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
        raise NotImplementedError

    def step_complete(self, phase_name: str, step: int) -> bool:
        raise NotImplementedError

    def phase_finish(self, phase_name: str) -> None:
        raise NotImplementedError


def say(logger: ILogger, lines: list[str]) -> None:
    logger.log(ILogger.Severity.WARNING, "a warning that nobody needs")
    for line in lines:
        logger.log(ILogger.Severity.ERROR, line)
