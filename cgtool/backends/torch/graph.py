"""The network between two casts, a graph that takes frames and gives frames: all engines are compiled from it."""

from __future__ import annotations

import copy
from typing import cast

import torch
from torch import Tensor, nn

from cgtool.config import EnginePrecision

SMALLEST_SIDE = 8
"""Pixels. A ResNet generator reflects feature maps by one pixel at a quarter of the size, so they need at least two."""


class FrameGraph(nn.Module):
    """A generator between two casts: normalizing, layout, padding, cropping and rounding are inside.

    It is in eval mode. The first operation is the cast from uint8 and the last the cast back: TensorRT does nothing
    else with uint8.

    Args:
        generator: Maps float NCHW RGB in [-1, 1] to the same shape and range.
        stride: The generator takes heights and widths that are multiples of this, in pixels.
        dtype: What the generator's first convolution takes.
        memory_format: The layout in which the generator is fastest.
    """

    smallest_side = SMALLEST_SIDE

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

    output = "translated"
    """The graph's output in an export."""

    def forward(self, frames: Tensor) -> Tensor:
        """Translate frames.

        Args:
            frames: RGB, uint8, shape (batch, height, width, 3), any size of at least 1x1.

        Returns:
            The same shape and dtype, rounded to the nearest level, contiguous.
        """
        height, width = frames.shape[1], frames.shape[2]
        translated = self._generated(frames)[:, :, :height, :width].permute(0, 2, 3, 1)
        levels = ((translated + 1) * 127.5).round().clamp(0, 255)
        return levels.to(torch.uint8, memory_format=torch.contiguous_format)

    def _generated(self, frames: Tensor) -> Tensor:
        """What the generator gives for frames that are padded to its stride: FP32, NCHW."""
        image = frames.to(torch.float32).permute(0, 3, 1, 2) / 127.5 - 1
        image = image.index_select(2, self._reflection(image.shape[2], image.device))
        image = image.index_select(3, self._reflection(image.shape[3], image.device))
        result: Tensor = self.generator(image.to(self.dtype, memory_format=self.memory_format))
        return result.to(torch.float32)

    def _reflection(self, size: int, device: torch.device) -> Tensor:
        """Which of ``size`` pixels each pixel of the padded side shows: 0 1 2 1 0 1 ... for a size of 3.

        The side grows at its end to a multiple of the stride, reflecting as often as needed. The arithmetic stays
        symbolic in an export: integers only, no branch on the size and no ``max``. Nor ``1 // x``: ONNX Runtime (1.32)
        makes ``y // x`` of ``y * (1 // x)``, as if they were real numbers.
        """
        strides = (size + self.stride - 1) // self.stride
        if self.stride < self.smallest_side:
            strides = strides + 2 // (strides + 1)  # at least two
        padded, last = strides * self.stride, size - 1
        period = 2 * last + 2 // (size + 1)  # a single pixel repeats with period 1, not 0
        there_and_back = last - (torch.arange(period, device=device) - last).abs()
        periods = (padded + period - 1) // period
        return there_and_back.expand(periods, period).reshape(-1).narrow(0, 0, padded)


class MapGraph(FrameGraph):
    """A map generator behind a cast: as `FrameGraph`, but it gives the maps.

    Args:
        generator: Maps float NCHW RGB in [-1, 1] to (batch, knots * 7, height / cell, width / cell).
        stride: As for `FrameGraph`.
        cell: Side of a cell of the maps, in pixels; ``stride`` is a multiple of it.
        dtype, memory_format: As for `FrameGraph`.
    """

    output = "maps"
    smallest_side = 16  # instance normalization needs more than one cell, at an eighth of the size

    def __init__(
        self,
        generator: nn.Module,
        stride: int,
        cell: int,
        dtype: torch.dtype = torch.float32,
        memory_format: torch.memory_format = torch.contiguous_format,
    ) -> None:
        super().__init__(generator, stride, dtype, memory_format)
        self.cell = cell

    def forward(self, frames: Tensor) -> Tensor:
        """Look at frames.

        Args:
            frames: RGB, uint8, shape (batch, height, width, 3), any size of at least 1x1.

        Returns:
            FP32, (batch, knots * 7, h, w), h and w being height and width over ``cell``, rounded up; contiguous.
        """
        rows = (frames.shape[1] + self.cell - 1) // self.cell
        columns = (frames.shape[2] + self.cell - 1) // self.cell
        return self._generated(frames)[:, :, :rows, :columns].contiguous()


class _Float32(nn.Module):
    """Computes a normalization in FP32 on half-precision features."""

    def __init__(self, norm: nn.Module) -> None:
        super().__init__()
        self.norm = norm

    def forward(self, features: Tensor) -> Tensor:
        return cast(Tensor, self.norm(features.to(torch.float32)).to(features.dtype))


def reduce_precision(generator: nn.Module, dtype: torch.dtype) -> nn.Module:
    """Cast the generator's convolutions to ``dtype`` (float16 or bfloat16), in place; normalizations keep FP32 weights.

    Under float16 instance and group norms are computed in FP32 as well: a variance over activations of +-512 exceeds
    what float16 holds. bfloat16 has the range of FP32, and PyTorch sums its statistics in FP32 anyway.
    """
    for parent in list(generator.modules()):
        if isinstance(parent, (nn.Conv2d, nn.ConvTranspose2d)):
            parent.to(dtype)
        for name, child in list(parent.named_children()):
            if isinstance(child, (nn.InstanceNorm2d, nn.GroupNorm)) and dtype == torch.float16:
                setattr(parent, name, _Float32(child))
    return generator


def frame_graph(generator: nn.Module, stride: int, precision: EnginePrecision, cell: int | None = None) -> FrameGraph:
    """The graph of a copy of a generator, in ``fp32`` or ``fp16``, to be exported; see `graph_around`."""
    if precision == "fp32":
        return graph_around(generator, stride, cell)
    return graph_around(reduce_precision(copy.deepcopy(generator), torch.float16), stride, cell, torch.float16)


def graph_around(
    generator: nn.Module,
    stride: int,
    cell: int | None,
    dtype: torch.dtype = torch.float32,
    memory_format: torch.memory_format = torch.contiguous_format,
) -> FrameGraph:
    """The graph around a generator of pictures, or of maps if their ``cell`` is given; see `FrameGraph`, `MapGraph`."""
    if cell is None:
        return FrameGraph(generator, stride, dtype, memory_format)
    return MapGraph(generator, stride, cell, dtype, memory_format)
