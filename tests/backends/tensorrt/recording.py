"""A stand-in for TensorRT that records its calls and fails as told.

It has the real names and parameters, and no others: `test_contract` holds it to the bindings. What it "builds" is a
plan in text; what an engine "computes" is the negative of its frames, on the streams of `tests.backends.tensorrt.gpu`.
"""

from __future__ import annotations

import enum
import json
import types
import weakref
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.backends.tensorrt.gpu import Gpu

Dims = tuple[int, ...]
Profile = tuple[Dims, Dims, Dims]
SCRATCH_BYTES = 4096
INPUT, OUTPUT = "frames", "translated"


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


def stand_in(scenario: Scenario) -> types.ModuleType:
    """A module that passes for ``tensorrt``."""
    module = types.ModuleType("tensorrt")
    for name, value in _names(scenario).items():
        setattr(module, name, value)
    return module


def _names(scenario: Scenario) -> dict[str, Any]:
    class Recorded:
        """Base of what TensorRT makes: attributes are only those of its class, and setting one is recorded."""

        def __setattr__(self, name: str, value: object) -> None:
            if not name.startswith("_"):
                if not hasattr(type(self), name):
                    raise AttributeError(f"{type(self).__name__} has no {name}")
                scenario.call(f"{type(self).__name__}.{name}", value)
            object.__setattr__(self, name, value)

    class BuilderFlag(enum.IntEnum):
        TF32 = 5
        VERSION_COMPATIBLE = 9

    class NetworkDefinitionCreationFlag(enum.IntEnum):
        STRONGLY_TYPED = 1 if scenario.version.startswith("10.") else 0

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

    class IHostMemory(bytes):
        """Of the buffer protocol, as the real one is."""

    class ITensor(Recorded):
        name = ""
        dtype = DataType.UINT8

        def __init__(self, name: str, dtype: str) -> None:
            object.__setattr__(self, "name", name)
            object.__setattr__(self, "dtype", DataType[dtype])

    class INetworkDefinition(Recorded):
        num_inputs = property(lambda self: len(scenario.inputs))
        num_outputs = 1

        def get_input(self, index: int) -> ITensor:
            return ITensor(*scenario.inputs[index])

        def get_output(self, index: int) -> ITensor:
            return ITensor(OUTPUT, "UINT8")

    class ParserError(Recorded):
        def __init__(self, node: int, name: str, operator: str, desc: str) -> None:
            self._words = node, name, operator, desc

        def node(self) -> int:
            return self._words[0]

        def node_name(self) -> str:
            return self._words[1]

        def node_operator(self) -> str:
            return self._words[2]

        def desc(self) -> str:
            return self._words[3]

    class OnnxParser(Recorded):
        num_errors = property(lambda self: len(scenario.parser_errors))

        def __init__(self, network: INetworkDefinition, logger: ILogger) -> None:
            scenario.call("OnnxParser")
            weakref.finalize(self, scenario.calls.append, ("~OnnxParser",)).atexit = False

        def parse(self, model: bytes, path: str | None = None) -> bool:
            scenario.call("OnnxParser.parse", model)
            return not scenario.parser_errors

        def get_error(self, index: int) -> ParserError:
            return ParserError(*scenario.parser_errors[index])

    class ITimingCache(Recorded):
        def __init__(self, data: bytes) -> None:
            self._data = data

        def serialize(self) -> IHostMemory:
            return IHostMemory(self._data + b"+measured")

    class IOptimizationProfile(Recorded):
        def set_shape(self, input: str, min: Dims, opt: Dims, max: Dims) -> None:
            scenario.call("IOptimizationProfile.set_shape", input, min, opt, max)
            self._shapes = min, opt, max

    class IBuilderConfig(Recorded):
        builder_optimization_level = 3
        hardware_compatibility_level = HardwareCompatibilityLevel.NONE
        progress_monitor: IProgressMonitor | None = None

        def __init__(self) -> None:
            self._cache: ITimingCache | None = None

        def add_optimization_profile(self, profile: IOptimizationProfile) -> int:
            scenario.call("IBuilderConfig.add_optimization_profile")
            self._profile = profile
            return -1 if "add_optimization_profile" in scenario.failing else 0

        def clear_flag(self, flag: BuilderFlag) -> None:
            scenario.call("IBuilderConfig.clear_flag", flag)

        def set_flag(self, flag: BuilderFlag) -> None:
            scenario.call("IBuilderConfig.set_flag", flag)

        def set_memory_pool_limit(self, pool: MemoryPoolType, pool_size: int) -> None:
            scenario.call("IBuilderConfig.set_memory_pool_limit", pool, pool_size)

        def create_timing_cache(self, serialized_timing_cache: bytes) -> ITimingCache | None:
            scenario.call("IBuilderConfig.create_timing_cache", serialized_timing_cache)
            return None if serialized_timing_cache == b"damaged" else ITimingCache(serialized_timing_cache)

        def set_timing_cache(self, cache: ITimingCache, ignore_mismatch: bool) -> bool:
            scenario.call("IBuilderConfig.set_timing_cache", cache._data, ignore_mismatch)
            if cache._data == scenario.foreign_cache:
                say(scenario_logger[0], ["the timing cache is of another device"])
                return False
            self._cache = cache
            return True

        def get_timing_cache(self) -> ITimingCache | None:
            return self._cache

    scenario_logger: list[ILogger] = []

    class Builder(Recorded):
        def __init__(self, logger: ILogger) -> None:
            scenario.call("Builder")
            scenario_logger[:] = [logger]
            weakref.finalize(self, scenario.calls.append, ("~Builder",)).atexit = False

        def create_network(self, flags: int = 0) -> INetworkDefinition:
            scenario.call("Builder.create_network", flags)
            return INetworkDefinition()

        def create_builder_config(self) -> IBuilderConfig:
            return IBuilderConfig()

        def create_optimization_profile(self) -> IOptimizationProfile:
            return IOptimizationProfile()

        def build_serialized_network(self, network: INetworkDefinition, config: IBuilderConfig) -> IHostMemory | None:
            scenario.call("Builder.build_serialized_network")
            for phase, steps in scenario.phases:
                if not _go_through(config.progress_monitor, phase, steps):
                    return None
            if scenario.build_errors:
                say(scenario_logger[0], scenario.build_errors)
                return None
            return IHostMemory(plan(config._profile._shapes))

    def _go_through(monitor: IProgressMonitor | None, phase: str, steps: int) -> bool:
        """As the bindings do: an exception of the monitor's is printed and lost."""
        try:
            if monitor is not None:
                monitor.phase_start(phase, None, steps)
                going_on = all(monitor.step_complete(phase, step) for step in range(steps))
                monitor.phase_finish(phase)
                return going_on
        except Exception as error:
            scenario.call("a monitor's exception is lost", error)
        return True

    class IExecutionContext(Recorded):
        def __init__(self, logger: ILogger, profile: Profile) -> None:
            self._logger, self._profile = logger, profile
            self._addresses: dict[str, int] = {}
            self._shape: Dims | None = None
            self._scratch = 0
            self._settled = False
            weakref.finalize(self, scenario.calls.append, ("~IExecutionContext",)).atexit = False

        def set_input_shape(self, name: str, shape: Dims) -> bool:
            scenario.call("IExecutionContext.set_input_shape", name, shape)
            low, _, high = self._profile
            self._shape, self._settled = shape, False
            return name == INPUT and all(a <= b <= c for a, b, c in zip(low, shape, high, strict=True))

        def set_tensor_address(self, name: str, memory: int) -> bool:
            scenario.call("IExecutionContext.set_tensor_address", name)
            self._addresses[name] = memory
            return name in (INPUT, OUTPUT)

        def update_device_memory_size_for_shapes(self) -> int:
            return SCRATCH_BYTES

        def set_device_memory(self, memory: int, size: int) -> None:
            scenario.call("IExecutionContext.set_device_memory", memory, size)
            self._scratch = size if memory else 0

        def execute_async_v3(self, stream_handle: int) -> bool:
            gpu = scenario.gpu
            assert gpu is not None
            scenario.call("IExecutionContext.execute_async_v3", id(self), gpu.capturing)
            if "execute_async_v3" in scenario.failing:
                say(self._logger, scenario.failing["execute_async_v3"])
                return False
            assert self._scratch >= SCRATCH_BYTES, "no scratch memory"
            if gpu.capturing and not self._settled:
                raise RuntimeError("operation not permitted when stream is capturing")
            self._settled = True
            source, target = self._addresses[INPUT], self._addresses[OUTPUT]
            gpu.negative(target, source, self._shape, stream_handle)
            return True

    class ICudaEngine(Recorded):
        def __init__(self, logger: ILogger, data: dict[str, Any]) -> None:
            self._logger, self._data = logger, data
            weakref.finalize(self, scenario.calls.append, ("~ICudaEngine",)).atexit = False

        num_io_tensors = property(lambda self: len(self._data["names"]))

        def get_tensor_name(self, index: int) -> str:
            return str(self._data["names"][index])

        def get_tensor_dtype(self, name: str) -> DataType:
            return DataType[self._data["type"]]

        def get_tensor_profile_shape(self, name: str, profile_index: int) -> list[Dims]:
            return [tuple(shape) for shape in self._data["profile"]]

        def create_execution_context(
            self, strategy: ExecutionContextAllocationStrategy = ExecutionContextAllocationStrategy.STATIC
        ) -> IExecutionContext | None:
            scenario.call("ICudaEngine.create_execution_context", strategy)
            if "create_execution_context" in scenario.failing:
                say(self._logger, scenario.failing["create_execution_context"])
                return None
            low, best, high = self.get_tensor_profile_shape(INPUT, 0)
            return IExecutionContext(self._logger, (low, best, high))

    class Runtime(Recorded):
        engine_host_code_allowed = False

        def __init__(self, logger: ILogger) -> None:
            scenario.call("Runtime")
            self._logger = logger
            weakref.finalize(self, scenario.calls.append, ("~Runtime",)).atexit = False

        def deserialize_cuda_engine(self, serialized_engine: bytes) -> ICudaEngine | None:
            scenario.call("Runtime.deserialize_cuda_engine")
            if scenario.plan_errors:
                say(self._logger, scenario.plan_errors)
                return None
            return ICudaEngine(self._logger, json.loads(serialized_engine))

    _hidden = {"scenario", "say", "scenario_logger", "Recorded"}
    offered = {name: value for name, value in locals().items() if name not in _hidden and not name.startswith("_")}
    return {**offered, "__version__": scenario.version}
