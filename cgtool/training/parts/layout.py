"""The order in which images and weights lie in memory, and a normalization whose gradient is right in any order."""

from __future__ import annotations

from types import MethodType

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def memory_format(device: torch.device) -> torch.memory_format:
    """Channels last on GPUs, whose tensor cores read it; on CPUs it makes a BF16 step slower by a quarter or more."""
    return torch.channels_last if device.type == "cuda" else torch.contiguous_format


def normalize(images: Tensor, device: torch.device) -> Tensor:
    """Bring uint8 images (batch, 3, height, width) to a device in [-1, 1], in its memory format and torch's dtype."""
    moved = images.to(device, non_blocking=True, memory_format=memory_format(device))
    return moved.to(torch.get_default_dtype()).div_(127.5).sub_(1)


def correct_instance_norms(net: nn.Module) -> None:
    """Let a network's instance normalizations compute as group normalizations of one channel per group, in place.

    The two are equal. But on CPUs, PyTorch 2.15's instance normalization of a single image has a wrong gradient when
    that arrives in channels-last order, as a convolution may return it (tests/training/parts/test_layout.py).
    """
    for module in net.modules():
        if isinstance(module, nn.InstanceNorm2d):
            module.forward = MethodType(_forward, module)  # type: ignore[method-assign]  # of this module alone


def _forward(module: nn.InstanceNorm2d, features: Tensor) -> Tensor:
    return F.group_norm(features, features.shape[1], module.weight, module.bias, module.eps)
