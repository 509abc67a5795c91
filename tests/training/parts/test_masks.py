"""Masks in what discriminators see."""

from __future__ import annotations

import torch

from cgtool.training.parts.masks import on_plain_ground, split_mask


def test_discriminators_see_the_object_on_gray() -> None:
    images = torch.rand(2, 4, 8, 8) * 2 - 1
    rgb, mask = split_mask(images)
    assert mask is not None
    assert torch.equal(on_plain_ground(rgb, torch.ones_like(mask)), rgb)
    assert not on_plain_ground(rgb, torch.zeros_like(mask)).any()
    assert split_mask(rgb)[1] is None
    assert on_plain_ground(rgb, None) is rgb
