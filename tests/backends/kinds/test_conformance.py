"""What every backend does alike."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from cgtool.backends import machine
from cgtool.backends.base import Backend
from cgtool.backends.onnx.backend import ONNXBackend
from cgtool.backends.openvino.backend import OpenVINOBackend, default_precision
from cgtool.backends.torch.backend import TorchBackend
from cgtool.errors import EngineError
from tests.backends.support import Sources, expected, expected_maps, psnr

# dB against FP32 PyTorch. bfloat16 keeps 8 bits of a value and float16 11; the shipped model reaches about 55 in bf16.
AGREEMENT = {"fp32": 60.0, "bf16": 40.0, "fp16": 45.0}

cuda = pytest.mark.gpu
BACKENDS = [
    "torch-cpu-fp32",
    "torch-cpu-bf16",
    "openvino-cpu-fp32",
    "openvino-cpu-bf16",
    "openvino-latency-fp32",
    "onnx-cpu-fp32",
    "onnx-cpu-fp16",
    pytest.param("torch-cuda:0-fp32", marks=cuda),
    pytest.param("torch-cuda:0-bf16", marks=cuda),
    pytest.param("torch-cuda:0-fp16", marks=cuda),
]
SIZES = [("resnet", size) for size in [(1, 1), (16, 16), (17, 31), (161, 121), (288, 512)]] + [
    ("resize", (161, 121)),
    ("unet", (16, 16)),
    ("unet", (130, 257)),  # its stride is 256
]


def open_one(name: str, sources: Sources, generator: str) -> Backend:
    engine, device, precision = name.split("-")
    source = sources[generator]
    options: dict[str, Any] = {"precision": precision}
    if engine == "torch":
        return TorchBackend(source, device, **options)
    if engine == "onnx":
        return ONNXBackend(sources.graph(generator, options["precision"]), label=source.label, **options)
    if precision == "bf16" and default_precision() != "bf16":
        pytest.skip("OpenVINO finds no bfloat16 in this CPU")
    return OpenVINOBackend(source, latency=device == "latency", **options)


@pytest.fixture(scope="module", params=BACKENDS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class Opener:
    """Opens a backend on a generator once, and closes all."""

    def __init__(self, name: str, sources: Sources) -> None:
        self._name = name
        self._sources = sources
        self._open: dict[str, Backend] = {}

    def __getitem__(self, generator: str) -> Backend:
        if generator not in self._open:
            self._open[generator] = open_one(self._name, self._sources, generator)
        return self._open[generator]

    def close(self) -> None:
        for backend in self._open.values():
            backend.close()


@pytest.fixture(scope="module")
def backends(name: str, sources: Sources) -> Iterator[Opener]:
    opener = Opener(name, sources)
    yield opener
    opener.close()


@pytest.fixture(scope="module")
def reference(sources: Sources, video_frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return expected(sources["photo2monet"], video_frames)


def resized(frames: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    return np.stack([cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA) for frame in frames]).astype(
        np.uint8
    )


def test_says_what_it_is(backends: Opener, name: str) -> None:
    backend = backends["photo2monet"]
    engine, device, precision = name.split("-")
    assert isinstance(backend, Backend)
    assert backend.info.engine == engine
    assert backend.info.precision == precision
    assert backend.info.device.startswith(f"{device.replace('latency', 'cpu')} (")
    assert backend.info.batch == 1 if "latency" in name else backend.info.batch >= 1


def test_agrees_with_pytorch_on_real_footage(
    backends: Opener, video_frames: NDArray[np.uint8], reference: NDArray[np.uint8]
) -> None:
    backend = backends["photo2monet"]
    translated = backend.infer(video_frames)
    assert translated.dtype == np.uint8
    assert translated.flags.c_contiguous
    assert psnr(translated, reference) >= AGREEMENT[backend.info.precision]
    # A lost or constant frame, as infinities make them, would show here even if most of the batch were right.
    assert min(psnr(one, other) for one, other in zip(translated, reference, strict=True)) >= 40
    assert reference.std(axis=(1, 2, 3)).min() > 20


def test_a_batch_gives_what_single_frames_give(backends: Opener, video_frames: NDArray[np.uint8]) -> None:
    frames = resized(video_frames, 96, 112)
    backend = backends["photo2monet"]
    together = backend.infer(frames)
    singly = np.concatenate([backend.infer(frame[None]) for frame in frames])
    assert psnr(together, singly) >= AGREEMENT[backend.info.precision]
    assert psnr(together, singly[::-1]) < 30  # the order is kept


@pytest.mark.parametrize(
    ("generator", "size"), SIZES, ids=lambda value: value if isinstance(value, str) else f"{value[0]}x{value[1]}"
)
def test_takes_any_size(
    backends: Opener, sources: Sources, video_frames: NDArray[np.uint8], generator: str, size: tuple[int, int]
) -> None:
    frames = resized(video_frames[:1], *size)
    translated = backends[generator].infer(frames)
    assert translated.shape == frames.shape
    if size != (1, 1):  # one colour has no statistics: instance norm blows its rounding errors up
        agreement = AGREEMENT[backends[generator].info.precision]
        assert psnr(translated, expected(sources[generator], frames)) >= agreement


def test_takes_1080p(backends: Opener, sources: Sources, video_frames: NDArray[np.uint8]) -> None:
    frames = cv2.resize(video_frames[0], (1920, 1080), interpolation=cv2.INTER_CUBIC)[None].astype(np.uint8)
    translated = backends["resnet"].infer(frames)
    assert psnr(translated, expected(sources["resnet"], frames)) >= AGREEMENT[backends["resnet"].info.precision]


@pytest.mark.parametrize("generator", ["maps", "maps of 2"])
@pytest.mark.parametrize("size", [(1, 1), (8, 8), (5, 40), (16, 24), (161, 121), (128, 232)])
def test_gives_the_maps_of_any_size_and_batch(
    backends: Opener, sources: Sources, video_frames: NDArray[np.uint8], generator: str, size: tuple[int, int]
) -> None:
    backend, source = backends[generator], sources[generator]
    frames = resized(video_frames[:3], *size)
    maps = backend.infer(frames)
    wanted = expected_maps(source, frames)
    assert maps.dtype == np.float32
    assert maps.shape == wanted.shape
    assert maps.shape == source.shape_of(frames.shape)
    assert maps.flags.c_contiguous
    if size != (1, 1):  # as above
        tolerance = {"fp32": 1e-4, "fp16": 0.01, "bf16": 0.1}[backend.info.precision]
        assert np.abs(maps - wanted).max() <= tolerance * np.abs(wanted).max()


def test_maps_belong_to_the_caller(backends: Opener, video_frames: NDArray[np.uint8]) -> None:
    maps = backends["maps"].infer(video_frames[:1])
    before = maps.copy()
    backends["maps"].infer(255 - video_frames[:1])
    np.testing.assert_array_equal(maps, before)


def test_leaves_its_input_alone_and_takes_what_cannot_be_written(
    backends: Opener, video_frames: NDArray[np.uint8]
) -> None:
    frames = resized(video_frames[:2], 32, 48)
    before = frames.copy()
    first = backends["resnet"].infer(frames)
    np.testing.assert_array_equal(frames, before)
    frames.flags.writeable = False
    np.testing.assert_array_equal(backends["resnet"].infer(frames), first)


def test_the_output_belongs_to_the_caller(backends: Opener, video_frames: NDArray[np.uint8]) -> None:
    backend = backends["resnet"]
    frames = resized(video_frames, 32, 48)
    first = backend.infer(frames)
    assert not np.shares_memory(first, frames)
    kept = first.copy()
    backend.infer(frames[::-1].copy())
    np.testing.assert_array_equal(first, kept)
    first[:] = 0  # the caller may write into it


def test_runs_in_another_thread_than_it_was_opened_in(backends: Opener, video_frames: NDArray[np.uint8]) -> None:
    backend = backends["resnet"]
    frames = resized(video_frames[:1], 32, 48)
    results: list[NDArray[np.uint8]] = []
    thread = threading.Thread(target=lambda: results.append(backend.infer(frames)))
    thread.start()
    thread.join()
    # On a GPU, cuDNN chooses the fastest of its algorithms in each thread anew, and they may round otherwise.
    levels = 1 if backend.info.device.startswith("cuda") else 0
    np.testing.assert_allclose(results[0].astype(int), backend.infer(frames).astype(int), rtol=0, atol=levels)


def test_closes_twice_and_then_refuses_to_run(name: str, sources: Sources, video_frames: NDArray[np.uint8]) -> None:
    with open_one(name, sources, "resnet") as backend:
        backend.infer(video_frames[:1, :32, :32].copy())
    backend.close()
    with pytest.raises(EngineError, match="closed"):
        backend.infer(video_frames[:1])


@pytest.mark.gpu
def test_the_gpu_that_was_promised_is_there() -> None:
    assert machine.cuda_devices(), "tests marked gpu run where a GPU is promised"
