"""Trainings that go on otherwise than they began, and warm starts."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import torch

from cgtool.errors import ModelError, UsageError
from cgtool.models.folder import read_model_folder
from cgtool.models.weights import load_generator
from cgtool.tasks.train import TrainRequest
from cgtool.training.files.metrics import read_metrics
from tests.tasks.test_train import assert_equal, last_checkpoint, request, run
from tests.training.data.toy import write_domains

pytestmark = pytest.mark.usefixtures("one_thread")


CHANGES = [("lr", 0.001), ("batch", 2), ("gan_loss", "bce"), ("steps", 40), ("seed", 5), ("load_size", 40)]


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory, data: Path) -> TrainRequest:
    wanted = request(tmp_path_factory.mktemp("stopped"), data)
    run(dataclasses.replace(wanted, stop_after=2))
    return wanted


@pytest.mark.parametrize(("name", "value"), CHANGES)
def test_a_changed_option_is_refused_by_name(stopped: TrainRequest, name: str, value: object) -> None:
    changed = dataclasses.replace(stopped, config=stopped.config.changed(**{name: value}))
    with pytest.raises(UsageError, match=f"--{name.replace('_', '-')} from .* to {value}") as caught:
        run(changed)
    assert "--allow-change" in str(caught.value)


def test_allowed_changes_are_noted(tmp_path: Path, data: Path) -> None:
    wanted = request(tmp_path, data, config={"steps": 4})
    run(dataclasses.replace(wanted, stop_after=2))
    config = dataclasses.replace(wanted.config, lr=0.001, ema=0.0, batch=2)
    prepared, _, finished = run(dataclasses.replace(wanted, config=config, allow_change=True))
    assert sum("not exact" in warning for warning in prepared.warnings) == 3
    assert finished.step == 4
    assert {change["option"] for change in last_checkpoint(wanted)["changes"]} == {"--lr", "--ema", "--batch"}
    rates = [line["learning_rate"] for line in read_metrics(wanted.run_folder / "metrics.jsonl")]
    assert rates == pytest.approx([2e-4, 2e-4, 1e-3, 5e-4])


def test_other_images_are_refused(tmp_path: Path, stopped: TrainRequest) -> None:
    other = write_domains(tmp_path, count=7)
    with pytest.raises(UsageError, match=r"--a from 6 images to 7 other images"):
        run(dataclasses.replace(stopped, folders=(other / "trainA", stopped.folders[1])))


def test_a_checkpoint_of_another_architecture_is_refused(stopped: TrainRequest) -> None:
    config = dataclasses.replace(stopped.config, ngf=5)
    with pytest.raises(ModelError, match="another architecture") as caught:
        run(dataclasses.replace(stopped, config=config, allow_change=True))
    assert str(caught.value).count("\n") == 0
    assert "step_00000002.pt" in str(caught.value)


def test_a_warm_start_crosses_machines(tmp_path: Path, data: Path) -> None:
    first = request(tmp_path / "first", data, config={"steps": 3}, save_init=tmp_path / "init")
    run(first)
    files = {path.name for path in (tmp_path / "init").iterdir()}
    names = ("A_to_B", "B_to_A", "A_to_B.ema", "B_to_A.ema", "D_A", "D_B")
    assert files == {"init.json", *(f"{name}.safetensors" for name in names)}
    source = last_checkpoint(first)

    second = request(tmp_path / "second", data, config={"steps": 5, "lr": 0.0}, init=tmp_path / "init")
    prepared, progress, _ = run(second)
    assert prepared.step == 3
    assert [event.metrics.step for event in progress] == [4, 5]
    checkpoint = last_checkpoint(second)
    for name, state in checkpoint["networks"].items():  # the learning rate is 0
        for key, value in state.items():
            assert torch.equal(value, source["networks"][name][key].half().float())
    assert checkpoint["optimizers"][0]["state"][0]["step"].item() == 2  # fresh
    provenance = json.loads(json.dumps(read_model_folder(second.model_folder).provenance))
    assert provenance["init"]["step"] == 3
    assert provenance["init"]["provenance"]["run"] == source["id"]

    done = request(tmp_path / "third", data, config={"steps": 3}, init=tmp_path / "init")
    with pytest.raises(UsageError, match="3 steps already"):
        run(done)
    other = request(tmp_path / "fourth", data, config={"ngf": 5}, init=tmp_path / "init")
    with pytest.raises(ModelError, match=r"ngf=4.* but this training's is .*ngf=5"):
        run(other)
    (tmp_path / "init" / "D_A.safetensors").write_bytes(b"damaged")
    with pytest.raises(ModelError, match=r"D_A.safetensors: changed or damaged"):
        run(dataclasses.replace(second, name="fifth"))


def test_a_models_generators_are_trained_further(tmp_path: Path, data: Path) -> None:
    first = request(tmp_path / "first", data, config={"steps": 3})
    run(first)
    model = read_model_folder(first.model_folder)
    further: dict[str, Any] = {"steps": 2, "lr": 0.0, "ema": 0.9, "discriminator": "pixel"}
    second = request(tmp_path / "second", data, config=further, init=first.model_folder)
    prepared, progress, _ = run(second)
    assert prepared.step == 0
    assert [event.metrics.step for event in progress] == [1, 2]
    for direction in model.directions:  # the learning rate is 0
        one, other = (load_generator(read_model_folder(it.model_folder), direction) for it in (first, second))
        assert_equal(dict(one.state_dict()), dict(other.state_dict()))
    provenance = json.loads(json.dumps(read_model_folder(second.model_folder).provenance))
    assert provenance["init"]["step"] == 0
    assert provenance["init"]["provenance"]["run"] == model.provenance["run"]

    other_size = request(tmp_path / "third", data, config={"ngf": 5}, init=first.model_folder)
    with pytest.raises(ModelError, match=r"ngf=4.* but this training's is .*ngf=5"):
        run(other_size)


def test_a_warm_start_replaces_nothing_else(tmp_path: Path, data: Path) -> None:
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "love.txt").touch()
    with pytest.raises(UsageError, match="no warm start"):
        run(request(tmp_path, data, save_init=tmp_path / "letters"))
