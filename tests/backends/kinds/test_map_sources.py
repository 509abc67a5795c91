"""Every engine of this machine gives a map network's maps, for frames of any size."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from cgtool.backends.base import Backend, GeneratorSource, MapGrid
from cgtool.backends.onnx.backend import ONNXBackend
from cgtool.backends.onnx.export import to_onnx
from cgtool.backends.openvino.backend import OpenVINOBackend
from cgtool.backends.torch.backend import TorchBackend
from cgtool.backends.torch.graph import frame_graph
from cgtool.models.maps import MapsConfig, MapsGenerator
from cgtool.pictures import Image


def made(stride: int, knots: int) -> GeneratorSource:
    torch.manual_seed(0)
    net = MapsGenerator(MapsConfig(width=4, blocks=1, map_stride=stride, knots=knots))
    torch.nn.init.normal_(net.head.weight, 0, 0.05)  # fresh ones give maps that change nothing
    net.eval()
    return GeneratorSource("k" * 64, "tiny maps", net.stride, lambda: net, maps=MapGrid(stride, knots))


@pytest.fixture(scope="module")
def source() -> GeneratorSource:
    return made(4, 4)


@pytest.fixture(scope="module")
def graph(source: GeneratorSource) -> bytes:
    return to_onnx(frame_graph(source.load(), source.stride, "fp32", source.cell))


@pytest.fixture(scope="module", params=["torch", "onnx", "openvino"])
def engine(request: pytest.FixtureRequest, source: GeneratorSource, graph: bytes) -> Iterator[Backend]:
    backend: Backend
    if request.param == "torch":
        backend = TorchBackend(source)
    elif request.param == "onnx":
        backend = ONNXBackend(graph, label=source.label, precision="fp32")
    else:
        backend = OpenVINOBackend(source, "fp32", engine=[graph])
    with backend:
        yield backend


def frames(batch: int, height: int, width: int) -> Image:
    return np.random.default_rng(height).integers(0, 256, (batch, height, width, 3)).astype(np.uint8)


def of_the_network(source: GeneratorSource, given: Image) -> NDArray[np.float32]:
    """The network itself, for frames that need no padding."""
    image = torch.from_numpy(given).permute(0, 3, 1, 2) / 127.5 - 1
    with torch.inference_mode():
        return np.asarray(source.load()(image).numpy(), np.float32)


@pytest.mark.parametrize(("batch", "height", "width"), [(1, 64, 96), (3, 48, 40)])
def test_the_maps_are_the_networks(
    engine: Backend, source: GeneratorSource, batch: int, height: int, width: int
) -> None:
    given = frames(batch, height, width)
    maps = engine.infer(given)
    assert maps.dtype == np.float32
    np.testing.assert_allclose(maps, of_the_network(source, given), atol=1e-4)


@pytest.mark.parametrize(("height", "width"), [(61, 83), (17, 16), (1, 1), (5, 200)])
def test_any_size_is_covered(engine: Backend, source: GeneratorSource, height: int, width: int) -> None:
    maps = engine.infer(frames(1, height, width))
    assert maps.shape == source.shape_of((1, height, width, 3))
    assert np.isfinite(maps).all()


def test_the_shape_of_maps() -> None:
    source = made(4, 3)
    assert source.shape_of((2, 61, 83, 3)) == (2, 21, 16, 21)


def test_half_precision_is_close(source: GeneratorSource) -> None:
    given = frames(1, 64, 96)
    graph = to_onnx(frame_graph(source.load(), source.stride, "fp16", source.cell))
    with ONNXBackend(graph, label=source.label, precision="fp16") as half:
        np.testing.assert_allclose(half.infer(given), of_the_network(source, given), atol=0.02)
