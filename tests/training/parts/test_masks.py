"""Masks in what discriminators see."""

from __future__ import annotations

import torch

from cgtool.training.parts.masks import missed, on_plain_ground, split_mask


def test_discriminators_see_the_object_on_gray() -> None:
    images = torch.rand(2, 4, 8, 8) * 2 - 1
    rgb, mask = split_mask(images)
    assert mask is not None
    assert torch.equal(on_plain_ground(rgb, torch.ones_like(mask)), rgb)
    assert not on_plain_ground(rgb, torch.zeros_like(mask)).any()
    assert split_mask(rgb)[1] is None
    assert on_plain_ground(rgb, None) is rgb


def test_cells_are_compared_with_their_share_of_the_mask() -> None:
    mask = torch.zeros(1, 1, 8, 8)
    mask[..., :4] = 1
    right, wrong = torch.tensor([[[[9.0, -9.0], [9.0, -9.0]]]]), torch.tensor([[[[-9.0, 9.0], [-9.0, 9.0]]]])
    assert missed(right, mask) < 1e-3
    assert missed(wrong, mask) > 8
