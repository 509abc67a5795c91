"""Structure, export and initialization of the networks; their numbers are checked in test_reference.py."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import nn

from cgtool.errors import ModelError
from cgtool.models.architecture import build_discriminator, build_generator, describe
from cgtool.models.discriminators import PatchConfig, PatchDiscriminator
from cgtool.models.layers import Upsample, initialize
from cgtool.models.resnet import ResNetConfig, ResNetGenerator
from cgtool.models.unet import UNetConfig, UNetGenerator

UPSAMPLES: tuple[Upsample, ...] = ("transposed", "resize")
RESNETS = [
    ResNetConfig(blocks=2, ngf=4, upsample="transposed"),
    ResNetConfig(blocks=1, ngf=4, affine=True, padding="zero", upsample="transposed"),
    ResNetConfig(blocks=1, ngf=4, dropout=True, upsample="resize"),
    ResNetConfig(blocks=2, ngf=4, affine=True, padding="zero", dropout=True, upsample="resize"),
]
UNETS = [
    UNetConfig(downs=downs, ngf=2, affine=affine, dropout=not affine, upsample=upsample)
    for downs, affine, upsample in itertools.product((2, 6), (False, True), UPSAMPLES)
]


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize("config", [*RESNETS, *UNETS], ids=str)
def test_generators_keep_shape_and_range_and_reach_every_weight(config: ResNetConfig | UNetConfig) -> None:
    net = build_generator(describe(config))
    assert net.config == config
    side = max(net.stride, 8)
    image = torch.rand(2, 3, side, 2 * side) * 2 - 1
    translated = net(image)
    assert translated.shape == image.shape
    assert translated.abs().max() <= 1
    translated.square().sum().backward()
    assert all(parameter.grad is not None for parameter in net.parameters())


@pytest.mark.parametrize("config", [RESNETS[0], RESNETS[-1], UNETS[0], UNETS[-1]], ids=str)
def test_generators_export_with_free_batch_and_size(config: ResNetConfig | UNetConfig) -> None:
    net = build_generator(describe(config)).eval()
    example = torch.rand(2, 3, 2 * net.stride, 3 * net.stride)
    other = torch.rand(1, 3, 5 * net.stride, 4 * net.stride)
    batch, rows, columns = (torch.export.Dim(name, min=low, max=64) for name, low in (("b", 1), ("r", 2), ("c", 2)))
    shapes = {0: batch, 2: net.stride * rows, 3: net.stride * columns}
    with torch.no_grad():
        exported = torch.export.export(net, (example,), dynamic_shapes=(shapes,)).module()
        torch.testing.assert_close(exported(other), net(other))


def test_without_a_normalized_stem_light_and_tint_reach_the_result() -> None:
    """Instance normalization after the first convolution takes them away: the same image comes out."""
    image = torch.rand(1, 3, 16, 16, dtype=torch.float64) - 0.5
    tinted = image + torch.tensor([0.3, -0.2, 0.1], dtype=torch.float64).view(1, 3, 1, 1)
    blind, seeing = (
        ResNetGenerator(ResNetConfig(blocks=1, ngf=4, stem_norm=stem_norm)).double() for stem_norm in (True, False)
    )
    torch.testing.assert_close(blind(tinted), blind(image))
    assert (seeing(tinted) - seeing(image)).abs().mean() > 0.01


def test_the_fields_standard_networks_have_the_fields_parameter_counts() -> None:
    def count(net: nn.Module) -> int:
        return sum(parameter.numel() for parameter in net.parameters())

    with torch.device("meta"):
        assert count(ResNetGenerator(ResNetConfig(blocks=9))) == 11_378_179  # "11.378 M" in the reference's log
        assert count(UNetGenerator(UNetConfig(downs=8))) == 54_409_603  # "54.414 M" with batch norm
        assert count(build_discriminator({"type": "patch"})) == 2_764_737  # "2.765 M" in the reference's log


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


@pytest.mark.parametrize("kind", ["patch", "pixel"])
def test_older_records_of_discriminators_name_an_option_that_is_gone(kind: str) -> None:
    net = build_discriminator({"type": kind, "ndf": 4, "affine": False})
    assert "affine" not in describe(net.config)
