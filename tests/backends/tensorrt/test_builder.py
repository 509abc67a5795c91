"""The builder, driven with a stand-in for TensorRT."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from cgtool.backends.spec import BuildOptions, Progress, Shapes
from cgtool.backends.tensorrt.bindings import load_tensorrt
from cgtool.backends.tensorrt.builder import build_engine
from cgtool.backends.tensorrt.library import TENSORRT
from cgtool.errors import EngineError, OutOfMemoryError
from tests.backends.tensorrt.standin.scenario import Scenario, plan

Install = Callable[[Scenario], Scenario]
SHAPES = Shapes((1, 256, 256), (2, 286, 508), (4, 720, 1280))
PROFILE = ((1, 256, 256, 3), (2, 286, 508, 3), (4, 720, 1280, 3))


def build(options: BuildOptions | None = None, device: int = 0, progress: Progress | None = None) -> bytes:
    """Build an engine of a graph, with whatever takes TensorRT's place."""
    return build_engine(TENSORRT, b"graph", SHAPES, options or BuildOptions(), device=device, progress=progress)


def test_a_build_goes_through_the_api_in_order(install: Install) -> None:
    scenario = install(Scenario())
    assert build() == plan(PROFILE)
    trt = load_tensorrt()
    steps = [
        ("Builder",),
        ("Builder.create_network", 1 << trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED),
        ("OnnxParser",),
        ("OnnxParser.parse", b"graph"),
        ("IBuilderConfig.builder_optimization_level", 3),
        ("IBuilderConfig.clear_flag", trt.BuilderFlag.TF32),
        ("IOptimizationProfile.set_shape", "frames", *PROFILE),
        ("IBuilderConfig.add_optimization_profile",),
    ]
    assert scenario.calls[: len(steps)] == steps
    rest = scenario.names()[len(steps) :]
    # The parser owns the weights: it outlives the build.
    assert rest[:2] == ["IBuilderConfig.progress_monitor", "Builder.build_serialized_network"]
    assert sorted(rest[2:]) == ["~Builder", "~OnnxParser"]


@pytest.mark.parametrize(("version", "flags"), [("10.12.0.36", 2), ("10.16.1", 2), ("11.4.0.106", 1)])
def test_the_network_is_strongly_typed_in_every_version(version: str, flags: int, install: Install) -> None:
    scenario = install(Scenario(version=version))
    build()
    assert scenario.arguments("Builder.create_network") == [(flags,)]


def test_a_tensorrt_without_the_flag_builds_nothing(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    scenario = install(Scenario())
    monkeypatch.delattr(sys.modules["tensorrt"], "NetworkDefinitionCreationFlag")
    with pytest.raises(AttributeError):
        build()
    assert "Builder.build_serialized_network" not in scenario.names()


def test_options_reach_the_config(install: Install) -> None:
    scenario = install(Scenario())
    build(BuildOptions(workspace_mb=512, optimization_level=5, version_compatible=True))
    trt = load_tensorrt()
    assert scenario.arguments("IBuilderConfig.set_memory_pool_limit") == [(trt.MemoryPoolType.WORKSPACE, 512 * 2**20)]
    assert scenario.arguments("IBuilderConfig.builder_optimization_level") == [(5,)]
    assert scenario.arguments("IBuilderConfig.set_flag") == [(trt.BuilderFlag.VERSION_COMPATIBLE,)]
    assert scenario.arguments("IBuilderConfig.hardware_compatibility_level") == []


@pytest.mark.parametrize(
    ("capability", "level"), [((8, 9), "AMPERE_PLUS"), ((12, 0), "AMPERE_PLUS"), ((7, 5), "SAME_COMPUTE_CAPABILITY")]
)
def test_hardware_compatibility_fits_the_gpu(
    capability: tuple[int, int], level: str, install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenario = install(Scenario())
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    build(BuildOptions(hardware_compatible=True))
    assert [str(found.name) for (found,) in scenario.arguments("IBuilderConfig.hardware_compatibility_level")] == [
        level
    ]


def test_all_errors_of_the_parser_are_in_the_message(install: Install) -> None:
    errors = [(3, "/pad/Pad", "Pad", "axes must be\n constant"), (7, "/up/Resize", "Resize", "unsupported mode")]
    install(Scenario(parser_errors=errors))
    with pytest.raises(EngineError) as caught:
        build()
    assert str(caught.value) == (
        "TensorRT refuses the graph: node 3 /pad/Pad (Pad): axes must be constant; "
        "node 7 /up/Resize (Resize): unsupported mode"
    )


@pytest.mark.parametrize("inputs", [[("images", "UINT8")], [("frames", "FLOAT")], [("frames", "UINT8")] * 2])
def test_a_foreign_graph_is_refused(inputs: list[tuple[str, str]], install: Install) -> None:
    install(Scenario(inputs=inputs))
    with pytest.raises(EngineError, match="not one of cgtool's"):
        build()


def test_a_failed_build_says_tensorrts_last_errors(install: Install) -> None:
    lines = [f"Error Code {number}" for number in range(20)]
    install(Scenario(build_errors=[*lines, "Could not find any implementation\n  for node /out/Conv"]))
    with pytest.raises(EngineError) as caught:
        build()
    message = str(caught.value)
    assert message.startswith("TensorRT can't build the engine: Error Code 13; ")
    assert message.endswith("Error Code 19; Could not find any implementation for node /out/Conv")
    assert "warning" not in message
    assert not isinstance(caught.value, OutOfMemoryError)


@pytest.mark.parametrize(
    "line",
    [
        "Error Code 2: OutOfMemory (Requested size was 1073741824 bytes.)",
        "Error Code 1: Cuda Runtime (out of memory)",
        "Requested amount of GPU memory (1073741824 bytes) could not be allocated.",
    ],
)
def test_a_build_out_of_memory_is_told_apart(line: str, install: Install) -> None:
    install(Scenario(build_errors=[line]))
    with pytest.raises(OutOfMemoryError, match="smaller"):
        build()


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (TypeError("pybind11::init(): factory function returned nullptr"), EngineError),
        (RuntimeError("CUDA error: out of memory"), OutOfMemoryError),
        (MemoryError(), OutOfMemoryError),
    ],
)
def test_exceptions_are_translated(raised: Exception, kind: type[EngineError], install: Install) -> None:
    install(Scenario(raised={"Builder": raised}))
    with pytest.raises(EngineError, match="can't build the engine") as caught:
        build()
    assert type(caught.value) is kind
    assert caught.value.__cause__ is raised


