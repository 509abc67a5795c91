"""One model of two models' directions."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from cgtool.config import DIRECTIONS, Direction
from cgtool.models.architecture import Generator, build_generator
from cgtool.models.folder import ModelFolder
from cgtool.models.weights import load_generator, save_model_folder
from tests.benchmarks.models.directions import combine


def model(path: Path, kind: dict[str, object], domains: tuple[str, str] = ("photo", "monet")) -> ModelFolder:
    torch.manual_seed(len(path.name))
    generators: dict[Direction, Generator] = {direction: build_generator(kind) for direction in DIRECTIONS}
    provenance = {"note": path.name}
    return save_model_folder(path, generators, domains=domains, training_scale=256, provenance=provenance)


def test_each_direction_is_its_models(tmp_path: Path) -> None:
    fast = model(tmp_path / "fast", {"type": "shuffle", "width": 4, "blocks": 1})
    large = model(tmp_path / "large", {"type": "resnet", "blocks": 1, "ngf": 4})
    both = combine(fast, large, tmp_path / "both")
    assert both.network_of("A_to_B") == fast.network
    assert both.network_of("B_to_A") == large.network
    assert (both.provenance["note"], both.provenance["B_to_A"]) == ("fast", {"note": "large"})
    for direction, source in zip(DIRECTIONS, (fast, large), strict=True):
        mine, its = load_generator(both, direction), load_generator(source, direction)
        assert all(torch.equal(value, its.state_dict()[key]) for key, value in mine.state_dict().items())


def test_models_of_one_structure_have_no_second_one(tmp_path: Path) -> None:
    kind: dict[str, object] = {"type": "resnet", "blocks": 1, "ngf": 4}
    both = combine(model(tmp_path / "one", kind), model(tmp_path / "other", kind), tmp_path / "both")
    assert (both.network_to, both.defaults_to) == ({}, {})


def test_other_domains_are_refused(tmp_path: Path) -> None:
    kind: dict[str, object] = {"type": "resnet", "blocks": 1, "ngf": 4}
    with pytest.raises(SystemExit, match="moves between day and night, not photo and monet"):
        combine(model(tmp_path / "a", kind), model(tmp_path / "b", kind, ("day", "night")), tmp_path / "c")
    assert not (tmp_path / "c").exists()
