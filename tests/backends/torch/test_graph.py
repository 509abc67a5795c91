"""The graph around a generator: padding, rounding, precision and export."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cgtool.backends.torch.graph import SMALLEST_SIDE, FrameGraph, reduce_precision
from tests.backends.support import Sources, psnr


class Shift(nn.Module):
    """Adds so many levels; remembers what it was given."""

    def __init__(self, levels: float = 0.0) -> None:
        super().__init__()
        self.levels = levels
        self.seen = torch.empty(0)

    def forward(self, image: Tensor) -> Tensor:
        self.seen = image
        return image + self.levels / 127.5


def run(graph: nn.Module, frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    with torch.inference_mode():
        result: NDArray[np.uint8] = graph(torch.from_numpy(frames)).numpy()
    return result


@pytest.mark.parametrize("stride", [1, 4, 32, 256])
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (2, 3), (16, 16), (17, 31), (64, 65)])
def test_pads_by_reflection_to_a_multiple_of_the_stride(size: tuple[int, int], stride: int) -> None:
    frames = np.random.default_rng(0).integers(0, 256, (2, *size, 3), dtype=np.uint8)
    generator = Shift()
    np.testing.assert_array_equal(run(FrameGraph(generator, stride), frames), frames)

    smallest = 2 * stride if stride < SMALLEST_SIDE else stride
    height, width = (max(-(-side // stride) * stride, smallest) for side in size)
    padded = np.pad(frames, ((0, 0), (0, height - size[0]), (0, width - size[1]), (0, 0)), mode="reflect")
    images = padded.transpose(0, 3, 1, 2).astype(np.float32) / 127.5 - 1
    np.testing.assert_allclose(generator.seen.numpy(), images, atol=1e-6)


@pytest.mark.parametrize(("levels", "change"), [(0.4, 0), (0.6, 1), (-0.4, 0), (-0.6, -1)])
def test_rounds_to_the_nearest_level(levels: float, change: int) -> None:
    frames = np.arange(1, 255, dtype=np.uint8).repeat(3).reshape(1, 2, 127, 3)
    result = run(FrameGraph(Shift(levels), 1), frames)
    np.testing.assert_array_equal(result.astype(int), frames.astype(int) + change)


@pytest.mark.parametrize(("levels", "end"), [(300, 255), (-300, 0)])
def test_clips_instead_of_wrapping_round(levels: float, end: int) -> None:
    frames = np.full((1, 8, 8, 3), 128, dtype=np.uint8)
    assert (run(FrameGraph(Shift(levels), 1), frames) == end).all()


class Loud(nn.Module):
    """Features of about +-512, then an instance norm, as a trained generator may have inside."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, kernel_size=1, bias=False)
        self.norm = nn.InstanceNorm2d(3, affine=True)
        nn.init.constant_(self.conv.weight, 512 / 3)

    def forward(self, image: Tensor) -> Tensor:
        features: Tensor = self.norm(self.conv(image))
        return features.tanh()


@pytest.mark.parametrize(("dtype", "agreement"), [(torch.float16, 45), (torch.bfloat16, 38)])
def test_half_precision_survives_loud_activations(dtype: torch.dtype, agreement: float) -> None:
    frames = np.random.default_rng(0).choice([0, 255], (1, 64, 64, 1)).repeat(3, axis=3).astype(np.uint8)
    features = Loud().conv(torch.from_numpy(frames).permute(0, 3, 1, 2) / 127.5 - 1).to(torch.float16)
    assert features.abs().max() == 512
    assert not features.var().isfinite()  # what float16 makes of it unless it is summed in FP32

    torch.manual_seed(0)
    exact = run(FrameGraph(Loud(), 1), frames)
    reduced = run(FrameGraph(reduce_precision(Loud(), dtype), 1, dtype), frames)
    assert exact.std() > 50
    assert psnr(reduced, exact) >= agreement


def test_float16_keeps_norms_in_fp32_and_convolutions_in_half() -> None:
    net = reduce_precision(Loud(), torch.float16)
    norm = next(module for module in net.modules() if isinstance(module, nn.InstanceNorm2d))
    given: list[torch.dtype] = []
    norm.register_forward_pre_hook(lambda _, inputs: given.append(inputs[0].dtype))
    run(FrameGraph(net, 1, torch.float16), np.zeros((1, 16, 16, 3), np.uint8))
    assert given == [torch.float32]
    assert norm.weight.dtype == torch.float32
    assert next(module for module in net.modules() if isinstance(module, nn.Conv2d)).weight.dtype == torch.float16


def test_the_export_has_dynamic_sizes_and_casts_first_and_last(sources: Sources) -> None:
    model = onnx.load_from_string(sources.graph("resnet", "fp32"))
    onnx.checker.check_model(model, full_check=True)
    (frames,), (translated,) = model.graph.input, model.graph.output
    for tensor in (frames, translated):
        dims = tensor.type.tensor_type.shape.dim
        assert tensor.type.tensor_type.elem_type == onnx.TensorProto.UINT8
        assert [dim.dim_value for dim in dims] == [0, 0, 0, 3]
    assert [node.op_type for node in model.graph.node if frames.name in node.input and node.op_type != "Shape"] == [
        "Cast"
    ]
    assert [node.op_type for node in model.graph.node if translated.name in node.output] == ["Cast"]
    assert "InstanceNormalization" in {node.op_type for node in model.graph.node}