def test_refused_shapes_are_named(install: Install) -> None:
    install(Scenario(failing={"add_optimization_profile": []}))
    with pytest.raises(EngineError, match=r"refuses frames of 256x256 to 1280x720, .*: TensorRT gives no reason"):
        build()


def test_no_gpu(install: Install) -> None:
    scenario = install(Scenario())
    with pytest.raises(EngineError, match="sees no GPU cuda:1"):
        build(device=1)
    assert scenario.calls == []


def test_a_timing_cache_is_made_and_used_again(install: Install, tmp_path: Path) -> None:
    scenario = install(Scenario())
    options = BuildOptions(timing_cache=tmp_path / "new" / "cache")
    build(options)
    assert (tmp_path / "new" / "cache").read_bytes() == b"+measured"
    build(options)
    assert (tmp_path / "new" / "cache").read_bytes() == b"+measured+measured"
    # Never one of another GPU.
    assert scenario.arguments("IBuilderConfig.set_timing_cache") == [(b"", False), (b"+measured", False)]


@pytest.mark.parametrize("content", [b"damaged", b"foreign"])
def test_a_useless_timing_cache_is_made_anew(content: bytes, install: Install, tmp_path: Path) -> None:
    install(Scenario())
    path = tmp_path / "cache"
    path.write_bytes(content)
    build(BuildOptions(timing_cache=path))
    assert path.read_bytes() == b"+measured"


def test_what_a_timing_cache_is_refused_for_is_not_the_builds_error(install: Install, tmp_path: Path) -> None:
    install(Scenario(build_errors=["no tactic"]))
    path = tmp_path / "cache"
    path.write_bytes(b"foreign")
    with pytest.raises(EngineError, match=r"^TensorRT can't build the engine: no tactic$"):
        build(BuildOptions(timing_cache=path))
    assert path.read_bytes() == b"foreign"


def test_a_timing_cache_that_cant_be_kept_fails_before_the_build(install: Install, tmp_path: Path) -> None:
    scenario = install(Scenario())
    with pytest.raises(EngineError, match=f"{tmp_path}: can't keep the timing cache: Is a directory"):
        build(BuildOptions(timing_cache=tmp_path))
    assert scenario.calls == []


def test_progress_hears_every_step(install: Install) -> None:
    install(Scenario(phases=[("Graph", 1), ("Tactics", 2)]))
    heard: list[tuple[str, int, int]] = []

    def progress(phase: str, step: int, steps: int) -> bool:
        heard.append((phase, step, steps))
        return True

    build(progress=progress)
    assert heard == [("Graph", 0, 1), ("Graph", 1, 1), ("Tactics", 0, 2), ("Tactics", 1, 2), ("Tactics", 2, 2)]


@pytest.mark.parametrize("stops_at", [0, 1, 3])
def test_progress_cancels(stops_at: int, install: Install) -> None:
    install(Scenario(phases=[("Tactics", 3)]))
    heard: list[int] = []

    def progress(phase: str, step: int, steps: int) -> bool:
        heard.append(step)
        return step < stops_at

    with pytest.raises(KeyboardInterrupt):
        build(progress=progress)
    assert heard == list(range(stops_at + 1))


@pytest.mark.parametrize("error", [ZeroDivisionError("in progress"), ValueError("in progress"), KeyboardInterrupt()])
def test_an_error_of_progress_surfaces_as_it_is(error: BaseException, install: Install) -> None:
    scenario = install(Scenario())

    def progress(phase: str, step: int, steps: int) -> bool:
        raise error

    with pytest.raises(type(error)) as caught:
        build(progress=progress)
    assert caught.value is error
    assert "a monitor's exception is lost" not in scenario.names()


def test_ctrl_c_ends_a_build_that_runs_in_tensorrts_thread(install: Install) -> None:
    install(Scenario(phases=[("Tactics", 10_000)]))
    heard: list[int] = []

    def progress(phase: str, step: int, steps: int) -> bool:
        heard.append(step)
        if step == 5:
            signal.raise_signal(signal.SIGINT)  # hits this thread; Python handles it in the main one
        time.sleep(0.001)
        return True

    with pytest.raises(KeyboardInterrupt):
        build(progress=progress)
    assert heard[-1] < 5000
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("tensorrt-build")]
