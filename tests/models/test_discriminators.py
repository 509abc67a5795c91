"""Discriminators: how much of an image each logit sees."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from cgtool.models.architecture import build_discriminator, describe
from cgtool.models.discriminators import PatchConfig, PatchDiscriminator


@pytest.mark.parametrize(("n_layers", "patch"), [(1, 16), (2, 34), (3, 70)])
def test_patch_discriminator_sees_patches_of_the_papers_size(n_layers: int, patch: int) -> None:
    net = PatchDiscriminator(PatchConfig(n_layers=n_layers, ndf=2))
    for layer in net.layers:
        assert isinstance(layer, nn.Sequential)
        layer.norm = nn.Identity()  # it would carry statistics from everywhere
    image = torch.rand(1, 3, 160, 160, requires_grad=True)
    logits = net(image)
    assert logits.shape[2] == 160 // 2**n_layers - 2
    logits[0, 0, logits.shape[2] // 2, logits.shape[3] // 2].backward()
    assert image.grad is not None
    seen = image.grad.abs().sum(dim=(0, 1)).nonzero()
    assert (seen.amax(dim=0) - seen.amin(dim=0) + 1).tolist() == [patch, patch]


def test_pixel_discriminator_judges_each_pixel() -> None:
    net = build_discriminator({"type": "pixel", "ndf": 4})
    assert net(torch.rand(2, 3, 6, 5)).shape == (2, 1, 6, 5)


@pytest.mark.parametrize("kind", ["patch", "pixel"])
def test_older_records_of_discriminators_name_an_option_that_is_gone(kind: str) -> None:
    net = build_discriminator({"type": kind, "ndf": 4, "affine": False})
    assert "affine" not in describe(net.config)
