"""Layers that several networks share, and how fresh weights are drawn."""

from __future__ import annotations

import reprlib
from collections import OrderedDict
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cgtool.errors import ModelError

Upsample = Literal["transposed", "resize"]
"""A decoder's way to double its size. ``resize`` has no checkerboards (Odena et al. 2016)."""

MOST_FILTERS = 4096
"""Filters of a first convolution; published networks have 64."""

_MOST_CHANNELS = 64
"""Channels of an image; RGB has 3."""


class ResizeConv2d(nn.Conv2d):
    """Doubles height and width by nearest neighbour, then convolves 3x3 with reflection padding."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, kernel_size=3, padding=1, padding_mode="reflect")

    def forward(self, input: Tensor) -> Tensor:
        """Map (batch, in_channels, height, width) to (batch, out_channels, 2 height, 2 width)."""
        return super().forward(F.interpolate(input, scale_factor=2.0, mode="nearest"))


def check_ranges(what: str, **ranges: tuple[int, int, int]) -> None:
    """Refuse structures that no machine could build, such as damaged records ask for.

    Args:
        what: The network, for the message.
        ranges: By option: its value, the least and the most that it may be.

    Raises:
        ModelError: A value is out of its range.
    """
    for option, (value, least, most) in ranges.items():
        if not least <= value <= most:
            raise ModelError(
                f"{what} can't have {option} {reprlib.repr(value)}", hint=f"It goes from {least} to {most}."
            )


def check_channels(*channels: int) -> None:
    """Refuse numbers of image channels that no machine could hold.

    Raises:
        ModelError: One is out of its range.
    """
    for count in channels:
        check_ranges("images", channels=(count, 1, _MOST_CHANNELS))


def check_upsample(upsample: str) -> None:
    """Refuse what is no `Upsample`.

    Raises:
        ModelError: It is none.
    """
    if upsample not in get_args(Upsample):
        raise ModelError(
            f"unknown upsample {reprlib.repr(upsample)}", hint=f"Known are {' and '.join(get_args(Upsample))}."
        )


def accurate(tensor: Tensor) -> Tensor:
    """FP32 for BF16 and FP16, whose sums and differences lose too much; FP32 and FP64 as they are."""
    return tensor.float() if tensor.dtype in (torch.bfloat16, torch.float16) else tensor


def named(**modules: nn.Module | None) -> nn.Sequential:
    """An ``nn.Sequential`` of the modules that are not None, called by their keywords."""
    return nn.Sequential(OrderedDict((name, module) for name, module in modules.items() if module is not None))


def initialize(net: nn.Module, gain: float = 0.02) -> None:
    """Draw fresh weights in place, as CycleGAN does (Zhu et al. 2017, appendix 7.1).

    Convolutions get N(0, gain), affine normalizations N(1, gain), biases 0. Draws from torch's global generator.
    """
    for module in net.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
            nn.init.normal_(module.weight, 0.0, gain)
        elif isinstance(module, nn.InstanceNorm2d) and module.affine:
            nn.init.normal_(module.weight, 1.0, gain)
        else:
            continue
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def conv3x3(inputs: int, outputs: int, stride: int = 1) -> nn.Conv2d:
    """A 3x3 convolution that goes on beyond the border with the border's own values."""
    return nn.Conv2d(inputs, outputs, kernel_size=3, stride=stride, padding=1, padding_mode="replicate")


class PlainBlock(nn.Module):
    """Adds what two convolutions make of the features (He et al. 2016). Normalized is only what is added."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1, self.norm1 = conv3x3(channels, channels), nn.InstanceNorm2d(channels)
        self.conv2, self.norm2 = conv3x3(channels, channels), nn.InstanceNorm2d(channels)

    def forward(self, features: Tensor) -> Tensor:
        """Map float (batch, channels, height, width) to the same shape."""
        inner = F.relu(self.norm1(self.conv1(features)))
        changed: Tensor = features + self.norm2(self.conv2(inner))
        return changed


class PlainUp(nn.Module):
    """Doubles the size: fewer channels first, then bilinear, then the finer features of the way down beside them."""

    def __init__(self, inputs: int, outputs: int, beside: int) -> None:
        super().__init__()
        self.narrow = conv3x3(inputs, outputs)
        self.skip = conv3x3(beside, outputs)
        self.mix = conv3x3(outputs, outputs)

    def forward(self, features: Tensor, finer: Tensor) -> Tensor:
        """Map (batch, inputs, h, w) and (batch, beside, 2 h, 2 w) to (batch, outputs, 2 h, 2 w)."""
        coarse = F.interpolate(self.narrow(features), scale_factor=2.0, mode="bilinear", align_corners=False)
        mixed: Tensor = self.mix(F.relu(coarse + self.skip(finer)))
        return mixed


def draw_plain(net: nn.Module) -> None:
    """Draw fresh weights in place, biases 0.

    Where no normalization follows, features keep their scale only if the weights are drawn to that end (He et al.
    2015). Draws from torch's global generator.
    """
    for module in net.modules():
        # Without memory nothing is drawn, and torch would load its compiler for the attempt: a second lost.
        if isinstance(module, nn.Conv2d) and not module.weight.is_meta:
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            nn.init.zeros_(module.bias)  # type: ignore[arg-type]  # all have one
