"""Averages of models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from cgtool.models.architecture import build_generator
from cgtool.models.folder import read_model_folder
from cgtool.models.weights import load_generator, save_model_folder
from tests.benchmarks.models.average_models import average_models


def write(path: Path, steps: int, run: str, *before: str) -> Path:
    """A model of a run, which began with the run before, and that with the one before it, and so on."""
    torch.manual_seed(steps)
    nets = {name: build_generator({"type": "resnet", "blocks": 1, "ngf": 4}) for name in ("A_to_B", "B_to_A")}
    provenance: dict[str, Any] = {"run": run, "steps": steps}
    youngest = provenance
    for name in before:
        youngest["init"] = {"provenance": {"run": name, "steps": 50}}
        youngest = youngest["init"]["provenance"]
    save_model_folder(path, nets, domains=("red", "blue"), training_scale=64, provenance=provenance)  # type: ignore[arg-type]  # names are directions
    return path


def test_weights_are_the_means_and_the_provenance_tells(tmp_path: Path) -> None:
    paths = [write(tmp_path / f"at{steps}", steps, "one") for steps in (30, 10, 20)]
    average = average_models(tmp_path / "average", paths)
    assert average == read_model_folder(tmp_path / "average")
    averaged = [{"run": "one", "steps": steps} for steps in (10, 20, 30)]
    assert average.provenance == {"run": "one", "steps": 30, "mean_of": averaged}
    for direction in average.directions:
        nets = [load_generator(read_model_folder(path), direction).state_dict() for path in paths]
        for key, value in load_generator(average, direction).state_dict().items():
            torch.testing.assert_close(value, torch.stack([net[key] for net in nets]).mean(0), atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("between", [(), ("three",)])
def test_a_model_given_twice_counts_twice_beside_one_that_began_with_it(
    between: tuple[str, ...], tmp_path: Path
) -> None:
    before, after = write(tmp_path / "before", 50, "one"), write(tmp_path / "after", 5, "two", *between, "one")
    average = average_models(tmp_path / "average", [after, before, before])
    assert average.provenance["run"] == "two"
    parts = [("one", 50), ("one", 50), ("two", 5)]
    assert average.provenance["mean_of"] == [{"run": run, "steps": steps} for run, steps in parts]
    for direction in average.directions:
        own, others = (load_generator(read_model_folder(path), direction).state_dict() for path in (after, before))
        for key, value in load_generator(average, direction).state_dict().items():
            torch.testing.assert_close(value, (own[key] + 2 * others[key]) / 3, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("before", [(), ("three",)])
def test_models_of_different_runs_are_refused(before: tuple[str, ...], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="one run"):
        average_models(
            tmp_path / "average", [write(tmp_path / "a", 1, "one"), write(tmp_path / "b", 2, "two", *before)]
        )
