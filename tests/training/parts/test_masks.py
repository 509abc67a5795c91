"""Masks in what discriminators see."""

from __future__ import annotations

import torch

from cgtool.training.parts.masks import missed, on_plain_ground, split_mask


def test_discriminators_see_each_object_on_a_colour_of_its_own() -> None:
    rgb, mask = split_mask(torch.rand(2, 4, 8, 8) * 2 - 1)
    assert mask is not None
    assert torch.equal(on_plain_ground(rgb, torch.ones_like(mask)), rgb)
    plain = on_plain_ground(rgb, torch.zeros_like(mask))
    torch.testing.assert_close(plain, plain[..., :1, :1].expand_as(plain))
    colours = torch.cat([on_plain_ground(rgb, torch.zeros_like(mask))[..., 0, 0] for _ in range(50)])
    assert len({tuple(colour) for colour in colours.tolist()}) == 100
    assert -1 <= colours.amin() < -0.8
    assert 0.8 < colours.amax() <= 1
    assert split_mask(rgb)[1] is None
    assert on_plain_ground(rgb, None) is rgb


def test_cells_are_compared_with_their_share_of_the_mask() -> None:
    mask = torch.zeros(1, 1, 8, 8)
    mask[..., :4] = 1
    right, wrong = torch.tensor([[[[9.0, -9.0], [9.0, -9.0]]]]), torch.tensor([[[[-9.0, 9.0], [-9.0, 9.0]]]])
    assert missed(right, mask) < 1e-3
    assert missed(wrong, mask) > 8
