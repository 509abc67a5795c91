"""Reference checkpoints, checked against an independent writing of the published networks."""

from __future__ import annotations

import io
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from cgtool.errors import ModelError
from cgtool.models.checkpoints.reference import read_generator
from cgtool.models.resnet import ResNetConfig
from cgtool.models.unet import UNetConfig
from tests.models.checkpoints.published import (
    Norm,
    Sequence,
    affine,
    instance,
    published_resnet,
    published_unet,
    randomize,
)

State = dict[str, Tensor]


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def saved(state: object, folder: Path, **options: bool) -> Path:
    path = folder / "latest_net_G_A.pth"
    torch.save(state, path, **options)
    return path


def assert_same_picture(path: Path, published: nn.Module, side: int) -> None:
    image = torch.rand(2, 3, side, 2 * side, dtype=torch.float64) * 2 - 1
    net, data = read_generator(path)
    assert not net.training
    assert data == path.read_bytes()
    with torch.inference_mode():
        torch.testing.assert_close(net.double()(image), published.double()(image), atol=1e-9, rtol=0)


@pytest.mark.parametrize("reflect", [True, False], ids=["reflect", "zero"])
@pytest.mark.parametrize("dropout", [False, True], ids=["plain", "dropout"])
@pytest.mark.parametrize("norm", [instance, affine])
def test_resnet_checkpoints_give_the_published_networks_pictures(
    norm: Norm, dropout: bool, reflect: bool, tmp_path: Path
) -> None:
    published = randomize(published_resnet(3, 6, norm, reflect=reflect, dropout=dropout))
    path = saved(published.state_dict(), tmp_path)
    assert read_generator(path)[0].config == ResNetConfig(
        blocks=3, ngf=6, affine=norm is affine, padding="reflect" if reflect else "zero", dropout=dropout
    )
    assert_same_picture(path, published, side=16)


@pytest.mark.parametrize("downs", [5, 7])
@pytest.mark.parametrize("norm", [instance, affine])
def test_unet_checkpoints_give_the_published_networks_pictures(norm: Norm, downs: int, tmp_path: Path) -> None:
    published = randomize(published_unet(downs, 2, norm))
    path = saved(published.state_dict(), tmp_path)
    assert read_generator(path)[0].config == UNetConfig(downs=downs, ngf=2, affine=norm is affine)
    assert_same_picture(path, published, side=2**downs)


def _data_parallel(state: State) -> object:
    return {f"module.{key}": value for key, value in state.items()}


def _old_running_statistics(state: State) -> object:
    return {**state, "model.2.running_mean": torch.rand(4), "model.2.running_var": torch.rand(4)}


def _vintagify(state: State) -> object:
    return {key.replace("conv_block", "block"): value for key, value in state.items()}


def _wrapped(state: State) -> object:
    return {"epoch": 3, "state_dict": state}


def _double(state: State) -> object:
    return {key: value.double() for key, value in state.items()}


@pytest.mark.parametrize("spelling", [_data_parallel, _old_running_statistics, _vintagify, _wrapped, _double])
def test_spellings_of_the_same_weights(spelling: Callable[[State], object], tmp_path: Path) -> None:
    published = randomize(published_resnet(2, 4, instance))
    path = saved(spelling(published.state_dict()), tmp_path)
    assert_same_picture(path, published, side=16)


def test_checkpoints_from_before_the_zip_format(tmp_path: Path) -> None:
    published = randomize(published_resnet(1, 4, instance))
    path = saved(published.state_dict(), tmp_path, _use_new_zipfile_serialization=False)
    assert_same_picture(path, published, side=16)


def test_reading_leaves_the_random_numbers_alone(tmp_path: Path) -> None:
    path = saved(published_resnet(1, 4, instance).state_dict(), tmp_path)
    before = torch.get_rng_state()
    read_generator(path)
    assert torch.equal(torch.get_rng_state(), before)


def _patch_discriminator() -> nn.Module:
    return Sequence(nn.Conv2d(3, 4, 4, 2, 1), nn.LeakyReLU(), nn.Conv2d(4, 8, 4, 2, 1), nn.Conv2d(8, 1, 4, 1, 1))


def _with(changes: dict[str, Tensor | None]) -> State:
    state = dict(published_resnet(2, 4, instance).state_dict())
    for key, value in changes.items():
        if value is None:
            del state[key]
        else:
            state[key] = value
    return state


REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "discriminator": (lambda: _patch_discriminator().state_dict(), "discriminator"),
    "pixel discriminator": (lambda: {"net.0.weight": torch.rand(4, 3, 1, 1)}, "discriminator"),
    "batch norm": (lambda: published_resnet(2, 4, nn.BatchNorm2d).state_dict(), "batch normalization"),
    "anti-aliased": (lambda: _with({"model.7.filt": torch.rand(1, 1, 3, 3)}), "anti-aliased"),
    "an additional layer": (lambda: _with({"model.40.weight": torch.rand(3)}), "no place"),
    "a missing layer": (lambda: _with({"model.15.weight": None}), "model.15.weight is missing"),
    "no blocks": (lambda: published_resnet(0, 4, instance).state_dict(), "residual blocks"),
    "another width": (lambda: _with({"model.4.weight": torch.rand(9, 4, 3, 3)}), r"\(9, 4, 3, 3\)"),
    "two channels": (lambda: _with({"model.1.weight": torch.rand(4, 2, 7, 7)}), r"\(4, 2, 7, 7\)"),
    "NaN": (lambda: _with({"model.4.bias": torch.full((8,), torch.nan)}), "finite"),
    "Inf": (lambda: _with({"model.4.bias": torch.full((8,), torch.inf)}), "finite"),
    "integers": (lambda: _with({"model.4.bias": torch.ones(8, dtype=torch.int64)}), "finite"),
    "another network": (lambda: nn.Linear(2, 2).state_dict(), "unknown network"),
    "a list": (lambda: [torch.rand(2)], "no network's weights"),
    "empty": (dict, "no network's weights"),
    "a whole module": (lambda: nn.Linear(2, 2), "run code"),
    "a path": (lambda: Path("x"), "run code"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_foreign_checkpoints_are_refused_by_name_and_reason(name: str, tmp_path: Path) -> None:
    make, reason = REFUSED[name]
    path = saved(make(), tmp_path)
    with pytest.raises(ModelError, match=reason) as caught:
        read_generator(path)
    assert caught.value.path == str(path)
    assert caught.value.hint


def zip_bytes() -> bytes:
    stream = io.BytesIO()
    torch.save(published_resnet(1, 4, instance).state_dict(), stream)
    return stream.getvalue()


class RunsCode:
    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, ("pwned",)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"hello world\n", "not a PyTorch checkpoint"),
        (b"\x00\x00\x00\x20ftypisom", "not a PyTorch checkpoint"),
        (b"PK", "run code|damaged"),
        (b"\x80", "run code|damaged"),
        (zip_bytes()[:-1000], "truncated or damaged"),
        (zip_bytes()[:100], "truncated or damaged"),
        (zip_bytes().replace(b"model.1.weight", b"\xff" * 14), "damaged"),
        (pickle.dumps({"model.1.weight": 1}, protocol=4), "run code"),
    ],
    ids=["empty", "text", "mp4", "PK", "x80", "cut", "head", "flipped", "pickle"],
)
def test_damaged_files_are_refused(data: bytes, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "latest_net_G_A.pth"
    path.write_bytes(data)
    with pytest.raises(ModelError, match=reason):
        read_generator(path)


def test_code_in_a_checkpoint_does_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = saved({"state_dict": RunsCode()}, tmp_path)
    with pytest.raises(ModelError, match="run code"):
        read_generator(path)
    assert not (tmp_path / "pwned").exists()


def test_paths_that_are_no_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="directory"):
        read_generator(tmp_path)
    with pytest.raises(ModelError, match="no such file"):
        read_generator(tmp_path / "absent.pth")


def test_real_reference_checkpoint(shared_data: Path) -> None:
    path = shared_data / "weights" / "reference_s2w" / "latest_net_G_A.pth"
    published = published_resnet(6, 32, instance)
    published.load_state_dict(torch.load(path, weights_only=True))
    assert_same_picture(path, published, side=64)


def test_real_truncated_checkpoint(shared_data: Path) -> None:
    with pytest.raises(ModelError, match=r"truncated_latest_net_G_B\.pth: truncated or damaged"):
        read_generator(shared_data / "odd" / "checkpoints" / "truncated_latest_net_G_B.pth")


def test_real_discriminator(shared_data: Path) -> None:
    with pytest.raises(ModelError, match="a discriminator"):
        read_generator(shared_data / "weights" / "reference_s2w" / "latest_net_D_A.pth")
