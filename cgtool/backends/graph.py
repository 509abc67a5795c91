"""The graph that takes frames and gives frames: what every engine runs, and what is exported."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from cgtool.errors import EngineError

SMALLEST_SIDE = 8
"""Pixels. A ResNet generator reflects feature maps by one pixel at a quarter of the size, so they need at least two."""


class FrameGraph(nn.Module):
    """A generator between two casts: normalising, layout, padding, cropping and rounding are inside.

    It is in eval mode. The first operation is the cast from uint8 and the last the cast back: TensorRT does nothing
    else with uint8.

    Args:
        generator: Maps float NCHW RGB in [-1, 1] to the same shape and range.
        stride: The generator takes heights and widths that are multiples of this, in pixels.
        dtype: What the generator's first convolution takes.
        memory_format: The layout in which the generator is fastest.
    """

    def __init__(
        self,
        generator: nn.Module,
        stride: int,
        dtype: torch.dtype = torch.float32,
        memory_format: torch.memory_format = torch.contiguous_format,
    ) -> None:
        super().__init__()
        self.generator = generator
        self.stride = stride
        self.dtype = dtype
        self.memory_format = memory_format
        self.eval()

    def forward(self, frames: Tensor) -> Tensor:
        """Translate frames.

        Args:
            frames: RGB, uint8, shape (batch, height, width, 3), any size of at least 1x1.

        Returns:
            The same shape and dtype, rounded to the nearest level, contiguous.
        """
        image = frames.to(torch.float32).permute(0, 3, 1, 2) / 127.5 - 1
        height, width = image.shape[2], image.shape[3]
        image = image.index_select(2, self._reflection(height, image.device))
        image = image.index_select(3, self._reflection(width, image.device))
        translated = self.generator(image.to(self.dtype, memory_format=self.memory_format)).to(torch.float32)
        translated = translated[:, :, :height, :width].permute(0, 2, 3, 1)
        levels = ((translated + 1) * 127.5).round().clamp(0, 255)
        return cast(Tensor, levels.to(torch.uint8, memory_format=torch.contiguous_format))

    def _reflection(self, size: int, device: torch.device) -> Tensor:
        """Which of ``size`` pixels each pixel of the padded side shows: 0 1 2 1 0 1 ... for a size of 3.

        The side grows at its end to a multiple of the stride, reflecting as often as needed. The arithmetic stays
        symbolic in an export: integers only, no branch on the size and no ``max``.
        """
        strides = (size + self.stride - 1) // self.stride
        if self.stride < SMALLEST_SIDE:
            strides = strides + 1 // strides  # at least two
        last = size - 1
        period = 2 * last + 1 // size  # 1 // size: a single pixel repeats with period 1, not 0
        position = torch.arange(strides * self.stride, device=device)
        phase = position - position // period * period
        return last - (phase - last).abs()


class _Float32(nn.Module):
    """Computes a normalisation in FP32 on half-precision features."""

    def __init__(self, norm: nn.Module) -> None:
        super().__init__()
        self.norm = norm

    def forward(self, features: Tensor) -> Tensor:
        return cast(Tensor, self.norm(features.to(torch.float32)).to(features.dtype))


def reduce_precision(generator: nn.Module, dtype: torch.dtype) -> nn.Module:
    """Cast the generator's convolutions to ``dtype`` (float16 or bfloat16), in place; normalisations keep FP32 weights.

    Under float16 instance norms are computed in FP32 as well: a variance over activations of +-512 exceeds what float16
    holds. bfloat16 has the range of FP32, and PyTorch sums its statistics in FP32 anyway.
    """
    for parent in list(generator.modules()):
        if isinstance(parent, (nn.Conv2d, nn.ConvTranspose2d)):
            parent.to(dtype)
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.InstanceNorm2d) and dtype == torch.float16:
                setattr(parent, name, _Float32(child))
    return generator


def to_onnx(graph: FrameGraph) -> bytes:
    """Serialise the graph as ONNX (opset 18) with dynamic batch, height and width.

    Input ``frames`` and output ``translated``: uint8, (batch, height, width, 3).

    Raises:
        EngineError: A package that PyTorch's exporter needs is missing, or the network can't be exported.
    """
    dynamic = torch.export.Dim.DYNAMIC
    example = torch.zeros(2, 61, 83, 3, dtype=torch.uint8)  # sizes that the exporter can't take for constants
    try:
        program = torch.onnx.export(
            graph,
            (example,),
            dynamo=True,
            opset_version=18,
            dynamic_shapes=({0: dynamic, 1: dynamic, 2: dynamic},),
            input_names=["frames"],
            output_names=["translated"],
            verbose=False,
        )
    except ImportError as error:
        raise EngineError(f"PyTorch can't write ONNX: {error}", hint="Run: pip install onnx onnxscript") from error
    except torch.onnx.OnnxExporterError as error:
        raise EngineError(f"the network can't be exported to ONNX: {error}") from error
    assert program is not None  # what dynamo=True promises
    return cast(bytes, program.model_proto.SerializeToString())
