"""The runtime's half of the stand-in for TensorRT."""

from __future__ import annotations

import json
import weakref
from typing import Any

from tests.backends.tensorrt.standin.scenario import (
    INPUT,
    OUTPUT,
    DataType,
    Dims,
    ExecutionContextAllocationStrategy,
    ILogger,
    Profile,
    Recorded,
    Scenario,
    say,
)

SCRATCH_BYTES = 4096


def runtime_names(scenario: Scenario) -> dict[str, Any]:
    """What TensorRT calls its runtime, its engines and what runs them."""

    class Own(Recorded):
        _scenario = scenario

    class IExecutionContext(Own):
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

    class ICudaEngine(Own):
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

    class Runtime(Own):
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

    return {name: value for name, value in locals().items() if isinstance(value, type) and value is not Own}
