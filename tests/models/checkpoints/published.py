"""The reference's generators, written from the published structure: each one long Sequential, numbered as theirs.

They share nothing with `cgtool.models`, and their ``state_dict`` has the keys of a reference checkpoint.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

Norm = Callable[[int], nn.Module]


def instance(channels: int) -> nn.Module:
    return nn.InstanceNorm2d(channels)


def affine(channels: int) -> nn.Module:
    return nn.InstanceNorm2d(channels, affine=True)


class Block(nn.Module):
    def __init__(self, channels: int, norm: Norm, reflect: bool, dropout: bool) -> None:
        super().__init__()
        pad: list[nn.Module] = [nn.ReflectionPad2d(1)] if reflect else []
        margin = 0 if reflect else 1
        layers = [*pad, nn.Conv2d(channels, channels, 3, 1, margin), norm(channels), nn.ReLU()]
        layers += [nn.Dropout(0.5)] if dropout else []
        layers += [*pad, nn.Conv2d(channels, channels, 3, 1, margin), norm(channels)]
        self.conv_block = nn.Sequential(*layers)

    def forward(self, features: Tensor) -> Tensor:
        return features + self.conv_block(features)  # type: ignore[no-any-return]


class Sequence(nn.Module):
    """Gives the reference's ``model.`` prefix."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.model = nn.Sequential(*layers)

    def forward(self, features: Tensor) -> Tensor:
        return self.model(features)  # type: ignore[no-any-return]


def published_resnet(blocks: int, k: int, norm: Norm, *, reflect: bool = True, dropout: bool = False) -> nn.Module:
    return Sequence(
        nn.ReflectionPad2d(3), nn.Conv2d(3, k, 7), norm(k), nn.ReLU(),
        nn.Conv2d(k, 2 * k, 3, 2, 1), norm(2 * k), nn.ReLU(),
        nn.Conv2d(2 * k, 4 * k, 3, 2, 1), norm(4 * k), nn.ReLU(),
        *(Block(4 * k, norm, reflect, dropout) for _ in range(blocks)),
        nn.ConvTranspose2d(4 * k, 2 * k, 3, 2, 1, 1), norm(2 * k), nn.ReLU(),
        nn.ConvTranspose2d(2 * k, k, 3, 2, 1, 1), norm(k), nn.ReLU(),
        nn.ReflectionPad2d(3), nn.Conv2d(k, 3, 7), nn.Tanh(),
    ).eval()  # fmt: skip


class Nested(nn.Module):
    """Gives the reference's second ``model.`` prefix, that of a U-Net."""

    def __init__(self, outermost: nn.Module) -> None:
        super().__init__()
        self.model = outermost

    def forward(self, features: Tensor) -> Tensor:
        return self.model(features)  # type: ignore[no-any-return]


class Skip(Sequence):
    def forward(self, features: Tensor) -> Tensor:
        return torch.cat([features, self.model(features)], 1)


def published_unet(downs: int, k: int, norm: Norm) -> nn.Module:
    """The reference builds from the bottom up: one innermost block, blocks of 8k filters, then 4k, 2k, k."""

    def down(inputs: int, outputs: int) -> nn.Module:
        return nn.Conv2d(inputs, outputs, 4, 2, 1)

    def up(inputs: int, outputs: int) -> nn.Module:
        return nn.ConvTranspose2d(inputs, outputs, 4, 2, 1)

    leaky = nn.LeakyReLU(0.2)
    net: nn.Module = Skip(leaky, down(8 * k, 8 * k), nn.ReLU(), up(8 * k, 8 * k), norm(8 * k))
    for _ in range(downs - 5):
        net = Skip(
            leaky, down(8 * k, 8 * k), norm(8 * k), net, nn.ReLU(), up(16 * k, 8 * k), norm(8 * k), nn.Dropout(0.5)
        )
    for outer in (4 * k, 2 * k, k):
        net = Skip(leaky, down(outer, 2 * outer), norm(2 * outer), net, nn.ReLU(), up(4 * outer, outer), norm(outer))
    return Nested(Sequence(down(3, k), net, nn.ReLU(), up(2 * k, 3), nn.Tanh())).eval()


def randomize(net: nn.Module) -> nn.Module:
    """Weights with scales, shifts and biases that matter."""
    for parameter in net.parameters():
        nn.init.normal_(parameter, 0.1, 0.3)
    return net
