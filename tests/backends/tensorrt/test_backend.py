"""The runtime, driven with stand-ins for TensorRT and CUDA."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from cgtool.backends.base import Backend, BackendInfo
from cgtool.backends.spec import Shapes
from cgtool.backends.tensorrt import backend as runtime
from cgtool.backends.tensorrt.backend import TensorRTBackend
from cgtool.errors import EngineError, OutOfMemoryError
from tests.backends.tensorrt.standin.gpu import Gpu, Stream
from tests.backends.tensorrt.standin.scenario import Profile, Scenario, plan

Install = Callable[[Scenario], Scenario]
SHAPES = Shapes((1, 4, 4), (2, 6, 8), (4, 16, 16))
ORDERS: list[str | int] = ["late", "eager", 0, 1, 2, 3]


def profile(shapes: Shapes) -> Profile:
    return (*shapes.min, 3), (*shapes.opt, 3), (*shapes.max, 3)


def frames(count: int, height: int = 6, width: int = 8, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (count, height, width, 3), np.uint8)


class Machine:
    """Opens backends on a stand-in for a GPU."""

    def __init__(self, install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
        self.scenario = install(Scenario())
        self.gpu = self.scenario.gpu = Gpu(self.scenario.calls)
        monkeypatch.setattr(runtime, "Cuda", lambda device: self.gpu)

    def open(self, shapes: Shapes = SHAPES, *, version_compatible: bool = False) -> TensorRTBackend:
        engine = plan(profile(shapes))
        return TensorRTBackend(engine, label="engine", shapes=shapes, version_compatible=version_compatible)


@pytest.fixture
def machine(install: Install, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(install, monkeypatch)


def test_it_is_a_backend(machine: Machine) -> None:
    with machine.open() as backend:
        assert isinstance(backend, Backend)
        assert backend.info == BackendInfo("tensorrt", "cuda:0 (stand-in GPU)", "fp16", 8)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("best", [1, 2, 4])
def test_every_frame_arrives_in_its_place(best: int, order: str | int, machine: Machine) -> None:
    machine.gpu.order = order
    with machine.open(Shapes((1, 4, 4), (best, 6, 8), (4, 16, 16))) as backend:
        for seed, count in enumerate([1, 2, 3, 8, 8, 5, 7, 1, 1, 1]):
            batch = frames(count, seed=seed)
            assert np.array_equal(backend.infer(batch), 255 - batch)
        for height, width in [(4, 4), (16, 16), (6, 8), (5, 7)]:
            batch = frames(6, height, width)
            assert np.array_equal(backend.infer(batch), 255 - batch)


def test_results_stay_the_callers(machine: Machine) -> None:
    with machine.open() as backend:
        one = backend.infer(frames(3, seed=1))
        backend.infer(frames(3, seed=2))
    assert np.array_equal(one, 255 - frames(3, seed=1))


def test_frames_may_be_views_that_cant_be_written(machine: Machine) -> None:
    batch = frames(8)[::2]
    batch.flags.writeable = False
    with machine.open() as backend:
        assert np.array_equal(backend.infer(batch), 255 - batch)


def test_the_stand_in_notices_a_missing_wait(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Stream, "wait_event", lambda stream, event: None)
    with machine.open() as backend:
        assert not np.array_equal(backend.infer(frames(3)), 255 - frames(3))


def test_two_slots_take_turns_and_overlap(machine: Machine) -> None:
    interesting = {"upload", "IExecutionContext.execute_async_v3", "download", "synchronize"}
    with machine.open() as backend:
        machine.scenario.calls.clear()
        backend.infer(frames(8))  # four chunks of two
        calls = [call for call in machine.scenario.calls if call[0] in interesting]
        short = "".join({"u": "u", "I": "x", "d": "d", "s": "s"}[call[0][0]] for call in calls)
        # Nothing is waited for before two chunks are under way; then for one chunk, while the other is computed.
        assert short.startswith("uxduxds")
        assert short.count("s") == short.count("u") == short.count("d") == 4
        for direction in ("upload", "download"):
            places = [call[1:3] for call in calls if call[0] == direction]
            assert places[0] == places[2] != places[1] == places[3]
            assert not set(places[0]) & set(places[1])
    assert len(machine.gpu.streams) == 3
    assert all(stream.work for stream in machine.gpu.streams)


def test_shapes_addresses_and_scratch_are_set_once_a_shape(machine: Machine) -> None:
    with machine.open() as backend:
        for _ in range(3):
            backend.infer(frames(4))
        names = machine.scenario.names()
        assert machine.scenario.arguments("IExecutionContext.set_input_shape") == [("frames", (2, 6, 8, 3))] * 2
        addressed = machine.scenario.arguments("IExecutionContext.set_tensor_address")
        assert addressed == [("frames",), ("translated",)] * 2
        scratch = machine.scenario.arguments("IExecutionContext.set_device_memory")
        assert len(scratch) == 2
        assert len(set(scratch)) == 1  # shared
        backend.infer(frames(2, 5, 5))
        assert names.count("IExecutionContext.set_input_shape") + 2 == machine.scenario.names().count(
            "IExecutionContext.set_input_shape"
        )


def test_a_fixed_shape_runs_as_a_graph(machine: Machine) -> None:
    with machine.open() as backend:
        for seed in range(4):
            batch = frames(4, seed=seed)
            assert np.array_equal(backend.infer(batch), 255 - batch)
        runs = [captured for _, captured in machine.scenario.arguments("IExecutionContext.execute_async_v3")]
        assert runs == [False, False, True, True]  # each slot once warm, once captured
        assert (machine.gpu.captured, machine.gpu.replayed) == (2, 6)
        contexts = {context for context, _ in machine.scenario.arguments("IExecutionContext.execute_async_v3")}
        assert len(contexts) == 2  # a graph holds its context's addresses

        batch = frames(4, 5, 5)
        assert np.array_equal(backend.infer(batch), 255 - batch)
        assert machine.scenario.names().count("~Graph") == 2
        assert np.array_equal(backend.infer(batch), 255 - batch)
        assert machine.gpu.captured == 4
        assert backend.warnings == []


def test_without_graphs_it_works_and_says_so(machine: Machine) -> None:
    machine.gpu.capture_error = RuntimeError("not permitted while capturing")
    with machine.open() as backend:
        for seed in range(4):
            batch = frames(6, seed=seed)
            assert np.array_equal(backend.infer(batch), 255 - batch)
        assert machine.gpu.replayed == 0
        assert backend.warnings == [
            "tensorrt: engine runs without CUDA graphs, somewhat slower: not permitted while capturing"
        ]


@pytest.mark.parametrize("size", [(3, 8), (17, 8), (8, 17)])
def test_a_size_outside_the_profile_names_both(size: tuple[int, int], machine: Machine) -> None:
    with machine.open() as backend:
        with pytest.raises(EngineError, match=rf"frames of {size[1]}x{size[0]}.* built for 4x4 to 16x16, 1 to 4 per"):
            backend.infer(frames(1, *size))
        assert np.array_equal(backend.infer(frames(1)), 255 - frames(1))


def test_a_batch_below_the_smallest_is_filled_up(machine: Machine) -> None:
    shapes = Shapes((2, 6, 8), (4, 6, 8), (4, 6, 8))
    with machine.open(shapes) as backend:
        for count in (1, 5, 6):
            assert np.array_equal(backend.infer(frames(count)), 255 - frames(count))
    chunks = {shape[0] for _, shape in machine.scenario.arguments("IExecutionContext.set_input_shape")}
    assert chunks == {2, 4}


@pytest.mark.parametrize(
    "line",
    [
        "The engine plan file is generated on an incompatible device, expecting compute 8.9 got compute 9.0",
        "The engine plan file is not compatible with this version of TensorRT, expecting library version 11.4",
    ],
)
def test_a_plan_of_another_gpu_or_version_is_refused(line: str, machine: Machine) -> None:
    machine.scenario.plan_errors = [line]
    with pytest.raises(EngineError, match=f"engine can't be opened on cuda:0: {line}. Run cgtool export --force"):
        machine.open()


@pytest.mark.parametrize("changes", [{"names": ["frames", "output"]}, {"type": "FLOAT"}, {"names": ["frames"]}])
def test_a_plan_that_is_not_cgtools_is_refused(changes: dict[str, object], machine: Machine) -> None:
    with pytest.raises(EngineError, match="no engine of cgtool's"):
        TensorRTBackend(plan(profile(SHAPES), **changes), label="engine", shapes=SHAPES)


def test_a_plan_of_other_shapes_is_refused(machine: Machine) -> None:
    other = Shapes((1, 4, 4), (1, 6, 8), (4, 16, 16))
    with pytest.raises(EngineError, match=r"built for \[\(1, 4, 4, 3\), \(2, 6, 8, 3\).*not for 4x4 to 16x16, 1 to 4"):
        TensorRTBackend(plan(profile(SHAPES)), label="engine", shapes=other)


@pytest.mark.parametrize("allowed", [False, True])
def test_host_code_is_allowed_only_where_asked_for(allowed: bool, machine: Machine) -> None:
    machine.open(version_compatible=allowed).close()
    names = machine.scenario.names()
    before = names[: names.index("Runtime.deserialize_cuda_engine")]
    assert ("Runtime.engine_host_code_allowed" in before) == allowed


@pytest.mark.parametrize(("line", "kind"), [("Cuda Runtime (out of memory)", OutOfMemoryError), ("odd", EngineError)])
def test_a_context_that_cant_be_made(line: str, kind: type[EngineError], machine: Machine) -> None:
    machine.scenario.failing = {"create_execution_context": [line]}
    with pytest.raises(EngineError, match="can't be opened on cuda:0") as caught:
        machine.open()
    assert type(caught.value) is kind


def test_out_of_memory_leaves_it_usable_for_less(machine: Machine) -> None:
    machine.gpu.memory_bytes = 4096 + 4 * (4 * 6 * 8 * 3)
    with machine.open(Shapes((1, 4, 4), (4, 6, 8), (4, 64, 64))) as backend:
        assert np.array_equal(backend.infer(frames(4)), 255 - frames(4))
        with pytest.raises(OutOfMemoryError, match=r"failed on cuda:0 \(4 frames of 64x64\): CUDA out of memory"):
            backend.infer(frames(4, 64, 64))
        assert machine.scenario.names()[-1] == "release"
        assert np.array_equal(backend.infer(frames(4)), 255 - frames(4))


@pytest.mark.parametrize(
    ("lines", "kind"), [(["Error Code 1: Cuda Runtime (out of memory)"], OutOfMemoryError), (["odd"], EngineError)]
)
def test_a_run_that_fails_says_why_and_leaves_it_usable(
    lines: list[str], kind: type[EngineError], machine: Machine
) -> None:
    with machine.open() as backend:
        backend.infer(frames(2))
        machine.scenario.failing = {"execute_async_v3": lines}
        with pytest.raises(EngineError, match=f"failed on cuda:0: {lines[0][:5]}") as caught:
            backend.infer(frames(6))
        assert type(caught.value) is kind
        machine.scenario.failing = {}
        assert np.array_equal(backend.infer(frames(6)), 255 - frames(6))


def test_a_failure_in_the_middle_leaves_nothing_under_way(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    with machine.open() as backend:
        monkeypatch.setattr(machine.gpu, "copy", interrupted(machine.gpu, after=5))
        with pytest.raises(KeyboardInterrupt):
            backend.infer(frames(8))
        assert all(stream.done == len(stream.work) for stream in machine.gpu.streams)
        monkeypatch.undo()
        batch = frames(8, seed=1)
        assert np.array_equal(backend.infer(batch), 255 - batch)


def interrupted(gpu: Gpu, after: int) -> Callable[[torch.Tensor, torch.Tensor, Stream], None]:
    copies, copy = iter(range(after)), gpu.copy

    def interrupted_copy(target: torch.Tensor, source: torch.Tensor, stream: Stream) -> None:
        if next(copies, None) is None:
            raise KeyboardInterrupt
        copy(target, source, stream)

    return interrupted_copy


def test_it_is_released_in_order_and_closes_twice(machine: Machine) -> None:
    backend = machine.open()
    for _ in range(2):
        backend.infer(frames(4))
    machine.scenario.calls.clear()
    backend.close()
    released = [name for name in machine.scenario.names() if name.startswith("~")]
    assert released == ["~Graph"] * 2 + ["~IExecutionContext"] * 2 + ["~ICudaEngine", "~Runtime"]
    assert all(stream.done == len(stream.work) for stream in machine.gpu.streams)
    machine.scenario.calls.clear()
    backend.close()
    assert machine.scenario.calls == []
    with pytest.raises(EngineError, match="closed"):
        backend.infer(frames(1))
