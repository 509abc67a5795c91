"""What stand-ins can't show, on a machine with an NVIDIA GPU and TensorRT: ``make test-tensorrt``.

Builds real engines and runs them: a few minutes. Without both it skips and says which is missing.
"""

from __future__ import annotations

import contextlib
import gc
import itertools
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from cgtool.backends.base import GeneratorSource
from cgtool.backends.onnx.export import to_onnx
from cgtool.backends.spec import BuildOptions, Progress, Shapes
from cgtool.backends.tensorrt.backend import TensorRTBackend
from cgtool.backends.tensorrt.bindings import compute_capability, tensorrt_version
from cgtool.backends.tensorrt.builder import build_engine
from cgtool.backends.tensorrt.library import TENSORRT
from cgtool.backends.torch.backend import TorchBackend
from cgtool.backends.torch.graph import frame_graph
from cgtool.config import EnginePrecision
from cgtool.errors import EngineError
from tests.backends.support import Sources, psnr

pytestmark = pytest.mark.gpu
SHAPES = Shapes((1, 121, 121), (2, 288, 512), (4, 720, 1280))
SMALL = Shapes((1, 64, 64), (2, 96, 128), (4, 128, 160))


@pytest.fixture(scope="module", autouse=True)
def machine() -> str:
    """What the tests run on; printed, for it belongs to every figure."""
    if not torch.cuda.is_available():
        pytest.skip("PyTorch sees no NVIDIA GPU")
    pytest.importorskip(
        "tensorrt", exc_type=ImportError, reason="tensorrt is not installed: pip install cgtool[tensorrt]"
    )
    name = f"{torch.cuda.get_device_name(0)} (sm {compute_capability(0)}), TensorRT {tensorrt_version()}"
    print(f"\n{name}", file=sys.stderr)
    return name


def build(onnx: bytes, shapes: Shapes, options: BuildOptions | None = None, progress: Progress | None = None) -> bytes:
    return build_engine(TENSORRT, onnx, shapes, options or BuildOptions(), progress=progress)


def onnx_of(source: GeneratorSource, precision: EnginePrecision) -> bytes:
    return to_onnx(frame_graph(source.load(), source.stride, precision))


@pytest.fixture(scope="module")
def graph(sources: Sources) -> bytes:
    return onnx_of(sources["resnet"], "fp16")


@pytest.fixture(scope="module")
def engine(sources: Sources) -> bytes:
    return build(onnx_of(sources["photo2monet"], "fp16"), SHAPES)


@pytest.fixture
def backend(engine: bytes) -> Iterator[TensorRTBackend]:
    with TensorRTBackend(engine, label="photo2monet", shapes=SHAPES) as opened:
        yield opened


@pytest.fixture(scope="module")
def reference(sources: Sources) -> Iterator[TorchBackend]:
    with TorchBackend(sources["photo2monet"], "cuda:0", "fp32") as opened:
        yield opened


@pytest.fixture(scope="module")
def clip(bunny: Path) -> NDArray[np.uint8]:
    """Nine frames of a real clip, half a second apart, 720x1280."""
    with av.open(bunny) as container:
        decoded = itertools.islice(container.decode(video=0), 0, 108, 12)
        return np.stack([frame.to_ndarray(format="rgb24") for frame in decoded])


@pytest.mark.parametrize("size", [(121, 161), (256, 256), (288, 512), (720, 1280)])
@pytest.mark.parametrize("count", [1, 3])
def test_fp16_agrees_with_fp32_pytorch(
    size: tuple[int, int], count: int, backend: TensorRTBackend, reference: TorchBackend, clip: NDArray[np.uint8]
) -> None:
    frames = np.ascontiguousarray(clip[:count, : size[0], : size[1]])
    assert psnr(backend.infer(frames), reference.infer(frames)) > 40


def test_fp32_agrees_with_fp32_pytorch(sources: Sources, clip: NDArray[np.uint8]) -> None:
    frames = np.ascontiguousarray(clip[:3, :96, :128])
    engine = build(onnx_of(sources["resnet"], "fp32"), SMALL)
    with (
        TensorRTBackend(engine, label="small", precision="fp32", shapes=SMALL) as backend,
        TorchBackend(sources["resnet"], "cuda:0", "fp32") as reference,
    ):
        assert psnr(backend.infer(frames), reference.infer(frames)) > 60


def test_an_fp16_graph_gives_an_fp16_engine(sources: Sources, engine: bytes) -> None:
    """Its weights take half the bytes: a silent FP32 engine would not."""
    full = build(onnx_of(sources["photo2monet"], "fp32"), SHAPES)
    assert len(engine) < 0.75 * len(full)


def test_frames_keep_their_order_through_slots_and_graphs(backend: TensorRTBackend, clip: NDArray[np.uint8]) -> None:
    frames = np.ascontiguousarray(clip[:, :288, :512])
    single = np.concatenate([backend.infer(frame[None]) for frame in frames])
    assert max(psnr(one, other) for one, other in itertools.pairwise(single)) < 45  # they can be told apart
    for _ in range(5):
        together = backend.infer(frames)
        assert min(psnr(one, other) for one, other in zip(together, single, strict=True)) > 50
    assert backend.warnings == []  # CUDA graphs were captured


