"""What every generator has to do, whatever its structure."""

from __future__ import annotations

import torch

from cgtool.models.architecture import build_generator, describe
from cgtool.models.resnet import ResNetConfig
from cgtool.models.unet import UNetConfig


def assert_keeps_shape_and_range(config: ResNetConfig | UNetConfig) -> None:
    """Images of two shapes come out as they went in, in [-1, 1], and every weight has a say."""
    torch.manual_seed(0)
    net = build_generator(describe(config))
    assert net.config == config
    side = max(net.stride, 8)
    image = torch.rand(2, 3, side, 2 * side) * 2 - 1
    translated = net(image)
    assert translated.shape == image.shape
    assert translated.abs().max() <= 1
    translated.square().sum().backward()
    assert all(parameter.grad is not None for parameter in net.parameters())


def assert_exports_with_free_batch_and_size(config: ResNetConfig | UNetConfig) -> None:
    """The exported graph gives the same, in double precision: no machine's rounding has a say."""
    torch.manual_seed(0)
    net = build_generator(describe(config)).eval().double()
    example = torch.rand(2, 3, 2 * net.stride, 3 * net.stride, dtype=torch.float64)
    other = torch.rand(1, 3, 5 * net.stride, 4 * net.stride, dtype=torch.float64)
    batch, rows, columns = (torch.export.Dim(name, min=low, max=64) for name, low in (("b", 1), ("r", 2), ("c", 2)))
    shapes = {0: batch, 2: net.stride * rows, 3: net.stride * columns}
    with torch.no_grad():
        exported = torch.export.export(net, (example,), dynamic_shapes=(shapes,)).module()
        torch.testing.assert_close(exported(other), net(other))
