from __future__ import annotations

import torch

from cgtool.models.generator import Generator
from cgtool.models.resnet import ResNetConfig, ResNetGenerator


def test_the_output_of_most_generators_is_the_picture() -> None:
    net: Generator = ResNetGenerator(ResNetConfig(blocks=1, ngf=2))
    image, output = torch.zeros(1, 3, 8, 8), torch.ones(1, 3, 8, 8)
    assert net.picture(image, output) is output


def test_fresh_weights_are_drawn_from_the_global_generator() -> None:
    drawn = []
    for _ in range(2):
        net = ResNetGenerator(ResNetConfig(blocks=1, ngf=2))
        torch.manual_seed(7)
        net.initialize()
        drawn.append(net.state_dict())
    assert all(torch.equal(value, drawn[1][name]) for name, value in drawn[0].items())
