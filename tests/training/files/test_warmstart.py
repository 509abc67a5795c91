"""Warm starts: they are whole, and are not lost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from cgtool.errors import ModelError, UsageError
from cgtool.training.files.warmstart import check_save_init, read_init, save_init
from cgtool.training.parallel import World
from cgtool.training.state import TrainState
from tests.training.data.toy import tiny_config


def state(**options: object) -> TrainState:
    return TrainState(tiny_config(**options), World(0, 1, torch.device("cpu")))


def test_weights_come_back_in_half_precision(tmp_path: Path) -> None:
    saved = state()
    saved.step, saved.images = 7, 14
    save_init(tmp_path / "deep" / "init", saved, {"run": "x"})
    start = read_init(tmp_path / "deep" / "init", state(seed=1).networks)
    networks, averages = saved.weights()
    assert (start.init.step, start.images, start.init.provenance) == (7, 14, {"run": "x"})
    assert start.networks.keys() == networks.keys()
    assert start.averages.keys() == averages.keys()
    for key, value in networks["D_A"].items():
        assert torch.equal(start.networks["D_A"][key], value.half())


def test_a_write_that_fails_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "init"
    save_init(folder, state(), {"run": "old"})
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    rename = Path.rename

    def full(path: Path, target: Path) -> Path:
        if path.name == "new":
            raise OSError(28, "No space left on device")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", full)
    with pytest.raises(ModelError, match="No space left"):
        save_init(folder, state(seed=1), {"run": "new"})
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["init"]


def test_weights_that_half_precision_can_not_hold_are_refused(tmp_path: Path) -> None:
    wild = state()
    next(wild.networks.G.parameters()).data[0] = 1e6
    with pytest.raises(ModelError, match="not finite in half precision"):
        save_init(tmp_path / "init", wild, {})
    assert not (tmp_path / "init").exists()


@pytest.mark.parametrize(("options", "words"), [
    ({"ngf": 5}, "its generator is resnet .*ngf=4.*ngf=5"),
    ({"discriminator": "pixel"}, "its discriminator is patch .* is pixel"),
])  # fmt: skip
def test_another_architecture_is_refused(tmp_path: Path, options: dict[str, object], words: str) -> None:
    save_init(tmp_path / "init", state(), {})
    with pytest.raises(ModelError, match=words) as caught:
        read_init(tmp_path / "init", state(**options).networks)
    assert caught.value.path == str(tmp_path / "init")


def test_an_option_that_an_old_one_does_not_know_has_its_default(tmp_path: Path) -> None:
    save_init(tmp_path / "init", state(), {})
    file = tmp_path / "init" / "init.json"
    description = json.loads(file.read_text())
    del description["generator"]["stem_norm"]
    file.write_text(json.dumps(description))
    read_init(tmp_path / "init", state().networks)
    with pytest.raises(ModelError, match="its generator is"):
        read_init(tmp_path / "init", state(stem_norm=False).networks)


@pytest.mark.parametrize("damage", ["{", "{}", '{"format_version": 9}'])
def test_damaged_descriptions_are_refused(tmp_path: Path, damage: str) -> None:
    save_init(tmp_path / "init", state(), {})
    (tmp_path / "init" / "init.json").write_text(damage)
    with pytest.raises(ModelError):
        read_init(tmp_path / "init", state().networks)


def test_only_warm_starts_and_empty_folders_are_replaced(tmp_path: Path) -> None:
    check_save_init(tmp_path / "none")
    check_save_init(tmp_path)
    (tmp_path / "letter.txt").touch()
    with pytest.raises(UsageError, match="no warm start"):
        check_save_init(tmp_path)
