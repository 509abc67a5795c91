"""Instance normalization in every memory layout."""

from __future__ import annotations

import copy
import itertools

import pytest
import torch
from torch import nn

from cgtool.training.parts.layout import correct_instance_norms

ORDERS = (torch.contiguous_format, torch.channels_last)


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("affine", [False, True])
@pytest.mark.parametrize(("order", "gradient_order"), list(itertools.product(ORDERS, ORDERS)), ids=str)
def test_instance_norms_have_the_right_gradient_in_every_layout(
    batch: int, affine: bool, order: torch.memory_format, gradient_order: torch.memory_format
) -> None:
    torch.manual_seed(0)
    norm = nn.Sequential(nn.InstanceNorm2d(8, affine=affine)).double()
    correct_instance_norms(norm)
    image = torch.randn(batch, 8, 16, 16, dtype=torch.float64).contiguous(memory_format=order).requires_grad_()
    output = norm(image)
    gradient = torch.randn(output.shape, dtype=torch.float64)
    (measured,) = torch.autograd.grad(output, image, gradient.contiguous(memory_format=gradient_order))

    centred = image - image.mean((2, 3), keepdim=True)
    expected = centred / (centred.square().mean((2, 3), keepdim=True) + 1e-5).sqrt()
    torch.testing.assert_close(output, expected)
    (right,) = torch.autograd.grad(expected, image, gradient)
    torch.testing.assert_close(measured, right)


def test_copies_normalize_with_their_own_weights() -> None:
    norm = nn.InstanceNorm2d(2, affine=True)
    correct_instance_norms(norm)
    other = copy.deepcopy(norm)
    nn.init.zeros_(other.weight)
    image = torch.randn(1, 2, 4, 4)
    assert other(image).abs().max() == 0
    assert norm(image).abs().max() > 0.5
    assert norm.state_dict().keys() == {"weight", "bias"}