def test_sizes_take_turns(backend: TensorRTBackend, clip: NDArray[np.uint8]) -> None:
    sizes = [(288, 512), (720, 1280), (200, 300)]
    first = {size: backend.infer(np.ascontiguousarray(clip[:5, : size[0], : size[1]])) for size in sizes}
    for _ in range(2):
        for size in sizes:
            assert psnr(backend.infer(np.ascontiguousarray(clip[:5, : size[0], : size[1]])), first[size]) > 50


def test_a_size_outside_the_profile_is_refused(backend: TensorRTBackend) -> None:
    with pytest.raises(EngineError, match=r"frames of 64x64.* 121x121 to 1280x720"):
        backend.infer(np.zeros((1, 64, 64, 3), np.uint8))


def test_closing_gives_the_memory_back(engine: bytes, clip: NDArray[np.uint8]) -> None:
    def held() -> int:
        gc.collect()
        torch.cuda.empty_cache()
        free, total = torch.cuda.mem_get_info(0)
        return total - free

    def use() -> None:
        with TensorRTBackend(engine, label="photo2monet", shapes=SHAPES) as opened:
            for _ in range(3):
                opened.infer(clip[:4])

    use()  # libraries and the context stay
    before = held()
    for _ in range(3):
        use()
    assert held() - before < 64 * 2**20


def test_a_timing_cache_speeds_up_the_next_build(graph: bytes, tmp_path: Path) -> None:
    options = BuildOptions(timing_cache=tmp_path / "cache")
    seconds = []
    for _ in range(2):
        start = time.perf_counter()
        build(graph, SMALL, options)
        seconds.append(time.perf_counter() - start)
    assert (tmp_path / "cache").stat().st_size > 0
    assert seconds[1] < seconds[0]


def test_a_damaged_timing_cache_is_made_anew(graph: bytes, tmp_path: Path) -> None:
    path = tmp_path / "cache"
    path.write_bytes(bytes(range(256)) * 16)
    build(graph, SMALL, BuildOptions(timing_cache=path))
    assert not path.read_bytes().startswith(bytes(range(256)))


@pytest.mark.parametrize("damaged", ["half of it", "nothing of it", "text"])
def test_a_damaged_engine_is_refused(damaged: str, graph: bytes) -> None:
    engine = build(graph, SMALL, BuildOptions(optimization_level=0))
    data = {"half of it": engine[: len(engine) // 2], "nothing of it": b"", "text": b"no engine " * 1000}[damaged]
    with pytest.raises(EngineError, match="can't be opened on cuda:0"):
        TensorRTBackend(data, label="damaged", shapes=SMALL)


def test_compatible_engines(graph: bytes, clip: NDArray[np.uint8]) -> None:
    options = BuildOptions(workspace_mb=256, hardware_compatible=True, version_compatible=True)
    engine = build(graph, SMALL, options)
    frames = np.ascontiguousarray(clip[:3, :96, :128])
    with pytest.raises(EngineError):  # it holds host code
        TensorRTBackend(engine, label="compatible", shapes=SMALL)
    with (
        TensorRTBackend(engine, label="compatible", shapes=SMALL, version_compatible=True) as backend,
        TensorRTBackend(build(graph, SMALL), label="plain", shapes=SMALL) as plain,
    ):
        assert psnr(backend.infer(frames), plain.infer(frames)) > 45


def test_a_graph_that_tensorrt_refuses(graph: bytes) -> None:
    with pytest.raises(EngineError, match="refuses the graph: "):
        build(graph[: len(graph) // 2], SMALL)


def test_progress_is_heard_and_cancels(sources: Sources) -> None:
    heard: list[tuple[str, int, int]] = []

    def progress(phase: str, step: int, steps: int) -> bool:
        heard.append((phase, step, steps))
        return len(heard) < 10

    start = time.perf_counter()
    with pytest.raises(KeyboardInterrupt):
        build(onnx_of(sources["photo2monet"], "fp16"), SHAPES, progress=progress)
    assert len(heard) >= 10
    assert all(0 <= step <= steps for _, step, steps in heard)
    assert time.perf_counter() - start < 60


@pytest.mark.parametrize("size", [(256, 256), (288, 512), (720, 1280)])
def test_it_is_faster_than_pytorch(
    size: tuple[int, int], backend: TensorRTBackend, sources: Sources, clip: NDArray[np.uint8], machine: str
) -> None:
    frames = np.ascontiguousarray(np.concatenate([clip, clip])[:8, : size[0], : size[1]])
    with contextlib.closing(TorchBackend(sources["photo2monet"], "cuda:0", "fp16")) as other:
        times = {one.info.engine: milliseconds(one, frames) for one in (backend, other)}
    print(f"{machine}, {size[0]}x{size[1]}, ms a frame: {times}", file=sys.stderr)
    assert times["tensorrt"] < times["torch"]


def milliseconds(backend: TensorRTBackend | TorchBackend, frames: NDArray[np.uint8]) -> float:
    """A frame's share of the quickest of ten batches, copies included."""
    for _ in range(3):
        backend.infer(frames)
    seconds = []
    for _ in range(10):
        start = time.perf_counter()
        backend.infer(frames)
        seconds.append(time.perf_counter() - start)
    return 1000 * min(seconds) / len(frames)
