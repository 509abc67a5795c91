"""What the backend tests share: generators by name, and how far two pictures are apart."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

import cgtool
from cgtool.backends.base import GeneratorSource, MapGrid
from cgtool.backends.onnx.export import to_onnx
from cgtool.backends.onnx.graphs import onnx_graph
from cgtool.backends.torch.graph import frame_graph
from cgtool.config import EnginePrecision
from cgtool.models.architecture import Generator, build_generator
from cgtool.models.folder import engine_key, read_model_folder
from cgtool.models.maps import MapsGenerator
from cgtool.models.resnet50 import ResNet50Generator
from cgtool.models.weights import load_generator

ENGINES = Path(cgtool.__file__).parents[1] / "engines"

SMALL: dict[str, dict[str, object]] = {
    "resnet": {"type": "resnet", "blocks": 1, "ngf": 4},
    "resize": {"type": "resnet", "blocks": 1, "ngf": 4, "affine": True, "upsample": "resize"},
    "unet": {"type": "unet", "downs": 8, "ngf": 4},
    "resnet50": {"type": "resnet50", "upsample": "resize"},
    "maps": {"type": "maps", "width": 4, "blocks": 1, "map_stride": 4, "knots": 3},
    "maps of 2": {"type": "maps", "width": 4, "blocks": 1, "map_stride": 2, "knots": 1},
}


@dataclass
class Sources:
    """Generators by name, each made and exported once; ``photo2monet`` is one that ships."""

    made: dict[str, GeneratorSource] = field(default_factory=dict)
    exported: dict[tuple[str, EnginePrecision], bytes] = field(default_factory=dict)

    def __getitem__(self, name: str) -> GeneratorSource:
        if name not in self.made:
            self.made[name] = shipped() if name == "photo2monet" else small(name)
        return self.made[name]

    def graph(self, name: str, precision: EnginePrecision) -> bytes:
        """A generator's frame graph as ONNX, in ``fp32`` or ``fp16``."""
        if (name, precision) not in self.exported:
            source = self[name]
            if precision == "fp32":
                graph = onnx_graph(source).onnx
            else:
                graph = to_onnx(frame_graph(source.load(), source.stride, precision, source.cell))
            self.exported[name, precision] = graph
        return self.exported[name, precision]


def shipped() -> GeneratorSource:
    folder = read_model_folder(ENGINES / "photo2monet")
    net = load_generator(folder, "A_to_B")
    return source_of(net, folder.network_of("A_to_B").stride, engine_key(folder, "A_to_B"))


def small(name: str) -> GeneratorSource:
    net = small_generator(name)
    maps = MapGrid(net.config.map_stride, net.config.knots) if isinstance(net, MapsGenerator) else None
    return source_of(net, net.stride, name, maps)


def small_generator(name: str, seed: int = 0) -> Generator:
    """A random generator whose output spans the range of levels, as a trained one's does; or maps of some size."""
    torch.manual_seed(seed)
    net = thin(build_generator(SMALL[name])).eval()
    if isinstance(net, MapsGenerator):
        nn.init.normal_(net.head.weight, std=0.05)
        return net
    last = [module for module in net.modules() if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d))][-1]
    probe = torch.linspace(-1, 1, 256).expand(1, 3, 256, 256)
    with torch.no_grad():
        last.weight *= 0.5 / net(probe).std()
    return net


def thin(net: Generator) -> Generator:
    """Leave one block of each of ResNet-50's stages: the others repeat it."""
    if isinstance(net, ResNet50Generator):
        encoder = net.encoder
        for stage in ("layer1", "layer2", "layer3", "layer4"):
            setattr(encoder, stage, getattr(encoder, stage)[:1])
    return net


def source_of(net: nn.Module, stride: int, key: str, maps: MapGrid | None = None) -> GeneratorSource:
    return GeneratorSource(key=key, label=key, stride=stride, load=lambda: net, maps=maps)


def expected(source: GeneratorSource, frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """What a backend should give, computed in FP32 with nothing of the backends: NumPy pads, crops and rounds."""
    height, width = frames.shape[1:3]
    bottom, right = (max(-(-side // source.stride) * source.stride, 8) - side for side in (height, width))
    padded = np.pad(frames, ((0, 0), (0, bottom), (0, right), (0, 0)), mode="reflect")
    images = torch.from_numpy(padded.astype(np.float32).transpose(0, 3, 1, 2) / 127.5 - 1)
    with torch.inference_mode():
        translated: Tensor = source.load()(images)
    levels: NDArray[np.float32] = (translated.numpy().transpose(0, 2, 3, 1)[:, :height, :width] + 1) * 127.5
    return np.rint(levels).clip(0, 255).astype(np.uint8, copy=False)


def expected_maps(source: GeneratorSource, frames: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The maps that a backend should give, in FP32, with nothing of the backends."""
    assert source.maps is not None
    height, width = frames.shape[1:3]
    bottom, right = (max(-(-side // source.stride) * source.stride, 16) - side for side in (height, width))
    padded = np.pad(frames, ((0, 0), (0, bottom), (0, right), (0, 0)), mode="reflect")
    with torch.inference_mode():
        maps: Tensor = source.load()(torch.from_numpy(padded.astype(np.float32).transpose(0, 3, 1, 2) / 127.5 - 1))
    rows, columns = (-(-side // source.maps.stride) for side in (height, width))
    cropped: NDArray[np.float32] = maps.numpy()[:, :, :rows, :columns]
    return cropped


def psnr(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """Peak signal-to-noise ratio in dB, at least that of half a squared level in all."""
    error = np.square(one.astype(np.float64) - other).mean()
    return float(10 * np.log10(255**2 / max(error, 0.5 / one.size)))
