"""The builder's half of the stand-in for TensorRT."""

from __future__ import annotations

import enum
import weakref
from typing import Any

from tests.backends.tensorrt.standin.scenario import (
    OUTPUT,
    BuilderFlag,
    DataType,
    Dims,
    HardwareCompatibilityLevel,
    ILogger,
    IProgressMonitor,
    MemoryPoolType,
    Recorded,
    Scenario,
    plan,
    say,
)


def builder_names(scenario: Scenario) -> dict[str, Any]:
    """What TensorRT calls its parser, its builder and what they need."""

    class Own(Recorded):
        _scenario = scenario

    class NetworkDefinitionCreationFlag(enum.IntEnum):
        STRONGLY_TYPED = 1 if scenario.version.startswith("10.") else 0

    class IHostMemory(bytes):
        """Of the buffer protocol, as the real one is."""

    class ITensor(Own):
        name = ""
        dtype = DataType.UINT8

        def __init__(self, name: str, dtype: str) -> None:
            object.__setattr__(self, "name", name)
            object.__setattr__(self, "dtype", DataType[dtype])

    class INetworkDefinition(Own):
        num_inputs = property(lambda self: len(scenario.inputs))
        num_outputs = 1

        def get_input(self, index: int) -> ITensor:
            return ITensor(*scenario.inputs[index])

        def get_output(self, index: int) -> ITensor:
            return ITensor(OUTPUT, "UINT8")

    class ParserError(Own):
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

    class OnnxParser(Own):
        num_errors = property(lambda self: len(scenario.parser_errors))

        def __init__(self, network: INetworkDefinition, logger: ILogger) -> None:
            scenario.call("OnnxParser")
            weakref.finalize(self, scenario.calls.append, ("~OnnxParser",)).atexit = False

        def parse(self, model: bytes, path: str | None = None) -> bool:
            scenario.call("OnnxParser.parse", model)
            return not scenario.parser_errors

        def get_error(self, index: int) -> ParserError:
            return ParserError(*scenario.parser_errors[index])

    class ITimingCache(Own):
        def __init__(self, data: bytes) -> None:
            self._data = data

        def serialize(self) -> IHostMemory:
            return IHostMemory(self._data + b"+measured")

    class IOptimizationProfile(Own):
        def set_shape(self, input: str, min: Dims, opt: Dims, max: Dims) -> None:
            scenario.call("IOptimizationProfile.set_shape", input, min, opt, max)
            self._shapes = min, opt, max

    class IBuilderConfig(Own):
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

    class Builder(Own):
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

    return {name: value for name, value in locals().items() if isinstance(value, type) and value is not Own}
