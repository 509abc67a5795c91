"""Structures as records describe them: built, or refused in our words."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from cgtool.errors import ModelError
from cgtool.models.architecture import build_discriminator, build_generator
from cgtool.models.resnet import ResNetConfig, ResNetGenerator
from cgtool.models.unet import UNetConfig, UNetGenerator


def test_the_fields_standard_networks_have_the_fields_parameter_counts() -> None:
    def count(net: nn.Module) -> int:
        return sum(parameter.numel() for parameter in net.parameters())

    with torch.device("meta"):
        assert count(ResNetGenerator(ResNetConfig(blocks=9))) == 11_378_179  # "11.378 M" in the reference's log
        assert count(UNetGenerator(UNetConfig(downs=8))) == 54_409_603  # "54.414 M" with batch norm
        assert count(build_discriminator({"type": "patch"})) == 2_764_737  # "2.765 M" in the reference's log


@pytest.mark.parametrize(
    "architecture",
    [
        {},
        {"type": "patch"},
        {"type": "resnet", "depth": 6},
        {"type": "resnet", "blocks": "6"},
        {"type": "resnet", "blocks": True},
        {"type": "resnet", "blocks": 0},
        {"type": "resnet", "padding": "circular"},
        {"type": "unet", "upsample": "bilinear"},
        {"type": "unet", "downs": 1},
        {"type": "unet", "downs": 10**6},
        {"type": "resnet", "blocks": 10**9},
        {"type": "resnet", "ngf": 10**30},
        {"type": "resnet", "output_channels": 10**9},
        {"type": ["resnet"]},
        {"type": "x" * 10**6},
        {"type": "resnet", "x" * 10**6: 1},
        {"type": "resnet", "ngf": "x" * 10**6},
    ],
    ids=str,
)
def test_unknown_structures_are_refused(architecture: dict[str, object]) -> None:
    with pytest.raises(ModelError) as caught:
        build_generator(architecture)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    "architecture",
    [
        {"type": "resnet"},
        {"type": "patch", "n_layers": 0},
        {"type": "patch", "n_layers": 10**9},
        {"type": "pixel", "ndf": -1},
        {"type": "projected", "width": 0},
        {"type": "patch", "affine": True},
        {"type": "projected", "affine": False},
    ],
    ids=str,
)
def test_unknown_discriminators_are_refused(architecture: dict[str, object]) -> None:
    with pytest.raises(ModelError):
        build_discriminator(architecture)
