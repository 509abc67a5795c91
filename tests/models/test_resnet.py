"""The paper's generator; its numbers are checked in test_reference.py."""

from __future__ import annotations

import pytest
import torch

from cgtool.models.resnet import ResNetConfig, ResNetGenerator
from tests.models.networks import assert_exports_with_free_batch_and_size, assert_keeps_shape_and_range

CONFIGS = [
    ResNetConfig(blocks=2, ngf=4, upsample="transposed"),
    ResNetConfig(blocks=1, ngf=4, affine=True, padding="zero", upsample="transposed"),
    ResNetConfig(blocks=1, ngf=4, dropout=True, upsample="resize"),
    ResNetConfig(blocks=2, ngf=4, affine=True, padding="zero", dropout=True, upsample="resize"),
]


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_shape_and_range_are_kept_and_every_weight_is_reached(config: ResNetConfig) -> None:
    assert_keeps_shape_and_range(config)


@pytest.mark.parametrize("config", [CONFIGS[0], CONFIGS[-1]], ids=str)
def test_it_exports_with_free_batch_and_size(config: ResNetConfig) -> None:
    assert_exports_with_free_batch_and_size(config)


def test_without_a_normalized_stem_light_and_tint_reach_the_result() -> None:
    """Instance normalization after the first convolution takes them away: the same image comes out."""
    torch.manual_seed(0)
    image = torch.rand(1, 3, 16, 16, dtype=torch.float64) - 0.5
    tinted = image + torch.tensor([0.3, -0.2, 0.1], dtype=torch.float64).view(1, 3, 1, 1)
    blind, seeing = (
        ResNetGenerator(ResNetConfig(blocks=1, ngf=4, stem_norm=stem_norm)).double() for stem_norm in (True, False)
    )
    torch.testing.assert_close(blind(tinted), blind(image))
    assert (seeing(tinted) - seeing(image)).abs().mean() > 0.01
