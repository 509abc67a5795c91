"""Fresh weights, and layers that several networks share."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from cgtool.errors import ModelError
from cgtool.models.architecture import build_generator
from cgtool.models.layers import ResizeConv2d, check_ranges, initialize, named


def test_initialize_draws_the_papers_gaussians() -> None:
    net = build_generator({"type": "resnet", "blocks": 2, "ngf": 32, "affine": True})
    initialize(net)
    for name, parameter in net.named_parameters():
        if name.endswith("bias"):
            assert parameter.abs().max() == 0
        else:
            mean = 1.0 if "norm" in name else 0.0
            tolerance = 4 * 0.02 / parameter.numel() ** 0.5
            assert parameter.mean().item() == pytest.approx(mean, abs=tolerance)
            assert parameter.std().item() == pytest.approx(0.02, abs=tolerance)


def test_resize_convolutions_double_the_size_without_a_grid() -> None:
    """A flat image stays flat: no output pixel has more neighbours than the next one."""
    up = ResizeConv2d(2, 3).double()
    result = up(torch.full((1, 2, 5, 4), 0.7, dtype=torch.float64))
    assert result.shape == (1, 3, 10, 8)
    torch.testing.assert_close(result, result[:, :, :1, :1].expand_as(result))


def test_named_layers_leave_out_what_is_none() -> None:
    layers = named(conv=nn.Conv2d(1, 1, 1), norm=None, relu=nn.ReLU())
    assert [name for name, _ in layers.named_children()] == ["conv", "relu"]


@pytest.mark.parametrize("value", [0, 5, 10**40, -(10**40)])
def test_values_out_of_range_are_refused_with_the_range(value: int) -> None:
    check_ranges("a network", blocks=(1, 1, 4), ngf=(4, 1, 4))
    with pytest.raises(ModelError, match=r"a network can't have blocks .*It goes from 1 to 4") as caught:
        check_ranges("a network", blocks=(value, 1, 4))
    assert len(str(caught.value)) < 200
