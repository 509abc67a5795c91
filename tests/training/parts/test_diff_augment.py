"""Images as discriminators see them: moved and cut alike in every channel, and gradients pass."""

from __future__ import annotations

import torch

from cgtool.training.parts.diff_augment import diff_augment


def test_images_are_moved_and_cut_and_otherwise_as_they_were() -> None:
    torch.manual_seed(0)
    down, across = torch.meshgrid(torch.arange(32.0), torch.arange(32.0), indexing="ij")
    image = torch.stack([down + 1, across + 1, down + across + 2])[None] / 64
    for _ in range(20):
        varied = diff_augment(image)
        assert varied.shape == image.shape
        kept = varied[0, 0] != 0
        assert 0.4 < kept.float().mean() <= 1
        rows = (varied[0, 0] * 64 - 1 - down)[kept]
        assert rows.min() == rows.max()
        assert rows.abs().max() <= 4
        torch.testing.assert_close(varied[0, 2], varied[0, 0] + varied[0, 1])


def test_gradients_pass() -> None:
    image = torch.ones(2, 3, 16, 16, requires_grad=True)
    torch.autograd.backward(diff_augment(image).sum())
    assert image.grad is not None
    assert (image.grad == 1).any()
