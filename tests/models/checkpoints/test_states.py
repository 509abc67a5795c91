"""Generators as the field's trainers put them into files."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import Tensor, nn

from cgtool.errors import ModelError
from cgtool.models.checkpoints.reference import read_generator
from cgtool.models.checkpoints.states import State, find_state, read_bytes, unpack
from cgtool.models.resnet import ResNetConfig, ResNetGenerator
from cgtool.models.unet import UNetConfig, UNetGenerator
from tests.models.checkpoints.published import instance, published_resnet, published_unet, randomize


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def resnet() -> nn.Module:
    return randomize(published_resnet(2, 4, instance))


def under(prefix: str, state: State) -> State:
    return {prefix + key: value for key, value in state.items()}


def nested(state: State) -> object:
    return {"epoch": 3, "models": {"netG_A": state, "netD_A": {"model.0.weight": torch.rand(4, 3, 4, 4)}}}


def lightning(state: State) -> object:
    hyper = argparse.Namespace(lr=2e-4)
    return {
        "pytorch-lightning_version": "2.5",
        "hyper_parameters": hyper,
        "state_dict": {**under("gen.", state), **under("dis.", {"model.0.weight": torch.rand(4, 3, 4, 4)})},
        "optimizer_states": [{"state": {0: {"exp_avg": torch.rand(4, 3, 7, 7)}}}],
    }


def averaged(state: State) -> object:
    return {"params": {key: value + 1 for key, value in state.items()}, "params_ema": state}


def averaged_by_lightning(state: State) -> object:
    last = {key: value + 1 for key, value in state.items()}
    return {"state_dict": {**under("model_G.", last), **under("model_G_ema.module.", state)}}


SPELLINGS: list[Callable[[State], object]] = [nested, lightning, averaged, averaged_by_lightning]


def assert_same_picture(path: Path, published: nn.Module, side: int = 16) -> None:
    image = torch.rand(1, 3, side, side, dtype=torch.float64) * 2 - 1
    with torch.inference_mode():
        ours, theirs = read_generator(path)[0].double()(image), published.double()(image)
    torch.testing.assert_close(ours, theirs, atol=1e-9, rtol=0)


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("make", [resnet, lambda: randomize(published_unet(5, 4, instance))], ids=["resnet", "unet"])
def test_wherever_the_generator_lies(
    spelling: Callable[[State], object], make: Callable[[], nn.Module], tmp_path: Path
) -> None:
    published = make()
    path = tmp_path / "last.ckpt"
    torch.save(spelling(published.state_dict()), path)
    assert_same_picture(path, published, side=32)


def test_both_generators_in_one_file_are_told_apart(tmp_path: Path) -> None:
    a, b = resnet(), resnet()
    path = tmp_path / "latest.pt"
    torch.save({"netG_A": a.state_dict(), "netG_B": b.state_dict()}, path)
    with pytest.raises(ModelError, match=r"several generators: netG_A, netG_B"):
        read_generator(path)
    state = unpack(read_bytes(path))
    assert torch.equal(find_state(state, "A_to_B")["model.1.weight"], a.state_dict()["model.1.weight"])
    assert torch.equal(find_state(state, "B_to_A")["model.1.weight"], b.state_dict()["model.1.weight"])


@pytest.mark.parametrize("names", [("G_AB", "G_BA"), ("genA2B", "genB2A"), ("G_A_ema", "G_B_ema")])
def test_the_fields_names_of_both_directions(names: tuple[str, str]) -> None:
    first, second = ({"model.1.weight": torch.rand(4, 3, 7, 7)} for _ in names)
    both = dict(zip(names, (first, second), strict=True))
    assert find_state(both, "A_to_B")["model.1.weight"] is first["model.1.weight"]
    assert find_state(both, "B_to_A")["model.1.weight"] is second["model.1.weight"]


def test_safetensors_of_the_references_names(tmp_path: Path) -> None:
    published = resnet()
    path = tmp_path / "g.safetensors"
    safetensors.torch.save_file(published.state_dict(), path)
    assert_same_picture(path, published)


@pytest.mark.parametrize(
    "own",
    [
        lambda: ResNetGenerator(ResNetConfig(blocks=2, ngf=4, upsample="resize")),
        lambda: ResNetGenerator(ResNetConfig(blocks=1, ngf=5, affine=True)),
        lambda: ResNetGenerator(ResNetConfig(blocks=1, ngf=5, affine=True, stem_norm=False)),
        lambda: UNetGenerator(UNetConfig(downs=5, ngf=4, affine=True)),
        lambda: UNetGenerator(UNetConfig(downs=6, ngf=4)),
    ],
)
def test_safetensors_of_cgtools_own_names(own: Callable[[], nn.Module], tmp_path: Path) -> None:
    net = own().eval()
    path = tmp_path / "A_to_B.safetensors"
    safetensors.torch.save_file(net.state_dict(), path)
    assert read_generator(path)[0].config == net.config
    assert_same_picture(path, net, side=64)


@pytest.mark.parametrize("new", [True, False], ids=["parametrized", "with hooks"])
def test_spectral_normalization_is_carried_out(new: bool, tmp_path: Path) -> None:
    published = resnet()
    for layer in published.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            wrap = nn.utils.parametrizations.spectral_norm if new else nn.utils.spectral_norm
            wrap(layer)
    published(torch.rand(1, 3, 16, 16))  # brings its vectors on their way
    path = tmp_path / "latest_net_G_A.pth"
    torch.save(published.eval().state_dict(), path)
    image = torch.rand(1, 3, 16, 16) * 2 - 1
    with torch.inference_mode():
        torch.testing.assert_close(read_generator(path)[0](image), published(image), atol=1e-4, rtol=0)


@pytest.mark.parametrize("kind", ["resnet", "unet"])
def test_a_network_of_gray_pictures_sees_luma_and_draws_gray(kind: str, tmp_path: Path) -> None:
    published = resnet() if kind == "resnet" else randomize(published_unet(5, 4, instance))
    state = dict(published.state_dict())
    first = "model.1" if kind == "resnet" else "model.model.0"
    weights = [key for key, value in state.items() if key.endswith(".weight") and 3 in value.shape[:2]]
    last = weights[-1].removesuffix(".weight")
    gray = state[f"{first}.weight"][:, :1]
    side = state[f"{last}.weight"].shape.index(3)
    state |= {
        f"{first}.weight": gray,
        f"{last}.weight": state[f"{last}.weight"].narrow(side, 0, 1),
        f"{last}.bias": state[f"{last}.bias"][:1],
    }
    path = tmp_path / "gray.pth"
    torch.save(state, path)
    image = torch.rand(1, 3, 32, 32) * 2 - 1
    luma = (image * torch.tensor([0.299, 0.587, 0.114])[:, None, None]).sum(1, keepdim=True)
    with torch.inference_mode():
        net = read_generator(path)[0]
        result, of_luma = net(image), net(luma.expand(-1, 3, -1, -1))
    torch.testing.assert_close(result, of_luma, atol=1e-5, rtol=0)
    assert torch.equal(result[:, 0], result[:, 2])


def test_what_is_in_the_file_is_said(tmp_path: Path) -> None:
    path = tmp_path / "x.pth"
    torch.save({"optimizer": 1, "epoch": 3}, path)
    with pytest.raises(ModelError, match="holds no network's weights, but optimizer, epoch"):
        read_generator(path)


def test_damaged_safetensors(tmp_path: Path) -> None:
    data = safetensors.torch.save({"model.1.weight": torch.rand(4, 3, 7, 7)})
    path = tmp_path / "x.safetensors"
    path.write_bytes(data[:-9])
    with pytest.raises(ModelError, match="truncated or damaged"):
        read_generator(path)


def test_the_tensors_of_a_discriminator_are_no_generator() -> None:
    weights: dict[str, Tensor] = {"model.0.weight": torch.rand(4, 3, 4, 4)}
    assert find_state({"netD": weights}) == weights
