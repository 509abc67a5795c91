"""The moving average."""

from __future__ import annotations

import pytest
import torch

from cgtool.models.resnet import ResNetConfig, ResNetGenerator
from cgtool.training.parts.ema import MovingAverage


def test_it_follows_fast_at_first_and_then_by_its_decay() -> None:
    net = ResNetGenerator(ResNetConfig(blocks=1, ngf=1))
    bias = net.head[0].bias
    assert isinstance(bias, torch.Tensor)
    torch.nn.init.zeros_(bias)
    average = MovingAverage(net, decay=0.15)
    torch.nn.init.ones_(bias)
    expected = 0.0
    for decay in (0.1, 0.15, 0.15):  # 1/10, then 2/11 and more would exceed the decay
        average.update(net)
        expected += (1 - expected) * (1 - decay)
        assert average.net.state_dict()["head.conv.bias"][0].item() == pytest.approx(expected)
    assert average.updates == 3
    assert not average.net.training
    assert all(not parameter.requires_grad for parameter in average.net.parameters())
