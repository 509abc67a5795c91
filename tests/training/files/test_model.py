"""A training's model folder."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from cgtool.models.folder import Defaults, read_model_folder
from cgtool.models.weights import load_generator
from cgtool.training.files.model import publish_model, save_model, steps_of
from cgtool.training.parallel import World
from cgtool.training.state import TrainState
from tests.training.data.toy import tiny_config
from tests.training.test_record import record


@pytest.mark.parametrize(
    ("options", "defaults"),
    [
        ({}, Defaults(36, texture=1.0)),
        ({"through_detail": True, "texture": 0.4, "contrast": 0.3}, Defaults(36, texture=0.4, contrast=0.3)),
        ({"generator": "maps", "contrast": 0.3}, Defaults(36)),
    ],
)
def test_conversion_shows_what_was_judged(tmp_path: Path, options: dict[str, object], defaults: Defaults) -> None:
    state = TrainState(tiny_config(**options), World(0, 1, torch.device("cpu")))
    made = record(**options)
    assert save_model(tmp_path / "toy", made, state, {"run": made.id}) is None
    model = read_model_folder(tmp_path / "toy")
    assert model.defaults == defaults
    assert load_generator(model, "B_to_A").config == state.networks.F.config


def test_another_runs_model_is_moved_aside_and_ones_own_replaced(tmp_path: Path) -> None:
    state = TrainState(tiny_config(), World(0, 1, torch.device("cpu")))
    mine, other = record(), record()
    folder = tmp_path / "toy"
    assert save_model(folder, other, state, {"run": other.id}) is None
    assert save_model(folder, mine, state, {"run": mine.id}) == tmp_path / "toy.previous-1"
    assert save_model(folder, mine, state, {"run": mine.id}) is None
    assert save_model(folder, dataclasses.replace(mine, id="x"), state, {"run": "x"}) == tmp_path / "toy.previous-2"
    assert read_model_folder(tmp_path / "toy.previous-1").provenance["run"] == other.id


def test_a_model_that_was_kept_is_published_in_place_of_a_former_one(tmp_path: Path) -> None:
    state = TrainState(tiny_config(), World(0, 1, torch.device("cpu")))
    mine, other = record(), record()
    kept, folder = tmp_path / "best" / "toy", tmp_path / "toy"
    save_model(kept, mine, state, {"run": mine.id, "steps": 7})
    save_model(folder, other, state, {"run": other.id})
    assert publish_model(folder, kept, mine) == tmp_path / "toy.previous-1"
    assert publish_model(folder, kept, mine) is None
    assert read_model_folder(folder).weights == read_model_folder(kept).weights
    assert (steps_of(folder, mine), steps_of(folder, other), steps_of(tmp_path / "none", mine)) == (7, None, None)
