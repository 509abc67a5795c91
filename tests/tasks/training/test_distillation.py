"""A small network learns what a large one can, from pictures alone."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
from typing import Any

import pytest
import torch

from cgtool.config import DIRECTIONS
from cgtool.errors import UsageError
from cgtool.models.folder import read_model_folder
from cgtool.models.maps import MapsConfig, MapsGenerator
from cgtool.models.weights import load_generator, save_model_folder
from cgtool.tasks.train import Finished, Prepared, TrainRequest, train
from cgtool.training.files.metrics import read_metrics
from cgtool.training.losses import shown
from cgtool.training.parts.distances import imitation
from tests.training.data.toy import tiny_request, write_domains

MAPS = {"generator": "maps", "map_stride": 4, "knots": 2, "crop_size": 32, "load_size": 36}


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> TrainRequest:
    """The request of a model that makes red things blue and blue ones red."""
    root = tmp_path_factory.mktemp("teacher")
    wanted = tiny_request(root, write_domains(root / "data"), "teacher", **MAPS)
    nets = {}
    for direction, sign in zip(DIRECTIONS, (1, -1), strict=True):
        net = MapsGenerator(MapsConfig(width=2, blocks=1, knots=2))
        with torch.no_grad():
            net.head.bias.copy_(torch.tensor([0, 0, 0, 0, -0.5 * sign, 0, 0.5 * sign] * 2))  # type: ignore[union-attr]  # it has one
        nets[direction] = net
    save_model_folder(wanted.model_folder, nets, domains=wanted.domains, training_scale=36, provenance={})
    return wanted


def student(teacher: TrainRequest, name: str = "student", **options: Any) -> TrainRequest:  # noqa: ANN401
    root = teacher.engines_dir.parent
    student = {**MAPS, "ngf": 1, "blocks": 1, "gan_weight": 0.0, "cycle_weight": 0.0, "distill_weight": 1.0, "lr": 0.01}
    given = {**student, "distill": str(teacher.model_folder), **options}
    return tiny_request(root, teacher.folders[0].parent, name, **given)


def test_a_student_comes_to_show_what_its_teacher_shows(teacher: TrainRequest) -> None:
    wanted = student(teacher, steps=60)
    assert isinstance(list(train(wanted))[-1], Finished)
    lines = read_metrics(wanted.run_folder / "metrics.jsonl")
    assert {name for name in lines[0] if name.endswith(("_A", "_B"))} == {"distillation_A", "distillation_B"}
    first, last = (sum(line["distillation_A"] for line in some) for some in (lines[:10], lines[-10:]))
    assert last < first / 2
    made, taught = read_model_folder(wanted.model_folder), read_model_folder(teacher.model_folder)
    assert made.network.architecture["width"] == 1
    config = made.provenance["config"]
    assert isinstance(config, dict)
    assert config["distill"] == "teacher"
    x = torch.linspace(-1, 1, 3 * 32 * 32).reshape(1, 3, 32, 32)
    objective = wanted.config.objective
    with torch.no_grad():
        for direction in DIRECTIONS:
            own, model = load_generator(made, direction), load_generator(taught, direction)
            want = shown(objective, x, model.picture(x, model(x)))
            near = imitation(shown(objective, x, own.picture(x, own(x))), want)
            assert near < imitation(shown(objective, x, x), want) / 2


def test_it_goes_on_exactly(teacher: TrainRequest) -> None:
    whole = student(teacher, "whole", steps=6)
    list(train(whole))
    parts = student(teacher, "parts", steps=6)
    list(train(dataclasses.replace(parts, stop_after=3)))
    list(train(parts))
    lines = [read_metrics(each.run_folder / "metrics.jsonl") for each in (whole, parts)]
    values = [[(line["distillation_A"], line["distillation_B"]) for line in some] for some in lines]
    assert values[0] == values[1]


def test_another_teacher_under_the_same_path_is_noticed(teacher: TrainRequest) -> None:
    folder = teacher.engines_dir / "fickle"
    shutil.copytree(teacher.model_folder, folder)
    begun = student(teacher, "resumed", distill=str(folder), steps=4)
    list(train(dataclasses.replace(begun, stop_after=1)))
    told = json.loads((folder / "model.json").read_bytes())
    told["defaults"]["smooth"] = 0.1
    (folder / "model.json").write_text(json.dumps(told))
    list(train(dataclasses.replace(begun, stop_after=2)))  # the networks are what they were
    made = read_model_folder(folder)
    nets = {direction: load_generator(made, direction) for direction in reversed(DIRECTIONS)}
    swapped = dict(zip(DIRECTIONS, nets.values(), strict=True))
    save_model_folder(folder, swapped, domains=made.domains, training_scale=36, provenance={}, overwrite=True)
    with pytest.raises(UsageError, match=r"at step 2.*changed --distill from fickle \(\w{8}\) to fickle \(\w{8}\)"):
        list(train(begun))
    _, prepared, *_, finished = train(dataclasses.replace(begun, allow_change=True))
    assert isinstance(prepared, Prepared)
    assert any("--distill fickle" in warning and "not exact" in warning for warning in prepared.warnings)
    assert isinstance(finished, Finished)
    provenance = read_model_folder(begun.model_folder).provenance
    assert [change["option"] for change in provenance["changes"]] == ["--distill"]  # type: ignore[attr-defined]  # JSON
    assert provenance["teacher"]["sha256"] == hashlib.sha256((folder / "model.json").read_bytes()).hexdigest()  # type: ignore[index]


def test_a_teacher_of_other_domains_is_refused(teacher: TrainRequest) -> None:
    wanted = dataclasses.replace(student(teacher, "other"), domains=("blue", "red"))
    with pytest.raises(UsageError, match="moves between red and blue, not blue and red") as caught:
        list(train(wanted))
    assert caught.value.hint


def test_a_teacher_is_not_replaced_by_its_student(teacher: TrainRequest) -> None:
    with pytest.raises(UsageError, match="imitated by what replaces it"):
        list(train(student(teacher, "teacher")))
